"""Triton kernels of the decoder on a GPU: one decode step reads each weight and each cached token once.

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
    start, columns, x, norm, first, second, inside, tile, other, total, gate, squares,
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
        if EVEN:
            value = value * tl.load(norm + at).to(tl.float32)
        else:
            value = value * tl.load(norm + at, mask=at < INPUTS, other=0.0).to(tl.float32)
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
    return tile, other, total, gate, squares


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
            tile, other, total, gate, squares = _add_products(
                start, columns, x, norm, first, second, inside, tile, other, total, gate, squares,
                INPUTS, TILE, EVEN, NORM, GATED, PDL,
            )  # fmt: skip
    else:
        for start in range(0, INPUTS, TILE):
            tile, other, total, gate, squares = _add_products(
                start, columns, x, norm, first, second, inside, tile, other, total, gate, squares,
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
        result += tl.load(bias + rows, mask=inside, other=0.0).to(tl.float32)
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
        total += tl.load(bias + rows, mask=inside, other=0.0).to(tl.float32)[:, None]
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
def rotate_and_store(
    qkv, norms, cosine, sine, queries, keys, values, tokens, positions, eps, QUERIES: tl.constexpr,
    KEYS: tl.constexpr, WIDTH: tl.constexpr, NORM: tl.constexpr,
):  # fmt: skip
    """Rotate queries and keys of a prompt; write keys and values into the cache.

    NORM applies RMSNorm to each head of queries and keys first, with the scales `norms` [2, WIDTH].
    One program per (sequence, token) and head. `qkv` is [batch, tokens, (QUERIES + 2 * KEYS) * WIDTH];
    `queries` gets [batch, QUERIES, tokens, WIDTH]; the cache is [batch, KEYS, positions, WIDTH].
    """
    sequence, token = tl.program_id(0) // tokens, tl.program_id(0) % tokens
    head = tl.program_id(1)
    half = tl.arange(0, WIDTH // 2)
    source = qkv + (tl.program_id(0).to(tl.int64) * (QUERIES + 2 * KEYS) + head) * WIDTH
    low, high = tl.load(source + half), tl.load(source + WIDTH // 2 + half)
    if head < QUERIES + KEYS:
        cos = tl.load(cosine + token * WIDTH + half).to(tl.float32)
        sin = tl.load(sine + token * WIDTH + half).to(tl.float32)
        first, second = low.to(tl.float32), high.to(tl.float32)
        if NORM:
            squares = tl.sum(first * first) + tl.sum(second * second)
            inverse = 1.0 / tl.sqrt(squares / WIDTH + eps)
            scale = norms + tl.where(head < QUERIES, 0, WIDTH) + half
            first = first * inverse * tl.load(scale).to(tl.float32)
            second = second * inverse * tl.load(scale + WIDTH // 2).to(tl.float32)
        high = (second * cos + first * sin).to(low.dtype)
        low = (first * cos - second * sin).to(low.dtype)
    if head < QUERIES:
        place = queries + ((sequence.to(tl.int64) * QUERIES + head) * tokens + token) * WIDTH
    elif head < QUERIES + KEYS:
        place = keys + ((sequence.to(tl.int64) * KEYS + head - QUERIES) * positions + token) * WIDTH
    else:
        place = values + ((sequence.to(tl.int64) * KEYS + head - QUERIES - KEYS) * positions + token) * WIDTH
    tl.store(place + half, low)
    tl.store(place + WIDTH // 2 + half, high)


@triton.jit
def attend(
    qkv, norms, cosine, sine, position, keys, values, out, partial, weights, arrived, positions, eps,
    SPLITS: tl.constexpr, QUERIES: tl.constexpr, KEYS: tl.constexpr, WIDTH: tl.constexpr, GROUP: tl.constexpr,
    HEADS: tl.constexpr, SPLIT: tl.constexpr, MERGE: tl.constexpr, SCALE: tl.constexpr,
    PRECISION: tl.constexpr, NORM: tl.constexpr, PDL: tl.constexpr,
):  # fmt: skip
    """Attend from one new token to the cache, and append its key and value; the cache is read once.

    NORM as in `rotate_and_store`.

    A program handles SPLIT cached tokens for all query heads of one key/value head; the last one that
    finishes merges the parts, MERGE at a time. HEADS is the number of query heads of a key/value head as a
    power of 2, GROUP the same and at least 16, which `tl.dot` needs. `position` [batch] is the number of
    cached tokens. In float32, `partial` [batch, KEYS, SPLITS, HEADS, WIDTH] holds the parts and `weights`
    [batch, KEYS, SPLITS, 2, HEADS] their maxima and sums. `arrived` [batch, KEYS] counts, and is 0 between
    calls.
    """
    sequence, head = tl.program_id(0) // KEYS, tl.program_id(0) % KEYS
    split = tl.program_id(1)
    # An earlier step wrote the position and the cache, so they can be read before the predecessor ends.
    last = tl.load(position + sequence).to(tl.int32)
    dims = tl.arange(0, WIDTH)
    at = split * SPLIT + tl.arange(0, SPLIT)
    cache = ((sequence * KEYS + head).to(tl.int64) * positions + at)[:, None] * WIDTH + dims[None, :]
    old = at < last
    block_keys = tl.load(keys + cache, mask=old[:, None], other=0.0)
    block_values = tl.load(values + cache, mask=old[:, None], other=0.0)
    opposite = (dims + WIDTH // 2) % WIDTH
    sign = tl.where(dims < WIDTH // 2, -1.0, 1.0)
    cos = tl.load(cosine + last * WIDTH + dims).to(tl.float32)
    sin = tl.load(sine + last * WIDTH + dims).to(tl.float32) * sign
    query_cos, query_sin, key_cos, key_sin = cos, sin, cos, sin
    if NORM:
        # The scale of a number moves with it, so it is part of the factors of the rotation.
        query_cos = cos * tl.load(norms + dims).to(tl.float32)
        query_sin = sin * tl.load(norms + opposite).to(tl.float32)
        key_cos = cos * tl.load(norms + WIDTH + dims).to(tl.float32)
        key_sin = sin * tl.load(norms + WIDTH + opposite).to(tl.float32)
    if PDL:
        gdc_launch_dependents()
        gdc_wait()
    if split * SPLIT <= last:
        members = tl.arange(0, GROUP)
        used = members < QUERIES // KEYS
        base = qkv + sequence.to(tl.int64) * (QUERIES + 2 * KEYS) * WIDTH
        query_rows = base + (head * (QUERIES // KEYS) + members)[:, None] * WIDTH
        query = tl.load(query_rows + dims[None, :], mask=used[:, None], other=0.0)
        turned = tl.load(query_rows + opposite[None, :], mask=used[:, None], other=0.0)
        exact = query.to(tl.float32)
        rotated = exact * query_cos[None, :] + turned.to(tl.float32) * query_sin[None, :]
        if NORM:
            rotated = rotated / tl.sqrt(tl.sum(exact * exact, axis=1) / WIDTH + eps)[:, None]
        query = rotated.to(query.dtype)
        known = at <= last
        if split == last // SPLIT:
            new_key = base + (QUERIES + head) * WIDTH
            plain = tl.load(new_key + dims).to(tl.float32)
            key = plain * key_cos + tl.load(new_key + opposite).to(tl.float32) * key_sin
            if NORM:
                key = key / tl.sqrt(tl.sum(plain * plain) / WIDTH + eps)
            key = key.to(block_keys.dtype)
            value = tl.load(base + (QUERIES + KEYS + head) * WIDTH + dims)
            newest = (at == last)[:, None]
            block_keys = tl.where(newest, key[None, :], block_keys)
            block_values = tl.where(newest, value[None, :], block_values)
            place = ((sequence * KEYS + head).to(tl.int64) * positions + last) * WIDTH + dims
            tl.store(keys + place, key)
            tl.store(values + place, value)
        scores = tl.dot(query, tl.trans(block_keys), input_precision=PRECISION) * SCALE
        scores = tl.where(known[None, :], scores, float("-inf"))
        top = tl.max(scores, axis=1)
        shares = tl.exp(scores - top[:, None])
        sums = tl.sum(shares, axis=1)
        mixed = tl.dot(shares.to(block_values.dtype), block_values, input_precision=PRECISION)
        part = (sequence * KEYS + head) * SPLITS + split
        held = members < HEADS
        rows = partial + (part * HEADS + members)[:, None] * WIDTH + dims[None, :]
        tl.store(rows, mixed, mask=held[:, None])
        tl.store(weights + part * 2 * HEADS + members, top, mask=held)
        tl.store(weights + (part * 2 + 1) * HEADS + members, sums, mask=held)
        tl.debug_barrier()
        ticket = tl.atomic_add(arrived + sequence * KEYS + head, 1, sem="acq_rel")
        if ticket == last // SPLIT:
            _merge(
                partial, weights, out, sequence, head, last, SPLITS,
                QUERIES, KEYS, WIDTH, HEADS, SPLIT, MERGE,
            )  # fmt: skip
            tl.store(arrived + sequence * KEYS + head, 0)


@triton.jit
def _merge(
    partial, weights, out, sequence, head, last, SPLITS: tl.constexpr,
    QUERIES: tl.constexpr, KEYS: tl.constexpr, WIDTH: tl.constexpr, HEADS: tl.constexpr, SPLIT: tl.constexpr,
    MERGE: tl.constexpr,
):  # fmt: skip
    """Merge the parts of a key/value head, as `attend` describes them."""
    members, dims = tl.arange(0, HEADS), tl.arange(0, WIDTH)
    best = tl.full([HEADS], float("-inf"), tl.float32)
    weight = tl.zeros([HEADS], tl.float32)
    result = tl.zeros([HEADS, WIDTH], tl.float32)
    base = (sequence * KEYS + head) * SPLITS
    for start in range(0, SPLITS, MERGE):
        split = start + tl.arange(0, MERGE)
        known = (split <= last // SPLIT)[:, None]
        part = (base + split)[:, None]
        tops = tl.load(
            weights + part * 2 * HEADS + members[None, :],
            mask=known,
            other=float("-inf"),
            cache_modifier=".cg",
        )
        sums = tl.load(
            weights + (part * 2 + 1) * HEADS + members[None, :], mask=known, other=0.0, cache_modifier=".cg"
        )
        rows = partial + (part * HEADS + members[None, :])[:, :, None] * WIDTH + dims[None, None, :]
        parts = tl.load(rows, mask=known[:, :, None], other=0.0, cache_modifier=".cg")
        higher = tl.maximum(best, tl.max(tops, axis=0))
        before, now = tl.exp(best - higher), tl.exp(tops - higher[None, :])
        result = result * before[:, None] + tl.sum(parts * now[:, :, None], axis=0)
        weight = weight * before + tl.sum(sums * now, axis=0)
        best = higher
    result = result / weight[:, None]
    group: tl.constexpr = QUERIES // KEYS
    place = (sequence * QUERIES + head * group + members)[:, None] * WIDTH + dims[None, :]
    tl.store(out + place, result.to(out.dtype.element_ty), mask=(members < group)[:, None])


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
