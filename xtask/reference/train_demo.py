"""Train the demo: a small GPT-2 with its own byte-level BPE vocabulary.

The last tenth of the text is held out; neither the tokenizer nor the model learns from it.
The checkpoint with the best held-out loss is kept and saved as HuggingFace saves a GPT-2.
"""

import argparse
import copy
import hashlib
import json
import math
import platform
import sys
import time
from pathlib import Path

import numpy
import safetensors
import tokenizers
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import GPT2Config, GPT2LMHeadModel

END_OF_TEXT = "<|endoftext|>"


def parse_args() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--text", type=Path, required=True, help="UTF-8 text to learn from")
    parser.add_argument("--out", type=Path, required=True, help="directory to write the model to")
    parser.add_argument("--steps", type=int, default=3000, help="optimizer steps")
    parser.add_argument("--batch", type=int, default=12, help="windows per step")
    parser.add_argument("--vocab", type=int, default=1024, help="size of the BPE vocabulary")
    parser.add_argument("--context", type=int, default=256, help="n_positions, and tokens per window")
    parser.add_argument("--layers", type=int, default=5, help="n_layer")
    parser.add_argument("--heads", type=int, default=4, help="n_head")
    parser.add_argument("--width", type=int, default=128, help="n_embd")
    parser.add_argument("--dropout", type=float, default=0.1, help="rate for embeddings and residuals")
    parser.add_argument("--lr", type=float, default=2e-3, help="peak learning rate")
    parser.add_argument("--final-lr", type=float, default=1e-4, help="learning rate at the last step")
    parser.add_argument("--warmup", type=int, default=100, help="steps of linear warm-up")
    parser.add_argument("--weight-decay", type=float, default=0.1, help="on matrices only")
    parser.add_argument("--eval-every", type=int, default=200, help="steps between validations")
    parser.add_argument("--seed", type=int, default=1337)
    return parser.parse_args()


def train_tokenizer(text: str, vocab: int) -> Tokenizer:
    """A byte-level BPE in the manner of GPT-2: any text can be encoded, and decodes to itself."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def build_model(args: argparse.Namespace, tokenizer: Tokenizer) -> GPT2LMHeadModel:
    """A freshly initialised GPT-2 of the shape the arguments ask for."""
    end = tokenizer.token_to_id(END_OF_TEXT)
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=tokenizer.get_vocab_size(),
            n_positions=args.context,
            n_embd=args.width,
            n_layer=args.layers,
            n_head=args.heads,
            embd_pdrop=args.dropout,
            attn_pdrop=0.0,  # attention dropout would halve the speed on a CPU
            resid_pdrop=args.dropout,
            bos_token_id=end,
            eos_token_id=end,
        )
    )


def build_optimizer(model: GPT2LMHeadModel, args: argparse.Namespace) -> torch.optim.AdamW:
    """AdamW; biases and LayerNorm gains are not decayed."""
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": args.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.99))


def learning_rate(step: int, args: argparse.Namespace) -> float:
    """Linear warm-up, then half a cosine from the peak to the final rate."""
    if step < args.warmup:
        return args.lr * (step + 1) / args.warmup
    progress = (step - args.warmup) / max(1, args.steps - args.warmup)
    return args.final_lr + 0.5 * (args.lr - args.final_lr) * (1 + math.cos(math.pi * progress))


def cross_entropy(model: GPT2LMHeadModel, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy in nats per token."""
    logits = model(inputs, use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


@torch.no_grad()
def evaluate(model: GPT2LMHeadModel, ids: torch.Tensor, context: int, max_rows: int | None = None) -> float:
    """Mean loss per token over consecutive windows of `ids` that do not overlap."""
    model.eval()
    rows = (len(ids) - 1) // context
    rows = min(rows, max_rows) if max_rows else rows
    inputs = ids[: rows * context].view(rows, context)
    targets = ids[1 : rows * context + 1].view(rows, context)
    total = 0.0
    for some_inputs, some_targets in zip(inputs.split(16), targets.split(16)):
        total += cross_entropy(model, some_inputs, some_targets).item() * len(some_inputs)
    model.train()
    return total / rows


def train(
    model: GPT2LMHeadModel, train_ids: torch.Tensor, val_ids: torch.Tensor, args: argparse.Namespace
) -> int:
    """Train in place and leave the best validated weights in `model`; returns their step."""
    optimizer = build_optimizer(model, args)
    offsets = torch.arange(args.context)
    best_loss, best_step, best_weights = math.inf, 0, None
    started = time.monotonic()
    model.train()
    for step in range(args.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, args)
        starts = torch.randint(len(train_ids) - args.context, (args.batch, 1))
        loss = cross_entropy(model, train_ids[starts + offsets], train_ids[starts + offsets + 1])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if (step + 1) % args.eval_every == 0 or step + 1 == args.steps:
            val_loss = evaluate(model, val_ids, args.context)
            seconds = time.monotonic() - started
            print(f"step {step + 1} train {loss.item():.4f} val {val_loss:.4f} {seconds:.0f}s", flush=True)
            if val_loss < best_loss:
                best_loss, best_step = val_loss, step + 1
                best_weights = copy.deepcopy(model.state_dict())
    model.load_state_dict(best_weights)
    return best_step


def main() -> None:
    """Train, save, and say what was done in `training.json`."""
    args = parse_args()
    torch.manual_seed(args.seed)
    raw = args.text.read_bytes()
    text = raw.decode("utf-8")
    cut = len(text) * 9 // 10

    tokenizer = train_tokenizer(text[:cut], args.vocab)
    train_ids = torch.tensor(tokenizer.encode(text[:cut]).ids)
    val_ids = torch.tensor(tokenizer.encode(text[cut:]).ids)
    model = build_model(args, tokenizer)
    best_step = train(model, train_ids, val_ids, args)

    train_loss = evaluate(model, train_ids, args.context, max_rows=len(val_ids) // args.context)
    val_loss = evaluate(model, val_ids, args.context)
    args.out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(args.out)
    (args.out / "generation_config.json").unlink(missing_ok=True)
    tokenizer.save(str(args.out / "tokenizer.json"))
    record = {
        "text_sha256": hashlib.sha256(raw).hexdigest(),
        "seed": args.seed,
        "parameters": sum(p.numel() for p in model.parameters()),
        "train_tokens": len(train_ids),
        "val_tokens": len(val_ids),
        "val_characters": len(text) - cut,
        "best_step": best_step,
        "train_loss_per_token": round(train_loss, 4),
        "val_loss_per_token": round(val_loss, 4),
        "val_perplexity": round(math.exp(val_loss), 3),
        "val_loss_per_character": round(val_loss * len(val_ids) / (len(text) - cut), 4),
        "hyperparameters": {k: v for k, v in vars(args).items() if k not in ("text", "out", "seed")},
        "threads": torch.get_num_threads(),
        "versions": {
            "python": platform.python_version(),
            "numpy": numpy.__version__,
            "safetensors": safetensors.__version__,
            "tokenizers": tokenizers.__version__,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
    }
    (args.out / "training.json").write_text(json.dumps(record, indent=2) + "\n")
    json.dump(record, sys.stdout, indent=2)


if __name__ == "__main__":
    main()
