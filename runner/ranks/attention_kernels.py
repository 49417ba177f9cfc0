"""Triton kernels of the attention of the decoder: a step reads each cached token once.

As in `kernels.py`, with `PDL` a kernel starts while its predecessor ends.
"""

from __future__ import annotations

import triton
import triton.language as tl
from triton.language.extra.cuda import gdc_launch_dependents, gdc_wait


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
