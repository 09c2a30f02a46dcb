//! Which values a mistake changes.

use gpt2_model::Site;

pub(super) fn embed(site: Site) -> bool {
    matches!(site, Site::Embed)
}

pub(super) fn norms(site: Site) -> bool {
    matches!(site, Site::Ln1(_) | Site::Ln2(_) | Site::LnF)
}

pub(super) fn block_norms(site: Site) -> bool {
    matches!(site, Site::Ln1(_) | Site::Ln2(_))
}

pub(super) fn second_norm(site: Site) -> bool {
    matches!(site, Site::Ln2(_))
}

pub(super) fn final_norm(site: Site) -> bool {
    matches!(site, Site::LnF)
}

pub(super) fn qkv(site: Site) -> bool {
    matches!(site, Site::Query(_) | Site::Key(_) | Site::Value(_))
}

pub(super) fn queries(site: Site) -> bool {
    matches!(site, Site::Query(_))
}

pub(super) fn cache(site: Site) -> bool {
    matches!(site, Site::CacheKey(_) | Site::CacheValue(_))
}

pub(super) fn scores(site: Site) -> bool {
    matches!(site, Site::Scores(_))
}

pub(super) fn later_scores(site: Site) -> bool {
    matches!(site, Site::Scores(1..))
}

pub(super) fn weights(site: Site) -> bool {
    matches!(site, Site::AttentionWeights(_))
}

pub(super) fn attention(site: Site) -> bool {
    matches!(site, Site::Attention(_))
}

pub(super) fn mlp(site: Site) -> bool {
    matches!(site, Site::Mlp(_))
}

pub(super) fn after_attention(site: Site) -> bool {
    matches!(site, Site::Ln2(_) | Site::Block(_))
}

pub(super) fn block(site: Site) -> bool {
    matches!(site, Site::Block(_))
}

pub(super) fn logits(site: Site) -> bool {
    matches!(site, Site::Logits | Site::LastLogits)
}

pub(super) fn last(site: Site) -> bool {
    matches!(site, Site::LastLogits)
}

pub(super) fn argmax(site: Site) -> bool {
    matches!(site, Site::Argmax)
}

pub(super) fn probs(site: Site) -> bool {
    matches!(site, Site::Probs)
}

pub(super) fn generated(site: Site) -> bool {
    matches!(site, Site::Generated)
}

/// Those computed with the parameters of a block.
pub(super) fn parameters(site: Site) -> bool {
    block_norms(site) || qkv(site) || attention(site) || mlp(site)
}

/// Those computed with parameters.
pub(super) fn with_weights(site: Site) -> bool {
    parameters(site) || matches!(site, Site::Embed | Site::LnF) || logits(site)
}

/// Those that are sums of products.
pub(super) fn products(site: Site) -> bool {
    qkv(site) || scores(site) || attention(site) || mlp(site) || logits(site)
}

/// All but token ids.
pub(super) fn any_float(site: Site) -> bool {
    !argmax(site) && !generated(site)
}
