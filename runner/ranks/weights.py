"""The share of a rank in the random weights of a decoder.

Each parameter is drawn completely from its own generator and then cut, so the model does not depend on the
number of ranks. One parameter is drawn at a time: memory peaks at the share of a rank plus one parameter.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import torch

from runner.ranks.quantized import Matrix, QuantizedMatrix, quantize
from runner.ranks.shape import DecoderShape

_DEVIATION = 0.02


@dataclass(frozen=True)
class LayerWeights:
    """One decoder layer on one rank; matrices are [outputs, inputs], as PyTorch's `linear` has them."""

    attention_norm: torch.Tensor
    """[hidden]"""
    qkv: Matrix
    """[(query heads + 2 * key/value heads) of this rank * width of a head, hidden]"""
    qkv_bias: torch.Tensor | None
    """[as many as qkv has rows]"""
    out: Matrix
    """[hidden, query heads of this rank * width of a head]"""
    feed_forward_norm: torch.Tensor
    """[hidden]"""
    gate_up: Matrix
    """[2 * intermediate / world, hidden]: the gate's rows, then the up projection's"""
    down: Matrix
    """[hidden, intermediate / world]"""

    @property
    def matrices(self) -> tuple[Matrix, Matrix, Matrix, Matrix]:
        """The matrices, which are quantised or not together."""
        return self.qkv, self.out, self.gate_up, self.down

    def quantized(self, kind: str) -> LayerWeights:
        """Return the layer with its matrices in a format of `quantized.FORMATS`."""
        qkv, out, gate_up, down = (
            quantize(matrix, kind) if isinstance(matrix, torch.Tensor) else matrix for matrix in self.matrices
        )
        return replace(self, qkv=qkv, out=out, gate_up=gate_up, down=down)


@dataclass(frozen=True)
class Weights:
    """A rank's share of the model."""

    embedding: torch.Tensor
    """[vocabulary rows of this rank, hidden]"""
    head: torch.Tensor
    """[vocabulary rows of this rank, hidden]; the embedding itself if they are tied"""
    norm: torch.Tensor
    """[hidden]"""
    layers: list[LayerWeights]
    vocab_start: int
    """index of the first row of this rank in the whole vocabulary"""

    @property
    def parameters(self) -> int:
        """The number of parameters of this rank, without the scales of quantised matrices."""
        return sum(tensor.numel() for tensor in self._tensors)

    @property
    def nbytes(self) -> int:
        """The bytes of all parameters of this rank."""
        return sum(tensor.nbytes for tensor in self._tensors)

    @property
    def quantization(self) -> str | None:
        """The format of the matrices of the layers; None: they are not quantised."""
        matrix = self.layers[0].qkv
        return matrix.kind if isinstance(matrix, QuantizedMatrix) else None

    @property
    def _tensors(self) -> list[Matrix]:
        tensors = {id(tensor): tensor for tensor in (self.embedding, self.head, self.norm)}.values()
        layers = [tensor for layer in self.layers for tensor in vars(layer).values() if tensor is not None]
        return [*tensors, *layers]


