"""Trace files: safetensors with sorted, digested metadata, the same bytes on every run."""

import hashlib
import json
import platform
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy
import safetensors
import torch
import transformers
from safetensors.torch import load_file, save

FORMAT = "gpt2-trace/1"
DTYPE_NAMES = {torch.float32: "f32", torch.float64: "f64"}
BUFFERS = re.compile(r"\.attn\.(bias|masked_bias)$")


def sha256(data: bytes) -> str:
    """SHA-256 as lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def compact_json(value: object) -> str:
    """JSON with sorted keys and no spaces, so that equal values are equal strings."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def versions() -> dict[str, str]:
    """Versions of everything that takes part in a reference."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "safetensors": safetensors.__version__,
        "numpy": numpy.__version__,
    }


def raw_tensors(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and stored bytes of every tensor of a safetensors file, whatever its dtype."""
    with path.open("rb") as file:
        header_len = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(header_len))
        header.pop("__metadata__", None)
        for name, entry in header.items():
            begin, end = entry["data_offsets"]
            file.seek(8 + header_len + begin)
            yield name, file.read(end - begin)


def weight_files(model_dir: Path) -> list[Path]:
    """The safetensors files of a model directory, one or many shards."""
    index = model_dir / "model.safetensors.index.json"
    if index.exists():
        shards = set(json.loads(index.read_text())["weight_map"].values())
        return [model_dir / shard for shard in sorted(shards)]
    return [model_dir / "model.safetensors"]


def weights_digests(files: Iterable[Path], used: Iterable[str] | None = None) -> dict[str, str]:
    """Canonical parameter name -> SHA-256 of its stored bytes.

    The leading `transformer.` is dropped and the causal-mask buffers of old checkpoints are skipped.
    With `used`, only those canonical names are kept.
    """
    digests = {}
    wanted = None if used is None else set(used)
    for file in files:
        for name, data in raw_tensors(file):
            canonical = name.removeprefix("transformer.")
            if not BUFFERS.search(name) and (wanted is None or canonical in wanted):
                digests[canonical] = sha256(data)
    return digests


def tensor_bytes(tensor: torch.Tensor) -> bytes:
    """The little-endian bytes of a contiguous tensor, as they stand in the file."""
    array = tensor.numpy()
    return array.astype(array.dtype.newbyteorder("<")).tobytes()


def complete_metadata(
    tensors: dict[str, torch.Tensor], about: dict[str, str], weights: dict[str, str]
) -> dict[str, str]:
    """`about` with versions, the digests of tensors and weights, and the digest over all of it."""
    metadata = {
        "format": FORMAT,
        "source": "huggingface",
        "attention": "eager",
        **about,
        **versions(),
        "tensors": compact_json({name: sha256(tensor_bytes(t)) for name, t in tensors.items()}),
        "weights": compact_json(weights),
    }
    entries = "".join(f"{key}={value}\n" for key, value in sorted(metadata.items()))
    metadata["digest"] = sha256(entries.encode())
    return metadata


def write_trace(
    path: Path, tensors: dict[str, torch.Tensor], about: dict[str, str], weights: dict[str, str]
) -> None:
    """Write a trace, then read it back and compare.

    safetensors writes the metadata in random order; it is sorted here so that files can be reproduced.
    """
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    metadata = complete_metadata(tensors, about, weights)
    data = save(tensors, metadata)
    header_len = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + header_len])
    header["__metadata__"] = dict(sorted(metadata.items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + header_len :])

    again = load_file(path)
    assert again.keys() == tensors.keys()
    assert all(torch.equal(again[name], tensors[name]) for name in tensors), path


def f64_path(path: Path) -> Path:
    """`x.safetensors` -> `x.f64.safetensors`."""
    return path.with_suffix(".f64" + path.suffix)
