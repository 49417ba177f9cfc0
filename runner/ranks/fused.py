"""The decoder on a GPU with fused kernels, and its iteration as two CUDA graphs: prefill and decode step.

Host time is not part of the measurement: an iteration replays graphs. The cache and all buffers have
a fixed size and are created once per configuration; tokens and positions stay on the GPU.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from torch.nn import functional

from runner.ranks import attention_kernels, kernels
from runner.ranks.decoder import Decoder
from runner.ranks.quantized import Matrix, QuantizedMatrix
from runner.ranks.shape import DecoderShape
from runner.ranks.tile_cache import TileCache
from runner.ranks.tiles import SPLITS, Tile, batch_tiles, fastest, next_power_of_2, vector_tiles
from runner.ranks.weights import LayerWeights

KERNELS = ("qkv", "out", "gate_up", "down", "head", "attend")
"""names of the kernels of a decode step that have a tile size"""
SMALLEST_SPLIT = min(tile.rows for tile in SPLITS)
LOGITS_BLOCK = 2048
DEQUANTIZED_BLOCK = 2048

MAX_FUSED_BATCH = 64
"""Above this batch the matrices are no longer bound by memory, and cuBLAS multiplies them."""
MIN_TUNED_BYTES = 2**28
"""Below this size of a model, compiling takes far longer than better tiles could save."""
DOT_ROWS = 16
"""the smallest side of a tile that `tl.dot` multiplies"""

TileSource = Literal["measured", "cached", "default"]
"""where the tile sizes come from; `default`: they make no difference, or the model is small"""


def is_supported(shape: DecoderShape) -> bool:
    """Check whether the attention kernel can handle the width of a head: a power of 2, 16 to 256."""
    width = shape.width_of_head
    return 16 <= width <= 256 and width & (width - 1) == 0


class FusedStep:
    """Buffers and kernels of a batch; `prefill` and `decode` use fixed memory, so they can be captured."""

    def __init__(
        self,
        decoder: Decoder,
        prompt: torch.Tensor,
        output_len: int,
        *,
        pdl: bool,
    ) -> None:
        """`prompt` is [batch, input_len] int64; `pdl`: kernels may overlap (compute capability 9.0)."""
        self._decoder = decoder
        self._prompt = prompt
        self._batch, self._input_len = prompt.shape
        self._positions = self._input_len + max(1, output_len - 1)
        self._pdl = {"PDL": True, "launch_pdl": True} if pdl else {"PDL": False}
        shape = decoder.shape
        like = decoder.weights.embedding
        self._like = like
        self._precision = "ieee" if like.dtype == torch.float32 else "tf32"
        self._queries, self._keys = decoder.query_heads, decoder.key_heads
        width, batch = shape.width_of_head, self._batch
        cache = (shape.num_hidden_layers, batch, self._keys, self._positions, width)
        self._key_cache, self._value_cache = like.new_zeros(cache), like.new_zeros(cache)
        self._splits = _cdiv(self._positions, SMALLEST_SPLIT)
        self._heads = next_power_of_2(self._queries // self._keys)
        parts = (batch, self._keys, self._splits, self._heads)
        self._partial = like.new_empty((*parts, width), dtype=torch.float32)
        self._part_weights = like.new_empty((*parts, 2), dtype=torch.float32)
        self._arrived = torch.zeros((batch, self._keys), dtype=torch.int32, device=like.device)
        self._position = torch.zeros(batch, dtype=torch.int64, device=like.device)
        """number of cached tokens"""
        self.tokens = torch.zeros((batch, output_len), dtype=torch.int64, device=like.device)
        """the new tokens"""
        self._blocks = _cdiv(decoder.weights.head.shape[0], LOGITS_BLOCK)
        self._tops = torch.zeros((batch, self._blocks), dtype=torch.float32, device=like.device)
        self._places = torch.zeros((batch, self._blocks), dtype=torch.int64, device=like.device)
        self._hidden = like.new_empty((batch, shape.hidden_size))
        self._normalized = like.new_empty((batch, shape.hidden_size))
        self._qkv = like.new_empty((batch, (self._queries + 2 * self._keys) * width))
        self._mixed = like.new_empty((batch, self._queries * width))
        units = decoder.weights.layers[0].down.shape[1]
        self._units = like.new_empty((batch, units))
        matrices = decoder.weights.layers[0].matrices
        largest = max(matrix.numel() for matrix in matrices) if decoder.weights.quantization else 0
        self._dequantized = like.new_empty(largest)
        """one matrix at a time, for cuBLAS"""
        self._tiles = {name: self._candidates(name)[0] for name in KERNELS}
        self.logits = like.new_empty((batch, decoder.weights.head.shape[0]))
        """of the last decode step, [batch, vocabulary rows of this rank]"""

    # --- prefill ----------------------------------------------------------------------------------------

    def prefill(self) -> None:
        """Fill the cache from the prompt and choose the first token."""
        decoder, (batch, tokens) = self._decoder, self._prompt.shape
        width = decoder.shape.width_of_head
        hidden = decoder.embed(self._prompt)
        queries = hidden.new_empty((batch, self._queries, tokens, width))
        for index, layer in enumerate(decoder.weights.layers):
            keys, values = self._key_cache[index], self._value_cache[index]
            rows = self._norm_rows(hidden, layer.attention_norm)
            qkv = functional.linear(rows, self._whole(layer.qkv), layer.qkv_bias)
            attention_kernels.rotate_and_store[(batch * tokens, self._queries + 2 * self._keys)](
                qkv, layer.head_norm, decoder.cos, decoder.sin, queries, keys, values, tokens,
                self._positions, decoder.shape.rms_norm_eps, QUERIES=self._queries, KEYS=self._keys,
                WIDTH=width, NORM=layer.head_norm is not None, num_warps=1,
            )  # fmt: skip
            mixed = functional.scaled_dot_product_attention(
                queries, keys[:, :, :tokens], values[:, :, :tokens], is_causal=tokens > 1, enable_gqa=True
            )
            hidden = self._add_all(mixed.transpose(1, 2).reshape(batch, tokens, -1), layer.out, hidden)
            rows = self._norm_rows(hidden, layer.feed_forward_norm)
            both = functional.linear(rows, self._whole(layer.gate_up))
            hidden = self._add_all(self._gate_rows(both), layer.down, hidden)
        logits = functional.linear(
            functional.rms_norm(
                hidden[:, -1], decoder.weights.norm.shape, decoder.weights.norm, decoder.shape.rms_norm_eps
            ),
            decoder.weights.head,
        )
        self.logits.copy_(logits)
        self._position.fill_(tokens)
        self._choose(0)

    def _whole(self, matrix: Matrix) -> torch.Tensor:
        """Return a matrix for cuBLAS; a quantised one only until the next call."""
        if not isinstance(matrix, QuantizedMatrix):
            return matrix
        outputs, inputs = matrix.shape
        whole = self._dequantized[: matrix.numel()].view(outputs, inputs)
        kernels.dequantize[(outputs, _cdiv(inputs, DEQUANTIZED_BLOCK))](
            matrix.values, matrix.scales, whole, inputs, BLOCK=DEQUANTIZED_BLOCK, num_warps=4
        )
        return whole

    def _norm_rows(self, hidden: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return self._normalize(hidden, weight, torch.empty_like(hidden), {"PDL": False})

    def _normalize(
        self, rows: torch.Tensor, weight: torch.Tensor, out: torch.Tensor, pdl: dict[str, bool]
    ) -> torch.Tensor:
        size = rows.shape[-1]
        block = next_power_of_2(size)
        kernels.normalize[(rows.numel() // size,)](
            rows, weight, out, size, self._decoder.shape.rms_norm_eps, BLOCK=block,
            num_warps=min(16, max(4, block // 512)), **pdl,
        )  # fmt: skip
        return out

    def _gate_rows(self, both: torch.Tensor) -> torch.Tensor:
        units = both.shape[-1] // 2
        out = both.new_empty((*both.shape[:-1], units))
        rows = out.numel() // units
        kernels.gate_and_up[(rows, _cdiv(units, 1024))](both, out, units, BLOCK=1024, PDL=False, num_warps=4)
        return out

    def _add_all(self, values: torch.Tensor, matrix: Matrix, hidden: torch.Tensor) -> torch.Tensor:
        """Return `hidden` plus the sum over ranks of the products."""
        weight = self._whole(matrix)
        size = hidden.shape
        values, hidden = values.flatten(0, 1), hidden.flatten(0, 1)
        if self._decoder.collectives.world == 1:
            return hidden.addmm_(values, weight.T).view(size)
        result = functional.linear(values, weight)
        self._decoder.collectives.all_reduce_sum(result)
        return (result + hidden).view(size)

    # --- a decode step ----------------------------------------------------------------------------------

    def decode(self) -> None:
        """Append the newest token to the cache and choose the next one.

        With `pdl`, a step reads the cache before its predecessor on the stream ends, so only graphs of one
        step may follow each other.
        """
        decoder = self._decoder
        for index, layer in enumerate(decoder.weights.layers):
            self._make_qkv(layer)
            self._attend(index)
            self._add("out", self._mixed, layer.out)
            decoder.collectives.all_reduce_sum(self._hidden)
            self._make_units(layer)
            self._add("down", self._units, layer.down)
            decoder.collectives.all_reduce_sum(self._hidden)
        self._make_logits()
        self._choose(1)

    def _choose(self, step: int) -> None:
        """Choose the next token by its logits, and load its embedding; `step` tokens were cached."""
        batch, size = self._hidden.shape
        pdl = self._pdl if step else {"PDL": False}
        kernels.best_of_block[(batch, self._blocks)](
            self.logits, self._tops, self._places, self.logits.shape[1], BLOCKS=self._blocks,
            BLOCK=LOGITS_BLOCK, num_warps=4, **pdl,
        )  # fmt: skip
        if self._decoder.collectives.world == 1:
            kernels.advance[(batch,)](
                self._tops, self._places, self._decoder.weights.embedding, self._position, self.tokens,
                self._hidden, self.tokens.shape[1], self._input_len, size,
                BLOCKS=self._blocks, PADDED=next_power_of_2(self._blocks), BLOCK=next_power_of_2(size),
                STEP=step, num_warps=8, **pdl,
            )  # fmt: skip
            return
        best = self._tops.max(dim=-1, keepdim=True)
        places = self._places.gather(1, best.indices)[:, 0] + self._decoder.weights.vocab_start
        tokens = self._decoder.collectives.greedy(best.values[:, 0], places)
        self._position.add_(step)
        self.tokens.scatter_(1, (self._position - self._input_len)[:, None], tokens[:, None])
        self._hidden.copy_(self._decoder.embed(tokens[:, None])[:, 0])

    def _make_qkv(self, layer: LayerWeights) -> None:
        norm, bias = layer.attention_norm, layer.qkv_bias
        self._linear("qkv", self._hidden, layer.qkv, self._qkv, norm=norm, bias=bias)

    def _make_units(self, layer: LayerWeights) -> None:
        norm = layer.feed_forward_norm
        self._linear("gate_up", self._hidden, layer.gate_up, self._units, norm=norm, gated=True)

    def _make_logits(self) -> None:
        weights = self._decoder.weights
        self._linear("head", self._hidden, weights.head, self.logits, norm=weights.norm)

    def _add(self, name: str, values: torch.Tensor, weight: Matrix) -> None:
        """Add the product to the hidden state; products of several ranks are summed, so only rank 0 adds."""
        self._linear(name, values, weight, self._hidden, residual=self._decoder.collectives.rank == 0)

    def _products(self) -> dict[str, list[Callable[[], None]]]:
        """Return the products of a decode step by the name of their matrix."""
        layers = self._decoder.weights.layers
        return {
            "qkv": [partial(self._make_qkv, layer) for layer in layers],
            "out": [partial(self._add, "out", self._mixed, layer.out) for layer in layers],
            "gate_up": [partial(self._make_units, layer) for layer in layers],
            "down": [partial(self._add, "down", self._units, layer.down) for layer in layers],
            "head": [self._make_logits],
            "attend": [partial(self._attend, index) for index in range(len(layers))],
        }

    def _candidates(self, name: str) -> list[Tile]:
        if name == "attend":
            return list(SPLITS)
        inputs = {"out": self._mixed, "down": self._units}.get(name, self._hidden).shape[1]
        if self._batch == 1:
            return vector_tiles(inputs, of_bytes=bool(self._decoder.weights.quantization) and name != "head")
        return batch_tiles(
            max(DOT_ROWS, next_power_of_2(self._batch)),
            inputs,
            halves=2 if name == "gate_up" else 1,
            element_size=self._like.element_size(),
            shared=_shared_bytes(self._like.device),
        )

    def choose_tiles(self, cache: TileCache) -> TileSource:
        """Choose the fastest tiles for the matrices of the model: as cached, else by measuring on the GPU.

        Ranks of one run may choose differently; a product depends on it only by rounding.
        """
        if self._batch > MAX_FUSED_BATCH or self._decoder.weights.nbytes < MIN_TUNED_BYTES:
            return "default"
        source: TileSource = "cached"
        self._position.fill_((self._input_len + self._positions) // 2)
        for name, runs in self._products().items():

            def run(tile: Tile, name: str = name, runs: list[Callable[[], None]] = runs) -> None:
                self._tiles[name] = tile
                for product in runs:
                    product()

            tiles, key = self._candidates(name), self._tile_key(name)
            if (known := cache.get(key, tiles)) is None:
                known, source = fastest(run, tiles), "measured"
                cache.put(key, known)
            self._tiles[name] = known
        return source

    def _tile_key(self, name: str) -> str:
        """Return what the best tile depends on, besides the model: for attention also the length."""
        length = f" {next_power_of_2(self._positions)}" if name == "attend" else ""
        return f"batch {self._batch} {name}{length}"

    def _linear(
        self,
        name: str,
        x: torch.Tensor,
        weight: Matrix,
        out: torch.Tensor,
        *,
        norm: torch.Tensor | None = None,
        bias: torch.Tensor | None = None,
        residual: bool = False,
        gated: bool = False,
    ) -> None:
        outputs, inputs = out.shape[1], weight.shape[1]
        eps = self._decoder.shape.rms_norm_eps
        tile = self._tiles[name]
        scaled = isinstance(weight, QuantizedMatrix)
        values, scales = (weight.values, weight.scales) if scaled else (weight, None)
        if self._batch == 1:
            kernels.matvec[(_cdiv(outputs, tile.rows),)](
                x, values, scales, bias, norm, self._hidden, out, outputs, eps, INPUTS=inputs,
                ROWS=tile.rows, TILE=tile.columns, EVEN=inputs % tile.columns == 0, NORM=norm is not None,
                GATED=gated, SCALED=scaled, BIAS=bias is not None, RESIDUAL=residual, num_warps=tile.warps,
                **self._pdl,
            )  # fmt: skip
            return
        if norm is not None:
            x = self._normalize(x, norm, self._normalized, self._pdl)
        if self._batch > MAX_FUSED_BATCH or scaled:
            result = functional.linear(x, self._whole(weight), bias)
            if gated:
                result = self._gate_rows(result)
            out.copy_(out + result if residual else result)
            return
        kernels.matmul[(_cdiv(outputs, tile.rows),)](
            x, weight, bias, self._hidden, out, self._batch, outputs, INPUTS=inputs,
            BATCH=max(DOT_ROWS, next_power_of_2(self._batch)), ROWS=tile.rows,
            TILE=tile.columns, EVEN=inputs % tile.columns == 0, GATED=gated,
            BIAS=bias is not None, RESIDUAL=residual, PRECISION=self._precision, num_warps=tile.warps,
            num_stages=tile.stages, **self._pdl,
        )  # fmt: skip

    def _attend(self, index: int) -> None:
        decoder = self._decoder
        width, norms = decoder.shape.width_of_head, decoder.weights.layers[index].head_norm
        tile = self._tiles["attend"]
        splits = _cdiv(self._positions, tile.rows)
        attention_kernels.attend[(self._batch * self._keys, splits)](
            self._qkv, norms, decoder.cos, decoder.sin, self._position, self._key_cache[index],
            self._value_cache[index], self._mixed, self._partial, self._part_weights, self._arrived,
            self._positions, decoder.shape.rms_norm_eps, SPLITS=splits,
            QUERIES=self._queries, KEYS=self._keys, WIDTH=width, GROUP=max(DOT_ROWS, self._heads),
            HEADS=self._heads, SPLIT=tile.rows, MERGE=16, SCALE=width**-0.5, PRECISION=self._precision,
            NORM=norms is not None, num_warps=tile.warps, **self._pdl,
        )  # fmt: skip


def _shared_bytes(device: torch.device) -> int:
    """Return the shared memory that a program may use; a part is left to the compiler."""
    if device.type != "cuda":
        return 2**17
    return int(torch.cuda.get_device_properties(device).shared_memory_per_block_optin) - 2**14


def _cdiv(size: int, block: int) -> int:
    return -(-size // block)
