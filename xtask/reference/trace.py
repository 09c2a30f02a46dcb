"""Make a reference trace from a HuggingFace GPT-2 directory.

Writes FILE.safetensors (HuggingFace in f32) and FILE.f64.safetensors (the same weights and the same
tokens in f64). Step 0, the prompt, has the bare tap names; the pass that feeds the n-th generated
token has the prefix `step.{n}.`.
"""

import argparse
import json
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import torch
from transformers import AutoTokenizer, GPT2LMHeadModel, PreTrainedTokenizerFast
from transformers.utils import logging

from hooks import Recorder, RecordingCache, module_taps, recording_attention, recording_modules
from tracefile import DTYPE_NAMES, f64_path, weight_files, weights_digests, write_trace

EVERYTHING = ("*",)


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, metavar="DIR", help="config.json and model.safetensors")
    prompt = parser.add_mutually_exclusive_group(required=True)
    prompt.add_argument("--prompt", metavar="TEXT", help="text, encoded by the model's own tokenizer")
    prompt.add_argument("--ids", metavar="1,2,3", help="token ids, where there is no tokenizer")
    parser.add_argument("--decode", type=int, default=1, metavar="N", help="greedy tokens to generate (default 1)")
    parser.add_argument("--taps", nargs="+", default=EVERYTHING, metavar="GLOB", help="taps to keep (default all)")
    parser.add_argument("--step-taps", nargs="+", metavar="GLOB", help="taps to keep of steps 1.. (default as --taps)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors")
    return parser.parse_args()


def deterministic() -> None:
    """One thread: the same bytes on every run of one machine. And no chatter from HuggingFace."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    logging.disable_progress_bar()
    logging.set_verbosity_error()


def load_tokenizer(model_dir: Path) -> PreTrainedTokenizerFast:
    """The tokenizer of the directory, also where tokenizer.json is all there is."""
    alone = model_dir / "tokenizer.json"
    if alone.exists() and not (model_dir / "tokenizer_config.json").exists():
        return PreTrainedTokenizerFast(tokenizer_file=str(alone))
    return AutoTokenizer.from_pretrained(model_dir)


def load_model(model_dir: Path, dtype: torch.dtype) -> GPT2LMHeadModel:
    """The model in evaluation mode with eager attention, every weight found and every weight used."""
    model, info = GPT2LMHeadModel.from_pretrained(
        model_dir, attn_implementation="eager", dtype=dtype, local_files_only=True, output_loading_info=True
    )
    for problem in ("missing_keys", "mismatched_keys"):
        if info[problem]:
            raise RuntimeError(f"{model_dir}: {problem}: {info[problem]}")
    model.eval()
    if dtype == torch.float64:
        # The upcast of this option is to f32, which would round f64 down (HuggingFace refuses it).
        for block in model.transformer.h:
            block.attn.reorder_and_upcast_attn = False
    return model


def selection(taps: Sequence[str], step_taps: Sequence[str] | None):
    """A predicate on full tap names from the two lists of globs."""

    def wanted(name: str) -> bool:
        globs = taps
        if name.startswith("step."):
            name = name.split(".", 2)[2]
            globs = taps if step_taps is None else step_taps
        return any(fnmatchcase(name, glob) for glob in globs)

    return wanted


def lowest_argmax(logits: torch.Tensor) -> torch.Tensor:
    """Index [1] of the greatest value; the lowest index wins a tie."""
    return (logits == logits.max()).nonzero()[0]


@torch.no_grad()
def run(
    model: GPT2LMHeadModel,
    ids: Sequence[int],
    decode: int,
    taps: Sequence[str] = EVERYTHING,
    step_taps: Sequence[str] | None = None,
    forced: Sequence[int] | None = None,
) -> tuple[dict[str, torch.Tensor], list[int]]:
    """One prompt pass and `decode - 1` decoding passes through HuggingFace's cache.

    Returns the taps and the generated ids. `forced` are the ids to feed instead of the model's own
    choices, so that two precisions can be compared step by step.
    """
    room = model.config.n_positions
    if not ids or decode < 1 or len(ids) + decode - 1 > room:
        raise ValueError(f"{len(ids)} prompt tokens and {decode} to generate do not fit {room} positions")
    recorder = Recorder(selection(taps, step_taps))
    cache = RecordingCache(recorder)
    generated: list[int] = []
    with recording_modules(recorder, module_taps(model)), recording_attention(recorder):
        feed = list(ids)
        for step in range(decode):
            recorder.prefix = f"step.{step}." if step else ""
            logits = model(torch.tensor([feed]), past_key_values=cache, use_cache=True).logits[0, -1]
            recorder.cache(cache)
            choice = lowest_argmax(logits)
            recorder.record("logits.last", logits)
            recorder.record("argmax", choice)
            recorder.record("probs", torch.softmax(logits, dim=-1))
            generated.append(choice.item())
            feed = [forced[step] if forced else choice.item()]
    recorder.prefix = ""
    recorder.record("generated", torch.tensor(generated))
    if not recorder.tensors:
        raise ValueError("no tap matches the globs")
    if any(not torch.isfinite(t).all() for name, t in recorder.tensors.items() if not name.endswith(".scores")):
        raise RuntimeError("a tap is not finite")
    return recorder.tensors, generated


@torch.no_grad()
def generate(model: GPT2LMHeadModel, ids: Sequence[int], count: int) -> list[int]:
    """`count` greedy tokens from HuggingFace's own `generate`, which end-of-text does not stop."""
    model.generation_config.eos_token_id = None
    prompt = torch.tensor([list(ids)])
    tokens = model.generate(
        prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=count, pad_token_id=0
    )
    return tokens[0, len(ids) :].tolist()


def make_trace(
    model_dir: Path,
    out: Path,
    ids: Sequence[int],
    decode: int,
    prompt: str | None = None,
    taps: Sequence[str] = EVERYTHING,
    step_taps: Sequence[str] | None = None,
) -> list[int]:
    """Write the f32 and the f64 trace; returns the ids generated in f32."""
    weights = weights_digests(weight_files(model_dir))
    about = {"model": model_dir.resolve().name, "ids": json.dumps(list(ids)), "decode": str(decode)}
    if prompt is not None:
        about["prompt"] = prompt
    generated: list[int] | None = None
    for dtype, path in ((torch.float32, out), (torch.float64, f64_path(out))):
        model = load_model(model_dir, dtype)
        tensors, chosen = run(model, ids, decode, taps, step_taps, forced=generated)
        if generated is None:
            generated = chosen
            if chosen != (theirs := generate(model, ids, decode)):
                raise RuntimeError(f"`generate` disagrees with the recorded steps: {theirs} against {chosen}")
        about["dtype"] = DTYPE_NAMES[dtype]
        about["fed"] = json.dumps(generated[:-1])
        write_trace(path, tensors, about, weights)
        print(f"{path}: {len(tensors)} tensors, {path.stat().st_size / 1e6:.2f} MB, generated {chosen}")
    return generated


def main() -> None:
    """Trace one prompt."""
    args = parse_args()
    deterministic()
    ids = load_tokenizer(args.model).encode(args.prompt) if args.ids is None else json.loads(f"[{args.ids}]")
    make_trace(args.model, args.out, ids, args.decode, args.prompt, args.taps, args.step_taps)


if __name__ == "__main__":
    main()
