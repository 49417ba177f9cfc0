"""The memory that a torch profile needs, counted by the rule that its ranks follow."""

from __future__ import annotations

import msgspec

from runner.engines.model_shape import TransformerShape
from runner.engines.torch.profile import TorchProfile
from runner.events import MemoryParts
from runner.plan.plan import PredictedMemory
from runner.ranks.memory import ELEMENT_BYTES, MemoryNeed, configuration_need, with_start
from runner.ranks.shape import DecoderShape, shape_of

Sizes = tuple[int, int, int]
"""batch size, input length, output length"""


def decoder_shape(shape: TransformerShape) -> DecoderShape:
    """Return a shape as the ranks know it."""
    return shape_of(msgspec.to_builtins(shape))


def configuration_needs(profile: TorchProfile, shape: DecoderShape) -> dict[Sizes, MemoryNeed]:
    """Return what each configuration needs on one GPU."""
    tp, element = profile.parallel.tp, ELEMENT_BYTES[profile.model.dtype]
    model = profile.model
    kinds = {"loaded": model.weights == "checkpoint", "quantized": model.quantization is not None}
    needs = {one: configuration_need(shape, tp, element, *one, **kinds) for one in _sizes(profile)}
    return {one: with_start(need, tp) for one, need in needs.items()}


def predicted_memory(profile: TorchProfile, shape: TransformerShape) -> list[PredictedMemory]:
    """Return what a GPU holds in each configuration, in order; empty on a CPU."""
    if profile.model.device != "cuda":
        return []
    needs = configuration_needs(profile, decoder_shape(shape))
    return [PredictedMemory(parts=_parts(needs[one])) for one in _sizes(profile)]


def _parts(need: MemoryNeed) -> MemoryParts:
    return MemoryParts(**{name: size for name, size in need._asdict().items() if size})


def _sizes(profile: TorchProfile) -> list[Sizes]:
    """Return batch size and lengths of each configuration in upstream's order of measuring."""
    pairs, batches = profile.benchmark.input_output_len, profile.benchmark.batch_size
    return [(batch, *pair) for pair in pairs for batch in batches]