@dataclass(frozen=True)
class WeightShard:
    """The part of the model that a rank has."""

    rank: int
    world: int

    def vocab(self, shape: DecoderShape) -> slice:
        """Rows of embedding and head; ranks differ by at most one."""
        size = shape.vocab_size
        return slice(self.rank * size // self.world, (self.rank + 1) * size // self.world)

    def queries(self, shape: DecoderShape) -> slice:
        """Query heads."""
        count = shape.num_attention_heads // self.world
        return slice(self.rank * count, (self.rank + 1) * count)

    def keys(self, shape: DecoderShape) -> slice:
        """Key/value heads; with more ranks than heads, neighbouring ranks have the same one."""
        count = shape.num_key_value_heads
        held = max(1, count // self.world)
        first = self.rank * count // self.world
        return slice(first, first + held)

    def feed_forward(self, shape: DecoderShape) -> slice:
        """Units of the feed-forward layer."""
        count = shape.intermediate_size // self.world
        return slice(self.rank * count, (self.rank + 1) * count)


@dataclass(frozen=True)
class Source:
    """Draw parameters: the same numbers for the same seed, name, size, type and kind of device."""

    seed: int
    dtype: torch.dtype
    device: torch.device

    def draw(self, name: str, *size: int) -> torch.Tensor:
        digest = hashlib.sha256(f"{self.seed}:{name}".encode()).digest()
        generator = torch.Generator(self.device)
        generator.manual_seed(int.from_bytes(digest[:8], "little") >> 1)
        return self.empty(*size).normal_(0.0, _DEVIATION, generator=generator)

    def empty(self, *size: int) -> torch.Tensor:
        return torch.empty(size, dtype=self.dtype, device=self.device)

    def ones(self, size: int) -> torch.Tensor:
        return torch.ones(size, dtype=self.dtype, device=self.device)


def build_weights(
    shape: DecoderShape, share: WeightShard, source: Source, quantization: str | None = None
) -> Weights:
    """Draw the model and keep the share of a rank.

    Args:
        shape: the model.
        share: the part of this rank.
        source: where the parameters come from.
        quantization: a format of `quantized.FORMATS` for the matrices of the layers; None: not quantised.
            A rank quantises its own share, so scales of `out` and `down` depend on the number of ranks.

    Raises:
        ValueError: the shape cannot be split over that many ranks.
    """
    _check(shape, share.world)
    rows = share.vocab(shape)

    def vocabulary(name: str) -> torch.Tensor:
        return _keep(source.draw(name, shape.vocab_size, shape.hidden_size)[rows])

    def layer(index: int) -> LayerWeights:
        whole = _layer(shape, share, source, index)
        return whole if quantization is None else whole.quantized(quantization)

    embedding = vocabulary("model.embed_tokens.weight")
    head = embedding if shape.tie_word_embeddings else vocabulary("lm_head.weight")
    return Weights(
        embedding=embedding,
        head=head,
        norm=source.ones(shape.hidden_size),
        layers=[layer(index) for index in range(shape.num_hidden_layers)],
        vocab_start=rows.start,
    )


def _layer(shape: DecoderShape, share: WeightShard, source: Source, index: int) -> LayerWeights:
    attention, feed_forward = f"model.layers.{index}.self_attn", f"model.layers.{index}.mlp"
    hidden, width = shape.hidden_size, shape.width_of_head
    all_queries, all_keys = shape.num_attention_heads * width, shape.num_key_value_heads * width
    queries, keys = _scaled(share.queries(shape), width), _scaled(share.keys(shape), width)
    units = share.feed_forward(shape)

    def qkv(kind: str, *inputs: int) -> torch.Tensor:
        pieces = [
            (f"{attention}.q_proj.{kind}", all_queries, queries),
            (f"{attention}.k_proj.{kind}", all_keys, keys),
            (f"{attention}.v_proj.{kind}", all_keys, keys),
        ]
        return _fused(source, pieces, *inputs)

    gate_up = [
        (f"{feed_forward}.{name}.weight", shape.intermediate_size, units) for name in ("gate_proj", "up_proj")
    ]
    return LayerWeights(
        attention_norm=source.ones(hidden),
        qkv=qkv("weight", hidden),
        qkv_bias=qkv("bias") if shape.attention_bias else None,
        out=_keep(source.draw(f"{attention}.o_proj.weight", hidden, all_queries)[:, queries]),
        feed_forward_norm=source.ones(hidden),
        gate_up=_fused(source, gate_up, hidden),
        down=_keep(
            source.draw(f"{feed_forward}.down_proj.weight", hidden, shape.intermediate_size)[:, units]
        ),
    )


def _fused(source: Source, pieces: list[tuple[str, int, slice]], *inputs: int) -> torch.Tensor:
    """Return rows of several parameters in one tensor; a piece has a name, its rows, and the rows to keep."""
    fused = source.empty(sum(rows.stop - rows.start for _, _, rows in pieces), *inputs)
    start = 0
    for name, size, rows in pieces:
        end = start + rows.stop - rows.start
        fused[start:end] = source.draw(name, size, *inputs)[rows]
        start = end
    return fused


def _scaled(heads: slice, width: int) -> slice:
    return slice(heads.start * width, heads.stop * width)


def _keep(part: torch.Tensor) -> torch.Tensor:
    """Return the part in separate memory, so that the rest of the parameter is freed."""
    is_all = part.untyped_storage().nbytes() == part.numel() * part.element_size()
    return part if is_all else part.clone(memory_format=torch.contiguous_format)


def _check(shape: DecoderShape, world: int) -> None:
    heads, kv_heads = shape.num_attention_heads, shape.num_key_value_heads
    if heads % world or (kv_heads % world and world % kv_heads) or shape.intermediate_size % world:
        raise ValueError(
            f"{heads} query heads, {kv_heads} key/value heads and intermediate_size"
            f" {shape.intermediate_size} do not split over {world} ranks"
        )
    if shape.vocab_size < world:
        raise ValueError(f"a vocabulary of {shape.vocab_size} tokens does not split over {world} ranks")
