//! Files that are sound and hold another model.

use serde_json::json;

use super::{Case, case, model};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            "tensor: missing",
            model(|m| m.remove("h.1.mlp.c_fc.bias")),
            MissingTensor { .. },
            "model.safetensors: tensor \"h.1.mlp.c_fc.bias\" is missing"
        ),
        case!(
            "tensor: the embedding missing",
            model(|m| m.remove("wte.weight")),
            MissingTensor { .. },
            "tensor \"wte.weight\" is missing"
        ),
        case!(
            "tensor: all missing",
            model(|m| {
                m.tensors.clear();
                m.data.clear();
            }),
            MissingTensor { .. },
            "tensor \"wte.weight\" is missing"
        ),
        case!(
            "tensor: the head of an untied model missing",
            model(|m| m.config["tie_word_embeddings"] = json!(false)),
            MissingTensor { .. },
            "tensor \"lm_head.weight\" is missing"
        ),
        case!(
            "tensor: extra",
            model(|m| m.add("h.0.attn.extra", &[1])),
            UnexpectedTensor { count: 1, .. },
            "tensor \"h.0.attn.extra\" is not part of this"
        ),
        case!(
            "tensor: a block more than the configuration has",
            model(|m| {
                m.config["n_layer"] = json!(1);
            }),
            UnexpectedTensor { count: 12, .. },
            "tensor \"h.1.attn.c_attn.bias\" is not part of this configuration (12 such tensors)"
        ),
        case!(
            "tensor: the mask of a block that is not there",
            model(|m| m.add("h.2.attn.bias", &[1, 1, 8, 8])),
            UnexpectedTensor { .. },
            "\"h.2.attn.bias\""
        ),
        case!(
            "tensor: a mask whose block is no number",
            model(|m| m.add("h.01.attn.masked_bias", &[])),
            UnexpectedTensor { .. },
            "\"h.01.attn.masked_bias\""
        ),
        case!(
            "tensor: a classifier",
            model(|m| m.add("score.weight", &[2, 4])),
            UnexpectedTensor { .. },
            "\"score.weight\""
        ),
        case!(
            "tensor: the prefix twice",
            model(|m| {
                m.tensor("wpe.weight").name = "transformer.transformer.wpe.weight".into();
            }),
            MissingTensor { .. },
            "tensor \"wpe.weight\" is missing"
        ),
        case!(
            "tensor: a terminal's escape for a name",
            model(|m| m.add("\u{1b}[2J", &[1])),
            UnexpectedTensor { .. },
            "tensor \"\\u{1b}[2J\" is not part"
        ),
        case!(
            "tensor: transposed",
            model(|m| m.tensor("h.0.attn.c_attn.weight").shape = vec![12, 4]),
            WrongShape { .. },
            "\"h.0.attn.c_attn.weight\": expected shape [4, 12], found [12, 4]"
        ),
        case!(
            "tensor: other rank",
            model(|m| m.tensor("ln_f.weight").shape = vec![1, 4]),
            WrongShape { .. },
            "\"ln_f.weight\": expected shape [4], found [1, 4]"
        ),
        case!(
            "tensor: a scalar",
            model(|m| {
                m.remove("ln_f.bias");
                m.add("ln_f.bias", &[]);
            }),
            WrongShape { .. },
            "\"ln_f.bias\": expected shape [4], found []"
        ),
        case!(
            "tensor: other inner width",
            model(|m| m.config["n_inner"] = json!(8)),
            WrongShape { .. },
            "\"h.0.mlp.c_fc.weight\": expected shape [4, 8], found [4, 16]"
        ),
        case!(
            "tensor: integers",
            model(|m| m.tensor("ln_f.weight").dtype = "I32".into()),
            WrongDtype { .. },
            "\"ln_f.weight\": expected dtype F32, F16, BF16 or F64, found I32"
        ),
        case!(
            "tensor: quantized",
            model(|m| {
                m.remove("ln_f.weight");
                m.add_raw("ln_f.weight", "F8_E4M3", &[4], &[0; 4]);
            }),
            WrongDtype { .. },
            "found F8_E4M3"
        ),
        case!(
            "tensor: a head that differs from the embedding it is tied to",
            model(|m| m.add("lm_head.weight", &[10, 4])),
            TiedHeadDiffers { .. },
            "\"lm_head.weight\" differs from \"wte.weight\" although the configuration ties them"
        ),
        case!(
            "tensor: a tied head of other shape",
            model(|m| {
                m.add("lm_head.weight", &[11, 4]);
            }),
            TiedHeadDiffers { .. },
            "set \"tie_word_embeddings\": false to use it, or remove it"
        ),
    ]
}
