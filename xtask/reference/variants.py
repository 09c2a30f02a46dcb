"""Make tiny GPT-2s with random weights that between them use every option of the architecture.

Each goes to OUT/NAME/ with its config.json, model.safetensors and reference/trace.safetensors.
"""

import argparse
import itertools
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel

from trace import deterministic, generate, make_trace

N_POSITIONS = 16
PROMPT_LEN, DECODE = 6, 3


@dataclass
class Variant:
    """One model: what differs from a plain GPT-2, and how its files are written."""

    name: str
    config: dict = field(default_factory=dict)
    vocab_size: int = 61
    n_layer: int = 2
    n_head: int = 4
    n_embd: int = 24
    prefix: bool = True
    """Names begin with `transformer.`; without it, as in OpenAI's own files, the config is also minimal."""
    buffers: bool = False
    """The causal-mask buffers that old versions saved are there as well."""
    shard_size: str | None = None
    """Stored in bf16, in files of at most this size and an index; HuggingFace computes in f32 all the same."""


VARIANTS = [
    Variant("gelu_odd_inner", {"activation_function": "gelu", "n_inner": 71}),
    Variant("relu_epsilon", {"activation_function": "relu", "layer_norm_epsilon": 1e-3}, vocab_size=73),
    Variant("silu_head_dim_3", {"activation_function": "silu"}, n_head=8),
    Variant("tanh_one_head", {"activation_function": "tanh"}, n_head=1, n_embd=23),
    Variant("gelu_pytorch_tanh", {"activation_function": "gelu_pytorch_tanh"}, n_head=5, n_embd=25, vocab_size=67),
    Variant("gelu_fast", {"activation_function": "gelu_fast"}, n_head=3, vocab_size=71),
    Variant("untied_head", {"tie_word_embeddings": False}, vocab_size=97),
    Variant("inverse_layer_scale", {"scale_attn_by_inverse_layer_idx": True}, n_layer=3, n_head=3, n_embd=18),
    Variant("unscaled_buffers", {"scale_attn_weights": False}, buffers=True),
    Variant("upcast", {"reorder_and_upcast_attn": True, "scale_attn_by_inverse_layer_idx": True}),
    Variant("bare_names", {}, n_head=6, prefix=False, vocab_size=89),
    Variant("sharded_bf16", {}, vocab_size=79, shard_size="12KB"),
]


def randomize(model: GPT2LMHeadModel, generator: torch.Generator) -> None:
    """Weights of a trained model's scale: softmax and activations far from linear, no bias zero."""
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if ".ln_" in name and name.endswith("weight"):
            parameter.data = 1 + 0.2 * noise
        elif name.endswith("bias"):
            parameter.data = 0.1 * noise
        elif name.endswith(("wte.weight", "wpe.weight", "lm_head.weight")):
            parameter.data = 0.6 * noise
        else:
            parameter.data = 0.2 * noise
    model.tie_weights()


def save(variant: Variant, model: GPT2LMHeadModel, out: Path) -> None:
    """As HuggingFace saves it, then changed as the variant asks."""
    if variant.shard_size:
        model.to(torch.bfloat16).save_pretrained(out, max_shard_size=variant.shard_size)
        for weights in out.glob("*.safetensors"):
            weights.chmod(0o644)
    else:
        model.save_pretrained(out)
    (out / "generation_config.json").unlink(missing_ok=True)
    if variant.shard_size:
        return
    weights = out / "model.safetensors"
    tensors = load_file(weights)
    if variant.buffers:
        for i in range(variant.n_layer):
            causal = torch.ones(1, 1, N_POSITIONS, N_POSITIONS).tril()
            tensors[f"transformer.h.{i}.attn.bias"] = causal
            tensors[f"transformer.h.{i}.attn.masked_bias"] = torch.tensor(-1e4)
    if not variant.prefix:
        tensors = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
        defaults = GPT2Config().to_dict()
        config = {key: value for key, value in model.config.to_dict().items() if value != defaults[key]}
        config = {"model_type": "gpt2", "n_ctx": N_POSITIONS, **config}
        (out / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    save_file(tensors, weights, metadata={"format": "pt"})
    weights.chmod(0o644)


def build(variant: Variant, seed: int) -> tuple[GPT2LMHeadModel, list[int]]:
    """The model and a random prompt for it."""
    generator = torch.Generator().manual_seed(seed)
    config = GPT2Config(
        vocab_size=variant.vocab_size,
        n_positions=N_POSITIONS,
        n_layer=variant.n_layer,
        n_head=variant.n_head,
        n_embd=variant.n_embd,
        bos_token_id=None,
        eos_token_id=None,
        **variant.config,
    )
    model = GPT2LMHeadModel(config)
    randomize(model, generator)
    if variant.shard_size:
        for parameter in model.parameters():
            parameter.data = parameter.data.bfloat16().float()
    return model.eval(), torch.randint(variant.vocab_size, (PROMPT_LEN,), generator=generator).tolist()


def make(variant: Variant, out: Path, first_seed: int) -> None:
    """One model and its trace, from the first seed that generates tokens which all differ.

    (Most random models repeat one token, which would hide a decoder that stands still.)
    """
    for seed in itertools.count(first_seed):
        model, ids = build(variant, seed)
        if len(set(generate(model, ids, DECODE))) == DECODE:
            break
    shutil.rmtree(out, ignore_errors=True)
    save(variant, model, out)
    make_trace(out, out / "reference" / "trace.safetensors", ids, DECODE)


def main() -> None:
    """All of them, or those named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the variants")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="make only these (default all)")
    args = parser.parse_args()
    deterministic()
    for number, variant in enumerate(VARIANTS):
        if args.only is None or variant.name in args.only:
            make(variant, args.out / variant.name, first_seed=1000 * number)


if __name__ == "__main__":
    main()
