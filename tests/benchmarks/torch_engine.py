"""The torch engine on one GPU, next to what the memory and the matrix units of the same GPU allow.

`python -m tests.benchmarks.torch_engine [--shapes NAME ...] [--batches N ...]` measures the copy rate and the
matmul rate of the GPU, then decode steps and prefill of each shape: the engine, and the same operations
called one by one. Weights are random.

A decode step has to read all weights and the cached keys and values once: floor = these bytes / copy rate.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
from collections.abc import Callable
from typing import NamedTuple

import torch

from runner.ranks.collectives import SingleRank
from runner.ranks.decoder import Decoder
from runner.ranks.generation import EagerGeneration, Generation, random_prompt, timed_generation
from runner.ranks.graphs import GraphGeneration
from runner.ranks.shape import DecoderShape
from runner.ranks.tile_cache import TileCache
from runner.ranks.tiles import milliseconds
from runner.ranks.weight_shards import WeightShard
from runner.ranks.weights import RandomSource, build_weights


class Model(NamedTuple):
    shape: DecoderShape
    dtype: torch.dtype
    targets: dict[int, float]
    """least share of the floor by batch size"""


def _shape(
    hidden: int, units: int, layers: int, heads: int, kv_heads: int, vocab: int, **more: object
) -> DecoderShape:
    return DecoderShape(
        hidden_size=hidden,
        intermediate_size=units,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        vocab_size=vocab,
        **more,  # type: ignore[arg-type]
    )


MODELS = {
    "llama-3-8b": Model(_shape(4096, 14336, 32, 32, 8, 128256), torch.bfloat16, {1: 0.85, 16: 0.75}),
    "llama-3.2-1b": Model(
        _shape(2048, 8192, 16, 32, 8, 128256, head_dim=64, tie_word_embeddings=True),
        torch.bfloat16,
        {1: 0.60},
    ),
    "qwen2.5-0.5b": Model(
        _shape(896, 4864, 24, 14, 2, 151936, attention_bias=True, tie_word_embeddings=True),
        torch.bfloat16,
        {1: 0.45},
    ),
    "qwen2.5-32b": Model(
        _shape(5120, 27648, 64, 40, 8, 152064, attention_bias=True), torch.float16, {1: 0.82, 16: 0.75}
    ),
}
INPUT_LEN, OUTPUT_LEN = 1024, 128
PREFILL_TARGET = 0.78


def copy_rate() -> float:
    """Return bytes per second of a copy in device memory, reads plus writes."""
    source = torch.empty(2**32, dtype=torch.uint8, device="cuda").random_()
    target = torch.empty_like(source)
    for _ in range(3):
        target.copy_(source)
    return 2.0 * int(source.numel()) / milliseconds(lambda: target.copy_(source), 20) * 1e3


def matmul_rate(dtype: torch.dtype) -> float:
    """Return floating-point operations per second of a product of random 8192 x 8192 matrices."""
    a, b = (torch.randn(8192, 8192, device="cuda").to(dtype) for _ in range(2))
    for _ in range(10):
        a @ b
    return 2 * 8192**3 / milliseconds(lambda: a @ b, 50) * 1e3


def weight_bytes(decoder: Decoder) -> int:
    """Return the bytes of the matrices that a decode step reads; of the embedding it reads a row a token."""
    layers = [vars(layer).values() for layer in decoder.weights.layers]
    tensors = [decoder.weights.head, *(tensor for layer in layers for tensor in layer if tensor is not None)]
    return int(sum(tensor.numel() * tensor.element_size() for tensor in tensors))


def cache_bytes(decoder: Decoder, batch: int, tokens: float) -> float:
    shape = decoder.shape
    size = decoder.weights.embedding.element_size()
    return (
        2.0 * shape.num_hidden_layers * batch * decoder.key_heads * tokens * shape.width_of_head * int(size)
    )


def prefill_operations(decoder: Decoder, batch: int, tokens: int) -> float:
    """Return the operations of the matrix products of a prompt; attention counts what is not masked."""
    shape = decoder.shape
    matrices = sum(
        matrix.numel()
        for layer in decoder.weights.layers
        for matrix in (layer.qkv, layer.out, layer.gate_up, layer.down)
    )
    attention = 2 * shape.num_hidden_layers * decoder.query_heads * shape.width_of_head * tokens * tokens
    return float(batch * (2.0 * matrices * tokens + attention + 2.0 * decoder.weights.head.numel()))


class Row(NamedTuple):
    step_ms: float
    step_spread: float
    """standard deviation of the mean step of an iteration / mean"""
    prefill_ms: float
    first_ms: float
    """latency of the first iteration / median of the later ones"""


def measured(generation: Generation, iterations: int) -> Row:
    timings = [timed_generation(generation) for _ in range(iterations + 1)]
    later = timings[1:]
    steps = [timing.generation_ms / timing.steps for timing in later]
    latencies = [timing.latency_ms for timing in later]
    return Row(
        statistics.median(steps),
        statistics.stdev(steps) / statistics.fmean(steps),
        statistics.median(timing.latency_ms - timing.generation_ms for timing in later),
        timings[0].latency_ms / statistics.median(latencies),
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shapes", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 16])
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--without-eager", action="store_true")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("skipped: PyTorch sees no GPU here")
        return 0
    copied = copy_rate()
    print(
        f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}: copy {copied / 1e12:.2f} TB/s",
        flush=True,
    )
    missed = 0
    with torch.inference_mode():
        for name in options.shapes:
            missed += _measure_model(name, options, copied)
    return 1 if missed else 0


def _measure_model(name: str, options: argparse.Namespace, copied: float) -> int:
    model = MODELS[name]
    multiplied = matmul_rate(model.dtype)
    source = RandomSource(0, model.dtype, torch.device("cuda"))
    weights = build_weights(model.shape, WeightShard(0, 1), source)
    decoder = Decoder(model.shape, weights, SingleRank(), INPUT_LEN + OUTPUT_LEN)
    print(f"{name}, {str(model.dtype).split('.')[1]}: matmul {multiplied / 1e12:.0f} TFLOP/s", flush=True)
    missed = 0
    for batch in options.batches:
        prompt = random_prompt(model.shape.vocab_size, batch, INPUT_LEN, 1).cuda()
        # While OUTPUT_LEN tokens are generated, a step reads half of them on average besides the prompt.
        tokens = INPUT_LEN + OUTPUT_LEN / 2
        floor = (weight_bytes(decoder) + cache_bytes(decoder, batch, tokens)) / copied * 1e3
        needed = prefill_operations(decoder, batch, INPUT_LEN) / multiplied * 1e3
        kinds: list[tuple[str, Callable[[], Generation]]] = [
            ("engine", lambda prompt=prompt: GraphGeneration(decoder, prompt, OUTPUT_LEN, TileCache()))  # type: ignore[misc]
        ]
        if not options.without_eager:
            kinds.append(("one by one", lambda prompt=prompt: EagerGeneration(decoder, prompt, OUTPUT_LEN)))  # type: ignore[misc]
        for kind, create in kinds:
            generation = create()
            row = measured(generation, options.iterations if kind == "engine" else 3)
            share, prefill = floor / row.step_ms, needed / row.prefill_ms
            target = model.targets.get(batch)
            verdict = ""
            if kind == "engine" and target is not None:
                ok = share >= target
                missed += not ok
                verdict = f"  {'holds' if ok else 'MISSED'}: at least {target}"
            print(
                f"  batch {batch:2} {kind:10} step {row.step_ms:7.3f} ms ±{row.step_spread:.2%},"
                f" floor {floor:6.3f}: {share:.3f}   prefill {row.prefill_ms:8.2f} ms:"
                f" {prefill:.3f} of matmul rate"
                f"   first iteration x{row.first_ms:.2f}{verdict}",
                flush=True,
            )
            del generation
            gc.collect()
            torch.cuda.empty_cache()
    return missed


if __name__ == "__main__":
    sys.exit(main())
