"""How much memory one rank needs, counted from the shape before anything is allocated.

Pure arithmetic without torch: `doctor` uses it as well as the ranks. Weights and cache are exact; the
workspace is an upper estimate of the largest activations, those of the prefill.
"""

from __future__ import annotations

from typing import NamedTuple

from runner.ranks.shape import DecoderShape

GIB = 1 << 30
CONTEXT = 520 << 20
"""bytes of a CUDA context with the kernels of PyTorch (NVIDIA/TensorRT-LLM#1604)"""
NCCL = 400 << 20
"""bytes of the buffers of NCCL for 2 to 8 ranks: 342 to 392 MiB (ai-dynamo/aiconfigurator, systems/*.yaml)"""
LIBRARIES = 192 << 20
"""bytes of the workspaces of cuBLAS and of compiled kernels, and of rounding; 145 MiB were seen on an H200"""
ELEMENT_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


class MemoryNeed(NamedTuple):
    """Bytes on the GPU of one rank."""

    weights: int
    cache: int
    """keys and values"""
    workspace: int
    """activations, and what libraries keep"""
    context: int = 0
    """what CUDA and NCCL take when they start; 0: they have started, so what is free no longer includes it"""

    @property
    def total(self) -> int:
        return sum(self)

    def __str__(self) -> str:
        """Return the sum: `weights 15.0 + KV cache 2.1 + workspace 0.9 = 18.0 GiB`."""
        names = ("weights", "KV cache", "workspace", "CUDA context")
        parts = [f"{name} {size / GIB:.1f}" for name, size in zip(names, self, strict=True) if size]
        return f"{' + '.join(parts)} = {self.total / GIB:.1f} GiB"


def weights_need(shape: DecoderShape, world: int, element: int) -> MemoryNeed:
    """Return the need while the weights are built: the share of a rank, and one whole parameter at a time.

    Args:
        shape: the model.
        world: number of ranks.
        element: bytes of a number.
    """
    largest = shape.hidden_size * max(shape.vocab_size, shape.intermediate_size)
    return MemoryNeed(_weights(shape, world) * element, 0, largest * element)


def configuration_need(
    shape: DecoderShape, world: int, element: int, batch: int, input_len: int, output_len: int
) -> MemoryNeed:
    """Return the need of a configuration; arguments as for `weights_need`.

    Workspace of the prefill, in numbers for each token: 4 times the hidden size, 4 times the queries, twice
    keys and values, 3 times the feed-forward units; in float32, whose attention makes them, also two scores
    for each pair of tokens and head. And the logits, in three copies.
    """
    width, layers = shape.width_of_head, shape.num_hidden_layers
    queries = shape.num_attention_heads // world
    keys = max(1, shape.num_key_value_heads // world)
    positions = input_len + max(1, output_len - 1)
    cache = 2 * layers * batch * keys * positions * width
    units = shape.intermediate_size // world
    token = 4 * shape.hidden_size + (4 * queries + 4 * keys) * width + 3 * units
    scores = 2 * batch * queries * input_len**2 if element == ELEMENT_BYTES["float32"] else 0
    logits = 3 * batch * -(-shape.vocab_size // world)
    workspace = (batch * input_len * token + scores + logits) * element + LIBRARIES
    return MemoryNeed(_weights(shape, world) * element, cache * element, workspace)


def start_need(world: int) -> int:
    """Return the bytes that CUDA and NCCL take when they start."""
    return CONTEXT + (NCCL if world > 1 else 0)


def describe_lack(need: MemoryNeed, free: int, total: int) -> str:
    """Return one sentence with the sum, and what is available."""
    return f"it needs {need}, and {free / GIB:.1f} of {total / GIB:.1f} GiB are available"


def _weights(shape: DecoderShape, world: int) -> int:
    """Return the parameters of rank 0; another rank may have one row of the vocabulary more or less."""
    width, hidden = shape.width_of_head, shape.hidden_size
    queries = shape.num_attention_heads // world * width
    keys = max(1, shape.num_key_value_heads // world) * width
    attention = hidden * (2 * queries + 2 * keys) + (queries + 2 * keys if shape.attention_bias else 0)
    layer = attention + 3 * hidden * (shape.intermediate_size // world) + 2 * hidden
    vocabulary = shape.vocab_size // world * hidden * (1 if shape.tie_word_embeddings else 2)
    return shape.num_hidden_layers * layer + vocabulary + hidden
