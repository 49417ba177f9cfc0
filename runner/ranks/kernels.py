"""Triton kernels of the decoder on a GPU, except its attention: one decode step reads each weight once.

A step of few tokens is bound by memory, so the kernels fuse what surrounds a matrix with its reading:
normalization before, residual or SwiGLU after. With programmatic dependent launch (`PDL`) a kernel starts
while its predecessor ends and reads its first weights; `gdc_wait` then waits for the predecessor's results.

Matrices are [outputs, inputs] with contiguous rows, activations [batch, inputs].
"""

from __future__ import annotations

import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait

LINE_BITS = tl.constexpr(1024)
"""Bits of a cache line."""
LINES_AHEAD = tl.constexpr(16)
"""Cache lines of each row that `matmul` reads into the L2 cache before its activations are there."""


@triton.jit
def _prefetch(pointers):
    """Read cache lines into the L2 cache."""
    tl.inline_asm_elementwise(
        "prefetch.global.L2 [$1]; mov.b32 $0, 0;",
        "=r,l",
        [pointers.to(tl.int64)],
        tl.int32,
        is_pure=False,
        pack=1,
    )


@triton.jit
def _floats(tile, PDL: tl.constexpr):
    """Return weights as float32.

    Converting an int8 takes several times as long as other operations. So where inline assembly runs
    (`PDL`), a byte becomes the lowest one of the float 2^23, which adds its value + 128, and 2^23 + 128 is
    subtracted.
    """
    if PDL and tile.dtype == tl.int8:
        return tl.inline_asm_elementwise(
            """
            {
            .reg .b32 bytes;
            xor.b32 bytes, $4, 0x80808080;
            prmt.b32 $0, bytes, 0x4B000000, 0x7650;
            prmt.b32 $1, bytes, 0x4B000000, 0x7651;
            prmt.b32 $2, bytes, 0x4B000000, 0x7652;
            prmt.b32 $3, bytes, 0x4B000000, 0x7653;
            }
            """,
            "=r,=r,=r,=r,r", [tile], tl.float32, is_pure=True, pack=4,
        ) - 8388736.0  # fmt: skip
    return tile.to(tl.float32)


@triton.jit
def _add_products(
    start, columns, x, norm, first, second, inside, tile, other, factor, total, gate, squares,
    INPUTS: tl.constexpr, TILE: tl.constexpr, EVEN: tl.constexpr, NORM: tl.constexpr, GATED: tl.constexpr,
    PDL: tl.constexpr,
):  # fmt: skip
    """Add the products of one tile of `matvec`, which is loaded already, and load the next one."""
    at = start + columns
    if EVEN:
        value = tl.load(x + at).to(tl.float32)
    else:
        value = tl.load(x + at, mask=at < INPUTS, other=0.0).to(tl.float32)
    if NORM:
        squares += value * value
        value = value * factor.to(tl.float32)
    total += _floats(tile, PDL) * value[None, :]
    if GATED:
        gate += _floats(other, PDL) * value[None, :]
    if start + TILE < INPUTS:
        if EVEN:
            mask = inside[:, None]
        else:
            mask = inside[:, None] & (at + TILE < INPUTS)[None, :]
        tile = tl.load(first + start + TILE, mask=mask, other=0.0)
        if GATED:
            other = tl.load(second + start + TILE, mask=mask, other=0.0)
        if NORM and EVEN:
            factor = tl.load(norm + at + TILE)
        elif NORM:
            factor = tl.load(norm + at + TILE, mask=at + TILE < INPUTS, other=0.0)
    return tile, other, factor, total, gate, squares


