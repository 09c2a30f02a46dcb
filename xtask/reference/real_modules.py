"""Run HuggingFace's own GPT2Attention and LayerNorm modules with the real weights of GPT-2 124M.

The weights may lack everything else (the token embedding, most of the MLPs): every module is fed the
same hidden states, position embeddings plus seeded noise, which are stored in the trace as `input`.
Step 0 is a prompt, step 1 one further token through HuggingFace's cache.
"""

import argparse
from pathlib import Path

import torch
from safetensors import safe_open
from torch import nn
from transformers import GPT2Config
from transformers.masking_utils import create_causal_mask
from transformers.models.gpt2.modeling_gpt2 import GPT2Attention

from hooks import Recorder, RecordingCache, recording_attention, recording_modules
from trace import deterministic
from tracefile import DTYPE_NAMES, f64_path, weights_digests, write_trace

PROMPT_LEN = 3
NOISE = 0.14
"""Standard deviation of the noise: that of GPT-2's token embedding."""
SEED = 124


class Weights:
    """A safetensors file, with or without the `transformer.` prefix; remembers what was read."""

    def __init__(self, path: Path) -> None:
        self.file = safe_open(path, "pt")
        self.stored = {name.removeprefix("transformer."): name for name in self.file.keys()}
        self.used: list[str] = []

    def get(self, name: str) -> torch.Tensor:
        """One tensor by its canonical name."""
        self.used.append(name)
        return self.file.get_tensor(self.stored[name])

    def load(self, module: nn.Module, prefix: str, dtype: torch.dtype) -> nn.Module:
        """Fill every parameter of `module` from `prefix`; evaluation mode, in the given precision."""
        state = {name: self.get(f"{prefix}.{name}") for name in module.state_dict()}
        module.load_state_dict(state, strict=True)
        return module.eval().to(dtype)


def hidden_states(weights: Weights) -> list[torch.Tensor]:
    """What is fed, in f32: [1, T, C] for the prompt and [1, 1, C] for the step after it."""
    positions = weights.get("wpe.weight")[: PROMPT_LEN + 1]
    noise = torch.randn(positions.shape, generator=torch.Generator().manual_seed(SEED))
    states = (positions + NOISE * noise).unsqueeze(0)
    return [states[:, :PROMPT_LEN], states[:, PROMPT_LEN:]]


@torch.no_grad()
def run(weights: Weights, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """All taps of both steps in one precision."""
    config = GPT2Config(attn_implementation="eager")
    modules: dict[str, nn.Module] = {}
    for i in range(config.n_layer):
        for norm in ("ln_1", "ln_2"):
            modules[f"h.{i}.{norm}"] = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        modules[f"h.{i}.attn"] = GPT2Attention(config, layer_idx=i)
    modules["ln_f"] = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
    for name, module in modules.items():
        weights.load(module, name, dtype)

    recorder = Recorder()
    cache = RecordingCache(recorder)
    with recording_modules(recorder, modules.items()), recording_attention(recorder):
        for step, states in enumerate(hidden_states(weights)):
            recorder.prefix = f"step.{step}." if step else ""
            states = states.to(dtype)
            recorder.record("input", states[0])
            past, new = cache.get_seq_length(), states.shape[1]
            mask = create_causal_mask(
                config=config,
                inputs_embeds=states,
                attention_mask=None,
                past_key_values=cache,
                position_ids=torch.arange(past, past + new).unsqueeze(0),
            )
            for i in range(config.n_layer):
                normed = modules[f"h.{i}.ln_1"](states)
                modules[f"h.{i}.attn"](normed, past_key_values=cache, attention_mask=mask)
                modules[f"h.{i}.ln_2"](states)
            modules["ln_f"](states)
            recorder.cache(cache)
    return recorder.tensors


def main() -> None:
    """Write OUT/attention.safetensors and OUT/attention.f64.safetensors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True, metavar="FILE", help="safetensors of GPT-2 124M")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    args = parser.parse_args()
    deterministic()

    out = args.out / "attention.safetensors"
    for dtype, path in ((torch.float32, out), (torch.float64, f64_path(out))):
        weights = Weights(args.weights)
        tensors = run(weights, dtype)
        about = {
            "model": "gpt2",
            "dtype": DTYPE_NAMES[dtype],
            "input": f"wpe plus normal noise, standard deviation {NOISE}, torch seed {SEED}",
        }
        write_trace(path, tensors, about, weights_digests([args.weights], weights.used))
        print(f"{path}: {len(tensors)} tensors, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
