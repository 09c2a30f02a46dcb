"""A HuggingFace GPT-2 as a CTranslate2 model in f32: `ctranslate2_convert.py DIR`.

The tokens are called by their numbers.
"""

import pathlib
import sys

import numpy as np
from checkpoint import Checkpoint
from ctranslate2.specs import TransformerDecoderModelSpec, common_spec


def main(directory):
    model = Checkpoint(directory)
    spec = TransformerDecoderModelSpec.from_config(
        model.n_layer, model.n_head, activation=common_spec.Activation.GELUTanh
    )

    def norm(to, module):
        to.gamma, to.beta = model[f"{module}.weight"], model[f"{module}.bias"]

    def linear(to, module):
        # Conv1D is [in, out]; CTranslate2 wants [out, in].
        to.weight = np.ascontiguousarray(model[f"{module}.weight"].T)
        to.bias = model[f"{module}.bias"]

    decoder = spec.decoder
    decoder.scale_embeddings = False
    decoder.embeddings.weight = model["wte.weight"]
    decoder.projection.weight = model["wte.weight"]
    decoder.position_encodings.encodings = model["wpe.weight"]
    norm(decoder.layer_norm, "ln_f")
    for i, layer in enumerate(decoder.layer):
        norm(layer.self_attention.layer_norm, f"h.{i}.ln_1")
        linear(layer.self_attention.linear[0], f"h.{i}.attn.c_attn")
        linear(layer.self_attention.linear[1], f"h.{i}.attn.c_proj")
        norm(layer.ffn.layer_norm, f"h.{i}.ln_2")
        linear(layer.ffn.linear_0, f"h.{i}.mlp.c_fc")
        linear(layer.ffn.linear_1, f"h.{i}.mlp.c_proj")
    spec.config.layer_norm_epsilon = model.epsilon
    spec.config.bos_token = spec.config.eos_token = spec.config.unk_token = "0"
    spec.register_vocabulary([str(i) for i in range(model.vocab_size)])
    spec.validate()
    spec.optimize()
    out = pathlib.Path(directory) / "ctranslate2"
    out.mkdir(exist_ok=True)
    spec.save(str(out))


if __name__ == "__main__":
    main(sys.argv[1])
