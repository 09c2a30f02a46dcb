//! Mistakes of queries, keys and values, and of the cache.

use super::{Mistake, mistake, sites};
use crate::Checkpoint;
use crate::arithmetic::{CacheForm, Heads};

pub(super) const PROJECTIONS: &[Mistake] = &[
    // Queries, keys and values.
    mistake(
        "weight-transposed",
        Checkpoint::QkvProjection,
        sites::qkv,
        "the projection with c_attn read as [out, in], as torch.nn.Linear stores it",
        |f| f.c_attn.transposed = true,
    ),
    mistake(
        "qkv-bias-missing",
        Checkpoint::QkvProjection,
        sites::qkv,
        "the projection without the bias of c_attn",
        |f| f.c_attn.bias = false,
    ),
    mistake(
        "qkv-thirds-swapped",
        Checkpoint::QkvProjection,
        sites::qkv,
        "the projection with queries and keys swapped (thirds read as K, Q, V)",
        |f| f.thirds = [1, 0, 2],
    ),
    mistake(
        "qkv-thirds-qvk",
        Checkpoint::QkvProjection,
        sites::qkv,
        "the projection with keys and values swapped (thirds read as Q, V, K)",
        |f| f.thirds = [0, 2, 1],
    ),
    mistake(
        "qkv-thirds-vkq",
        Checkpoint::QkvProjection,
        sites::qkv,
        "the projection with queries and values swapped (thirds read as V, K, Q)",
        |f| f.thirds = [2, 1, 0],
    ),
    mistake(
        "qkv-thirds-vqk",
        Checkpoint::QkvProjection,
        sites::qkv,
        "the projection with rotated thirds (read as V, Q, K)",
        |f| f.thirds = [1, 2, 0],
    ),
    mistake(
        "qkv-thirds-kvq",
        Checkpoint::QkvProjection,
        sites::qkv,
        "the projection with rotated thirds (read as K, V, Q)",
        |f| f.thirds = [2, 0, 1],
    ),
    mistake(
        "heads-split-3dh",
        Checkpoint::QkvProjection,
        sites::qkv,
        "the projection split as [3, D, H]: channels before heads",
        |f| f.heads = Heads::ThirdChannelHead,
    ),
    mistake(
        "heads-split-h3d",
        Checkpoint::QkvProjection,
        sites::qkv,
        "the projection split as [H, 3, D]: heads before thirds",
        |f| f.heads = Heads::HeadThirdChannel,
    ),
    mistake(
        "heads-interleaved",
        Checkpoint::QkvProjection,
        sites::qkv,
        "the projection split as [H, D, 3]: queries, keys and values interleaved",
        |f| f.heads = Heads::HeadChannelThird,
    ),
    mistake(
        "query-scaled",
        Checkpoint::QkvProjection,
        sites::queries,
        "queries already divided by sqrt(head_dim)",
        |f| f.query_scaled = true,
    ),
    // Cache.
    mistake(
        "cache-not-appended",
        Checkpoint::KvCache,
        sites::cache,
        "the cache of the step before: the new rows were not appended",
        |f| f.cache = CacheForm::NotAppended,
    ),
    mistake(
        "cache-overwritten",
        Checkpoint::KvCache,
        sites::cache,
        "the new rows alone: the cache was overwritten",
        |f| f.cache = CacheForm::Overwritten,
    ),
    mistake(
        "cache-shifted",
        Checkpoint::KvCache,
        sites::cache,
        "a cache written one position early; its last row was never written",
        |f| f.cache = CacheForm::OneEarly,
    ),
    mistake(
        "cache-shifted-late",
        Checkpoint::KvCache,
        sites::cache,
        "a cache written one position late; the row before was never written",
        |f| f.cache = CacheForm::OneLate,
    ),
    mistake(
        "cache-kv-swapped",
        Checkpoint::KvCache,
        sites::cache,
        "a cache with keys and values swapped",
        |f| f.cache = CacheForm::Swapped,
    ),
    mistake(
        "cache-of-wrong-block",
        Checkpoint::KvCache,
        sites::cache,
        "a cache that was given the rows of the block before",
        |f| f.cache = CacheForm::OfBlockBefore,
    ),
];
