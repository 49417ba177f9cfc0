"""Run by a test with TRITON_INTERPRET=1: the kernels of the decoder on the CPU."""

from __future__ import annotations

from typing import Any

import torch

from runner.ranks.collectives import SingleRank
from runner.ranks.decoder import Decoder
from runner.ranks.fused import FusedStep
from runner.ranks.generation import CpuMarks, EagerGeneration, generate, random_prompt
from runner.ranks.shape import DecoderShape
from runner.ranks.weight_shards import WeightShard
from runner.ranks.weights import RandomSource, build_weights

TOKENS = 4


def check(
    batch: int,
    input_len: int,
    heads: int,
    kv_heads: int,
    hidden: int,
    quantization: str | None = None,
    **changes: Any,
) -> None:
    shape = DecoderShape(
        hidden_size=hidden,
        intermediate_size=80,
        num_hidden_layers=2,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        vocab_size=150,
        head_dim=16,
        **changes,
    )
    source = RandomSource(0, torch.float32, torch.device("cpu"))
    weights = build_weights(shape, WeightShard(0, 1), source, quantization)
    for layer in weights.layers:
        if layer.head_norm is not None:
            layer.head_norm.uniform_(0.5, 1.5)
    decoder = Decoder(shape, weights, SingleRank(), input_len + TOKENS)
    prompt = random_prompt(shape.vocab_size, batch, input_len, seed=1)
    step = FusedStep(decoder, prompt, TOKENS, pdl=False)
    expected = generate(EagerGeneration(decoder, prompt, TOKENS), CpuMarks())
    assert torch.equal(generate(step, CpuMarks()), expected)


if __name__ == "__main__":
    with torch.inference_mode():
        check(1, 63, heads=4, kv_heads=2, hidden=64)  # the cache grows into a second split
        # sizes that are no power of 2
        check(3, 5, heads=3, kv_heads=1, hidden=48, attention_bias=True, qk_norm=True)
        check(1, 5, heads=3, kv_heads=1, hidden=48, quantization="int8", attention_bias=True, qk_norm=True)
        check(1, 5, heads=4, kv_heads=2, hidden=64, quantization="fp8")
