"""How much memory one rank needs, counted from the shape before anything is allocated.

Pure arithmetic without torch: `doctor`, the plan of a run and the ranks use it. Weights and cache are exact;
the rest are estimates. On an H200 their sum was 0.0 to 0.9 % above what was in use with one rank
(docs/torch-engine.md has the figures).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from runner.ranks.memory_parts import GIB, describe_parts
from runner.ranks.shape import DecoderShape
from runner.ranks.weight_shards import MATRICES, Parts, WeightShard, layer_parts, outer_parts

CONTEXT = 764 << 20
"""Bytes of a CUDA context with the kernels of PyTorch, cuBLAS and Triton and with captured graphs, as seen on
an H200; 618 MiB of them before the first graph."""
NCCL = 700 << 20
"""Bytes that NCCL takes for 2 ranks: 570 to 730 MiB were seen on two H200s. What a rank records as NCCL is
more, because `CONTEXT` counts the kernels that its first sums load."""
LIBRARIES = 192 << 20
"""Bytes of the workspaces of cuBLAS and of compiled kernels, and of rounding; 31 to 164 MiB were seen on an
H200, 32 MiB more with each further configuration."""
ALLOCATOR = 0.09
"""What PyTorch's allocator keeps beyond the cache and the workspace, as a share of them: 0.08 to 0.12 on an
H200. It gives that back when memory runs out, so it is no reason to refuse a configuration."""
ELEMENT_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


class MemoryNeed(NamedTuple):
    """Bytes on the GPU of one rank; the fields are those of `runner.events.memory.MemoryParts`."""

    weights: int
    cache: int = 0
    """keys and values"""
    execution: int = 0
    """activations, and the workspaces of libraries"""
    allocator: int = 0
    """what PyTorch's allocator keeps beyond that"""
    context: int = 0
    """the CUDA context; 0: it exists already, so what is free no longer includes it"""
    nccl: int = 0
    """the same for NCCL"""

    @property
    def total(self) -> int:
        return sum(self)

    @property
    def required(self) -> int:
        """The total without what the allocator gives back when memory runs out."""
        return self.total - self.allocator

    def __str__(self) -> str:
        """Return the required sum: `weights 15.0 + KV cache 2.1 + execution 0.9 = 18.0 GiB`."""
        return describe_parts(self._replace(allocator=0)._asdict())


def weights_need(
    shape: DecoderShape, world: int, element: int, *, loaded: bool = False, quantized: bool = False
) -> MemoryNeed:
    """Return the need while the weights are built.

    Random weights need the share of a rank, and one whole parameter at a time. Those of a checkpoint are cut
    and converted in the memory of the host.

    Args:
        shape: the model.
        world: number of ranks.
        element: bytes of a number.
        loaded: whether the weights are those of a checkpoint.
        quantized: the matrices of the layers are bytes, with a scale of four bytes for each output; one layer
            at a time has the full width while it is built.
    """
    drawn = 0 if loaded else _largest(shape)
    layer = sum(_matrices(shape, world)) if quantized else 0
    return MemoryNeed(_weights(shape, world, element, quantized), execution=(drawn + layer) * element)


def configuration_need(
    shape: DecoderShape,
    world: int,
    element: int,
    batch: int,
    input_len: int,
    output_len: int,
    *,
    loaded: bool = False,
    quantized: bool = False,
) -> MemoryNeed:
    """Return the need of a configuration; arguments as for `weights_need`.

    Execution, in numbers for each token of the prefill: 4 times the hidden size, 4 times the queries, twice
    keys and values, 3 times the feed-forward units; in float32, whose attention makes them, also two scores
    for each pair of tokens and head. And the logits, in three copies; and the largest quantised matrix, which
    the prefill reads dequantised.

    Allocator: its share of cache and execution; and with several ranks, where a random parameter is drawn
    whole and then cut, the largest one divided by the ranks (39 to 507 MiB were seen for Llama-3-8B's shape).
    """
    width, layers = shape.width_of_head, shape.num_hidden_layers
    queries = shape.num_attention_heads // world
    keys = max(1, shape.num_key_value_heads // world)
    positions = input_len + max(1, output_len - 1)
    cache = 2 * layers * batch * keys * positions * width * element
    units = shape.intermediate_size // world
    token = 4 * shape.hidden_size + (4 * queries + 4 * keys) * width + 3 * units
    scores = 2 * batch * queries * input_len**2 if element == ELEMENT_BYTES["float32"] else 0
    logits = 3 * batch * -(-shape.vocab_size // world)
    whole = max(_matrices(shape, world)) if quantized else 0
    execution = (batch * input_len * token + scores + logits + whole) * element + LIBRARIES
    cut = _largest(shape) * element // world if world > 1 and not loaded else 0
    return MemoryNeed(
        _weights(shape, world, element, quantized),
        cache,
        execution,
        round(ALLOCATOR * (cache + execution)) + cut,
    )


def with_start(need: MemoryNeed, world: int) -> MemoryNeed:
    """Return a need with what CUDA and NCCL take when they start."""
    return need._replace(context=CONTEXT, nccl=NCCL if world > 1 else 0)


def describe_lack(need: MemoryNeed, free: int, total: int) -> str:
    """Return one sentence with the sum, and what is available."""
    return f"it needs {need}, and {free / GIB:.1f} of {total / GIB:.1f} GiB are available"


def _largest(shape: DecoderShape) -> int:
    """Return the numbers in the largest parameter of the whole model."""
    return shape.hidden_size * max(shape.vocab_size, shape.intermediate_size)


def _matrices(shape: DecoderShape, world: int) -> list[int]:
    """Return the numbers in each matrix of a layer of rank 0."""
    layer = layer_parts(shape, WeightShard(0, world), 0)
    return [_count({name: layer[name]}) for name in MATRICES]


def _weights(shape: DecoderShape, world: int, element: int, quantized: bool) -> int:
    """Return the bytes of the parameters of rank 0; another rank may have one row of the vocabulary more."""
    share = WeightShard(0, world)
    layer, outer = layer_parts(shape, share, 0), outer_parts(shape, share)
    of_layer = _count(layer) * element
    if quantized:
        scales = 4 * sum(part.kept[0] for name in MATRICES for part in layer[name])
        of_layer += scales - sum(_matrices(shape, world)) * (element - 1)
    return shape.num_hidden_layers * of_layer + _count(outer) * element


def _count(parts: Parts) -> int:
    return sum(math.prod(part.kept) for one in parts.values() for part in one)
