"""Make the references of the demo model: five traces, a greedy continuation, and a score.

The traces are kept small, as they are shipped with the crate: whole for the short prompts, a few
telling taps for the long ones.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import torch

from trace import EVERYTHING, deterministic, generate, load_model, load_tokenizer, make_trace

ANSWERS = ("logits.last", "argmax", "probs", "generated")
BLOCK_OUTPUTS = ("h.[0-9]", "h.[0-9][0-9]")
SCORED_ROWS, SCORED_ROW_LEN = 4, 64
GREEDY_PROMPT, GREEDY_COUNT = "ROMEO:", 60


@dataclass
class Case:
    """One trace: the prompt as text, or as a slice of the training text's tokens."""

    name: str
    prompt: str | slice
    decode: int
    taps: tuple[str, ...] = EVERYTHING
    step_taps: tuple[str, ...] | None = None


def cases(n_positions: int) -> list[Case]:
    """The prompts, each with the reason it is there."""
    brim = 9
    return [
        # An ordinary prompt, all of it.
        Case("short", "ROMEO:\nBut soft", decode=4),
        # The smallest prompt: nothing is masked, and the cache starts from one row.
        Case("one_token", "ROMEO", decode=4),
        # Bytes the model has hardly ever seen: UTF-8 of two and four bytes, digits, a run of spaces.
        Case("unseen", "é 42  🙂", decode=4, step_taps=(*BLOCK_OUTPUTS, *ANSWERS)),
        # As many tokens as there are positions.
        Case("full_context", slice(0, n_positions), decode=1, taps=("ln_f", *ANSWERS)),
        # Decoding until the cache is exactly full.
        Case(
            "to_the_brim",
            slice(10_000, 10_000 + n_positions + 1 - brim),
            decode=brim,
            taps=ANSWERS,
            step_taps=(*BLOCK_OUTPUTS, *ANSWERS),
        ),
    ]


def write_json(path: Path, value: dict) -> None:
    """One JSON object, one key per line, lists unbroken."""
    lines = [f"  {json.dumps(key)}: {json.dumps(item, ensure_ascii=False)}" for key, item in value.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def greedy(model_dir: Path) -> dict:
    """HuggingFace's `generate`, greedily, from a fixed prompt."""
    tokenizer = load_tokenizer(model_dir)
    ids = tokenizer.encode(GREEDY_PROMPT)
    generated = generate(load_model(model_dir, torch.float32), ids, GREEDY_COUNT)
    return {
        "prompt": GREEDY_PROMPT,
        "n": GREEDY_COUNT,
        "ids": ids,
        "generated": generated,
        "text": tokenizer.decode(generated),
    }


@torch.no_grad()
def scoring(model_dir: Path, text_ids: list[int]) -> dict:
    """Mean cross-entropy of HuggingFace on rows of tokens, each predicted from the row before it."""
    count = SCORED_ROWS * SCORED_ROW_LEN
    ids = text_ids[: count + 1]
    inputs = torch.tensor(ids[:-1]).view(SCORED_ROWS, SCORED_ROW_LEN)
    targets = torch.tensor(ids[1:])
    result = {"ids": ids, "rows": SCORED_ROWS, "row_len": SCORED_ROW_LEN}
    for name, dtype in (("f32", torch.float32), ("f64", torch.float64)):
        logits = load_model(model_dir, dtype)(inputs).logits.flatten(0, 1)
        result[f"mean_cross_entropy_{name}"] = torch.nn.functional.cross_entropy(logits, targets).item()
    return result


def main() -> None:
    """Write everything into the `reference` folder of the model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, metavar="DIR", help="the demo model")
    parser.add_argument("--text", type=Path, required=True, metavar="FILE", help="the text it was trained on")
    args = parser.parse_args()
    deterministic()

    out = args.model / "reference"
    tokenizer = load_tokenizer(args.model)
    text_ids = tokenizer.encode(args.text.read_text(encoding="utf-8"))
    config = json.loads((args.model / "config.json").read_text())
    for case in cases(config["n_positions"]):
        prompt = case.prompt if isinstance(case.prompt, str) else None
        ids = text_ids[case.prompt] if prompt is None else tokenizer.encode(prompt)
        path = out / f"{case.name}.safetensors"
        make_trace(args.model, path, ids, case.decode, prompt, case.taps, case.step_taps)
    write_json(out / "greedy.json", greedy(args.model))
    write_json(out / "scoring.json", scoring(args.model, text_ids))


if __name__ == "__main__":
    main()
