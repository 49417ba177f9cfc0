"""The share of a rank in the weights of a decoder: random ones here, or those of a checkpoint.

Each random parameter is drawn completely from its own generator and then cut, so the model does not depend on
the number of ranks. One parameter is drawn at a time: memory peaks at the share of a rank plus one parameter.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Protocol

import torch

from runner.ranks.quantized import Matrix, QuantizedMatrix, quantize
from runner.ranks.shape import DecoderShape
from runner.ranks.weight_shards import Part, Parts, WeightShard, layer_parts, outer_parts

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
    head_norm: torch.Tensor | None
    """[2 * width of a head]: the scale of the RMSNorm of each query head, then that of each key head"""
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
        """Return the layer with its matrices in a format of `quantized.FORMATS`; norms and biases stay."""
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


class Source(Protocol):
    """Where parameters come from."""

    @property
    def dtype(self) -> torch.dtype:
        """The type of the parameters."""

    @property
    def device(self) -> torch.device:
        """Where they are."""

    def fill(self, target: torch.Tensor, part: Part) -> None:
        """Write what a rank keeps of a parameter into `target`, which has its size."""


@dataclass(frozen=True)
class RandomSource:
    """Draw parameters: the same numbers for the same seed, name, size, type and kind of device."""

    seed: int
    dtype: torch.dtype
    device: torch.device

    def draw(self, name: str, *size: int) -> torch.Tensor:
        drawn = torch.empty(size, dtype=self.dtype, device=self.device)
        self._draw_into(drawn, name)
        return drawn

    def fill(self, target: torch.Tensor, part: Part) -> None:
        if part.is_norm:
            target.fill_(1.0)
        elif part.kept == part.size:
            self._draw_into(target, part.name)
        else:
            drawn = self.draw(part.name, *part.size)
            target.copy_(drawn[part.rows] if drawn.dim() == 1 else drawn[part.rows, part.columns])

    def _draw_into(self, target: torch.Tensor, name: str) -> None:
        digest = hashlib.sha256(f"{self.seed}:{name}".encode()).digest()
        generator = torch.Generator(self.device)
        generator.manual_seed(int.from_bytes(digest[:8], "little") >> 1)
        target.normal_(0.0, _DEVIATION, generator=generator)


def build_weights(
    shape: DecoderShape, share: WeightShard, source: Source, quantization: str | None = None
) -> Weights:
    """Build the share of a rank.

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

    def layer(index: int) -> LayerWeights:
        whole = _layer(shape, share, source, index)
        return whole if quantization is None else whole.quantized(quantization)

    outer = _tensors(outer_parts(shape, share), source)
    return Weights(
        embedding=outer["embedding"],
        head=outer.get("head", outer["embedding"]),
        norm=outer["norm"],
        layers=[layer(index) for index in range(shape.num_hidden_layers)],
        vocab_start=share.vocab(shape).start,
    )


def _layer(shape: DecoderShape, share: WeightShard, source: Source, index: int) -> LayerWeights:
    tensors = _tensors(layer_parts(shape, share, index), source)
    return LayerWeights(
        attention_norm=tensors["attention_norm"],
        qkv=tensors["qkv"],
        qkv_bias=tensors.get("qkv_bias"),
        head_norm=tensors.get("head_norm"),
        out=tensors["out"],
        feed_forward_norm=tensors["feed_forward_norm"],
        gate_up=tensors["gate_up"],
        down=tensors["down"],
    )


def _tensors(parts: Parts, source: Source) -> dict[str, torch.Tensor]:
    return {name: _tensor(one, source) for name, one in parts.items()}


def _tensor(parts: list[Part], source: Source) -> torch.Tensor:
    """Return the parts of several parameters, one below the other, in one tensor."""
    rows = sum(part.kept[0] for part in parts)
    made = torch.empty((rows, *parts[0].kept[1:]), dtype=source.dtype, device=source.device)
    start = 0
    for part in parts:
        end = start + part.kept[0]
        source.fill(made[start:end], part)
        start = end
    return made


def _check(shape: DecoderShape, world: int) -> None:
    heads, kv_heads = shape.num_attention_heads, shape.num_key_value_heads
    if heads % world or (kv_heads % world and world % kv_heads) or shape.intermediate_size % world:
        raise ValueError(
            f"{heads} query heads, {kv_heads} key/value heads and intermediate_size"
            f" {shape.intermediate_size} do not split over {world} ranks"
        )
    if shape.vocab_size < world:
        raise ValueError(f"a vocabulary of {shape.vocab_size} tokens does not split over {world} ranks")
