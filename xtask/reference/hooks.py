"""Taps on HuggingFace's own GPT-2: hooks and wrappers that record, and change nothing.

Nothing is computed twice here. Module outputs come from forward hooks; q, k and v are caught where
`GPT2Attention` passes them on; scores and weights are the input and output of the very call to
`torch.nn.functional.softmax` made inside its attention function.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from unittest import mock

import torch
from transformers import DynamicCache
from transformers.models.gpt2 import modeling_gpt2
from transformers.models.gpt2.modeling_gpt2 import GPT2Attention, GPT2LMHeadModel


class Recorder:
    """Collects tensors by tap name; `prefix` tells the decoding steps apart."""

    def __init__(self, wanted: Callable[[str], bool] = lambda name: True) -> None:
        self.tensors: dict[str, torch.Tensor] = {}
        self.prefix = ""
        self.wanted = wanted

    def record(self, tap: str, value: torch.Tensor) -> None:
        """Store a copy of `value` under the current prefix; recording a tap twice is an error."""
        name = self.prefix + tap
        if name in self.tensors:
            raise RuntimeError(f"{name} was recorded twice")
        if self.wanted(name):
            self.tensors[name] = value.detach().clone()

    def module_hook(self, tap: str) -> Callable:
        """A forward hook that records a module's output [1, T, C] as [T, C]."""

        def hook(_module: torch.nn.Module, _inputs: tuple, output: torch.Tensor | tuple) -> None:
            hidden = output[0] if isinstance(output, tuple) else output
            self.record(tap, hidden[0])

        return hook

    def cache(self, cache: DynamicCache) -> None:
        """Record everything the cache holds, [1, H, S, D] as [S, H, D]."""
        for i, layer in enumerate(cache.layers):
            self.record(f"h.{i}.attn.cache.k", layer.keys[0].transpose(0, 1))
            self.record(f"h.{i}.attn.cache.v", layer.values[0].transpose(0, 1))


@contextmanager
def recording_softmax(recorder: Recorder, tap: str, mask: torch.Tensor | None) -> Iterator[None]:
    """While active, record what softmax is given and returns.

    HuggingFace masks by adding the lowest finite number; those scores are recorded as -inf.
    """
    softmax = torch.nn.functional.softmax

    def recorded(scores: torch.Tensor, *args: object, **kwargs: object) -> torch.Tensor:
        weights = softmax(scores, *args, **kwargs)
        shown = scores if mask is None else scores.masked_fill(mask < 0, -torch.inf)
        recorder.record(f"{tap}.scores", shown[0])
        recorder.record(f"{tap}.weights", weights[0])
        return weights

    with mock.patch.object(torch.nn.functional, "softmax", recorded):
        yield


@contextmanager
def recording_attention(recorder: Recorder) -> Iterator[None]:
    """While active, both attention functions of `modeling_gpt2` record q, scores and weights.

    `eager_attention_forward` takes the module first, as the method `_upcast_and_reordered_attn` does.
    """

    def wrap(function: Callable) -> Callable:
        def recorded(
            module: GPT2Attention,
            query: torch.Tensor,
            key: torch.Tensor,
            value: torch.Tensor,
            attention_mask: torch.Tensor | None = None,
            **kwargs: object,
        ) -> tuple[torch.Tensor, torch.Tensor]:
            tap = f"h.{module.layer_idx}.attn"
            recorder.record(f"{tap}.q", query[0].transpose(0, 1))
            with recording_softmax(recorder, tap, attention_mask):
                return function(module, query, key, value, attention_mask, **kwargs)

        return recorded

    eager = wrap(modeling_gpt2.eager_attention_forward)
    upcast = wrap(GPT2Attention._upcast_and_reordered_attn)
    with (
        mock.patch.object(modeling_gpt2, "eager_attention_forward", eager),
        mock.patch.object(GPT2Attention, "_upcast_and_reordered_attn", upcast),
    ):
        yield


class RecordingCache(DynamicCache):
    """HuggingFace's cache, which also records the new k and v that `GPT2Attention` hands to it."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Record [1, H, T, D] as [T, H, D], then let HuggingFace append."""
        self.recorder.record(f"h.{layer_idx}.attn.k", key_states[0].transpose(0, 1))
        self.recorder.record(f"h.{layer_idx}.attn.v", value_states[0].transpose(0, 1))
        return super().update(key_states, value_states, layer_idx, *args, **kwargs)


def module_taps(model: GPT2LMHeadModel) -> Iterator[tuple[str, torch.nn.Module]]:
    """Tap name and module of everything that a forward hook can see."""
    transformer = model.transformer
    yield "embed", transformer.drop
    for i, block in enumerate(transformer.h):
        yield f"h.{i}.ln_1", block.ln_1
        yield f"h.{i}.attn", block.attn
        yield f"h.{i}.ln_2", block.ln_2
        yield f"h.{i}.mlp", block.mlp
        yield f"h.{i}", block
    yield "ln_f", transformer.ln_f
    yield "logits", model.lm_head


@contextmanager
def recording_modules(recorder: Recorder, taps: Iterable[tuple[str, torch.nn.Module]]) -> Iterator[None]:
    """While active, every module of `taps` records its output."""
    handles = [module.register_forward_hook(recorder.module_hook(tap)) for tap, module in taps]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