@triton.jit
def matvec(
    x, weight, scales, bias, norm, residual, out, outputs, eps, INPUTS: tl.constexpr,
    ROWS: tl.constexpr, TILE: tl.constexpr, EVEN: tl.constexpr, NORM: tl.constexpr, GATED: tl.constexpr,
    SCALED: tl.constexpr, BIAS: tl.constexpr, RESIDUAL: tl.constexpr, PDL: tl.constexpr,
):  # fmt: skip
    """Multiply one activation by a matrix; each program computes ROWS outputs.

    NORM applies RMSNorm to the activation first. GATED takes the matrix as [2 * outputs, inputs] and returns
    silu(upper half) * lower half. SCALED multiplies row o of the matrix by `scales[o]`.
    """
    line_length: tl.constexpr = LINE_BITS // weight.dtype.element_ty.primitive_bitwidth
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.arange(0, TILE)
    inside = rows < outputs
    # A thread gets as many neighbouring weights as activations of 16 bits: no exchange between threads.
    spread = tl.max_contiguous(columns, 8) if SCALED else columns
    first = weight + rows[:, None].to(tl.int64) * INPUTS + spread[None, :]
    second = first + outputs.to(tl.int64) * INPUTS
    if EVEN:
        mask = inside[:, None]
    else:
        mask = inside[:, None] & (columns < INPUTS)[None, :]
    tile = tl.load(first, mask=mask, other=0.0)
    other = tl.load(second, mask=mask, other=0.0) if GATED else tile
    # These are weights, too: loaded after `gdc_wait`, the whole step would wait for them.
    factor = columns
    if NORM and EVEN:
        factor = tl.load(norm + columns)
    elif NORM:
        factor = tl.load(norm + columns, mask=columns < INPUTS, other=0.0)
    shift = tl.zeros([ROWS], tl.float32)
    if BIAS:
        shift = tl.load(bias + rows, mask=inside, other=0.0).to(tl.float32)
    if PDL:
        gdc_launch_dependents()
        if INPUTS >= 2 * TILE and line_length <= TILE:
            line = tl.arange(0, TILE // line_length) * line_length
            _prefetch(weight + rows[:, None].to(tl.int64) * INPUTS + TILE + line[None, :])
        gdc_wait()
    total = tl.zeros([ROWS, TILE], tl.float32)
    gate = tl.zeros([ROWS, TILE], tl.float32)
    squares = tl.zeros([TILE], tl.float32)
    # Bytes that a loop carries from one iteration to the next would be unpacked and packed in each.
    if SCALED:
        for start in tl.static_range(0, INPUTS, TILE):
            tile, other, factor, total, gate, squares = _add_products(
                start, columns, x, norm, first, second, inside, tile, other, factor, total, gate, squares,
                INPUTS, TILE, EVEN, NORM, GATED, PDL,
            )  # fmt: skip
    else:
        for start in range(0, INPUTS, TILE):
            tile, other, factor, total, gate, squares = _add_products(
                start, columns, x, norm, first, second, inside, tile, other, factor, total, gate, squares,
                INPUTS, TILE, EVEN, NORM, GATED, PDL,
            )  # fmt: skip
    result = tl.sum(total, axis=1)
    scale = 1.0
    if NORM:
        scale = 1.0 / tl.sqrt(tl.sum(squares) / INPUTS + eps)
        result = result * scale
    if SCALED:
        result = result * tl.load(scales + rows, mask=inside, other=0.0)
    if GATED:
        lower = tl.sum(gate, axis=1) * scale
        if SCALED:
            lower = lower * tl.load(scales + outputs + rows, mask=inside, other=0.0)
        result = result * tl.sigmoid(result) * lower
    if BIAS:
        result += shift
    if RESIDUAL:
        result += tl.load(residual + rows, mask=inside, other=0.0).to(tl.float32)
    tl.store(out + rows, result.to(out.dtype.element_ty), mask=inside)


@triton.jit
def matmul(
    x, weight, bias, residual, out, batch, outputs, INPUTS: tl.constexpr,
    BATCH: tl.constexpr, ROWS: tl.constexpr, TILE: tl.constexpr, EVEN: tl.constexpr, GATED: tl.constexpr,
    BIAS: tl.constexpr, RESIDUAL: tl.constexpr, PRECISION: tl.constexpr, PDL: tl.constexpr,
):  # fmt: skip
    """Multiply a batch of at most BATCH activations by a matrix; each program computes ROWS outputs.

    GATED as in `matvec`.
    """
    line_length: tl.constexpr = LINE_BITS // weight.dtype.element_ty.primitive_bitwidth
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.arange(0, TILE)
    members = tl.arange(0, BATCH)
    inside, present = rows < outputs, members < batch
    first = weight + rows[:, None].to(tl.int64) * INPUTS + columns[None, :]
    second = first + outputs.to(tl.int64) * INPUTS
    activations = x + members[None, :].to(tl.int64) * INPUTS + columns[:, None]
    shift = tl.zeros([ROWS], tl.float32)
    if BIAS:
        shift = tl.load(bias + rows, mask=inside, other=0.0).to(tl.float32)
    if PDL:
        gdc_launch_dependents()
        line = tl.arange(0, LINES_AHEAD) * line_length
        if LINES_AHEAD * line_length <= INPUTS:
            _prefetch(weight + rows[:, None].to(tl.int64) * INPUTS + line[None, :])
        gdc_wait()
    total = tl.zeros([ROWS, BATCH], tl.float32)
    gate = tl.zeros([ROWS, BATCH], tl.float32)
    for start in range(0, INPUTS, TILE):
        if EVEN:
            mask, known = inside[:, None], present[None, :]
        else:
            left = start + columns < INPUTS
            mask, known = inside[:, None] & left[None, :], present[None, :] & left[:, None]
        values = tl.load(activations + start, mask=known, other=0.0)
        tile = tl.load(first + start, mask=mask, other=0.0)
        total = tl.dot(tile, values, total, input_precision=PRECISION)
        if GATED:
            other = tl.load(second + start, mask=mask, other=0.0)
            gate = tl.dot(other, values, gate, input_precision=PRECISION)
    if GATED:
        total = total * tl.sigmoid(total) * gate
    if BIAS:
        total += shift[:, None]
    places = members[None, :].to(tl.int64) * outputs + rows[:, None]
    mask = inside[:, None] & present[None, :]
    if RESIDUAL:
        total += tl.load(residual + places, mask=mask, other=0.0).to(tl.float32)
    tl.store(out + places, total.to(out.dtype.element_ty), mask=mask)


@triton.jit
def dequantize(values, scales, out, size, BLOCK: tl.constexpr):
    """Write `values * scales` of a matrix with rows of `size` values; a program per row and BLOCK values."""
    row = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    mask = columns < size
    value = tl.load(values + row * size + columns, mask=mask, other=0.0).to(tl.float32)
    tl.store(out + row * size + columns, (value * tl.load(scales + row)).to(out.dtype.element_ty), mask=mask)


@triton.jit
def normalize(x, weight, out, size, eps, BLOCK: tl.constexpr, PDL: tl.constexpr):
    """RMSNorm of rows of `size` values; one program a row."""
    row = tl.program_id(0).to(tl.int64) * size
    columns = tl.arange(0, BLOCK)
    mask = columns < size
    scale = tl.load(weight + columns, mask=mask, other=0.0).to(tl.float32)
    if PDL:
        gdc_launch_dependents()
        gdc_wait()
    value = tl.load(x + row + columns, mask=mask, other=0.0).to(tl.float32)
    value = value / tl.sqrt(tl.sum(value * value) / size + eps) * scale
    tl.store(out + row + columns, value.to(out.dtype.element_ty), mask=mask)


@triton.jit
def gate_and_up(both, out, units, BLOCK: tl.constexpr, PDL: tl.constexpr):
    """SwiGLU of rows [gate, up] of `units` values each; one program per row and BLOCK units."""
    row = tl.program_id(0).to(tl.int64)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    mask = columns < units
    if PDL:
        gdc_launch_dependents()
        gdc_wait()
    gate = tl.load(both + row * 2 * units + columns, mask=mask, other=0.0).to(tl.float32)
    up = tl.load(both + row * 2 * units + units + columns, mask=mask, other=0.0).to(tl.float32)
    tl.store(out + row * units + columns, (gate * tl.sigmoid(gate) * up).to(out.dtype.element_ty), mask=mask)


@triton.jit
def best_of_block(logits, tops, places, size, BLOCKS: tl.constexpr, BLOCK: tl.constexpr, PDL: tl.constexpr):
    """Store the highest of BLOCK logits and its index; `tops` and `places` are [batch, BLOCKS]."""
    row, block = tl.program_id(0), tl.program_id(1)
    if PDL:
        gdc_launch_dependents()
        gdc_wait()
    at = block * BLOCK + tl.arange(0, BLOCK)
    found = tl.load(logits + row.to(tl.int64) * size + at, mask=at < size, other=float("-inf")).to(tl.float32)
    tl.store(tops + row * BLOCKS + block, tl.max(found, axis=0))
    tl.store(places + row * BLOCKS + block, block * BLOCK + tl.argmax(found, axis=0))


@triton.jit
def advance(
    tops, places, embedding, position, tokens, hidden, output_len, input_len, size,
    BLOCKS: tl.constexpr, PADDED: tl.constexpr, BLOCK: tl.constexpr, STEP: tl.constexpr, PDL: tl.constexpr,
):  # fmt: skip
    """Choose the token with the highest logit, store it, and load its embedding as the next hidden state.

    One program a sequence. STEP is 1 after a decode step, which has cached one more token, and 0 after the
    prefill. PADDED is BLOCKS as a power of 2; `tokens` is [batch, output_len].
    """
    row = tl.program_id(0)
    if PDL:
        gdc_launch_dependents()
        gdc_wait()
    at = tl.arange(0, PADDED)
    found = tl.load(tops + row * BLOCKS + at, mask=at < BLOCKS, other=float("-inf"))
    token = tl.load(places + row * BLOCKS + tl.argmax(found, axis=0)).to(tl.int64)
    filled = tl.load(position + row) + STEP
    tl.store(position + row, filled)
    tl.store(tokens + row * output_len + filled - input_len, token)
    columns = tl.arange(0, BLOCK)
    values = tl.load(embedding + token * size + columns, mask=columns < size)
    tl.store(hidden + row.to(tl.int64) * size + columns, values, mask=columns < size)
