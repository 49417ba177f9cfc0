"""What timing every decode step (`benchmark.per_step`) costs an iteration.

`python -m tests.benchmarks.per_step [--shapes NAME ...] [--batches N ...] [--pairs N]` runs iterations of the
torch engine with and without it in the order without, with, with, without, ... so that a steady drift
cancels, and prints the change of the generation time with its 95 % interval over the pairs. Without a GPU it
takes a small shape on the CPU.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys

import torch

from runner.ranks.collectives import SingleRank
from runner.ranks.decoder import Decoder
from runner.ranks.generation import random_prompt, timed_generation
from runner.ranks.graphs import Preparation
from runner.ranks.shape import DecoderShape
from runner.ranks.weight_shards import WeightShard
from runner.ranks.weights import RandomSource, build_weights
from runner.stats.student import t_quantile
from tests.benchmarks.torch_engine import MODELS, Model

SMALL = Model(DecoderShape(128, 256, 2, 4, 2, 512), torch.float32, {})
INPUT_LEN, OUTPUT_LEN = 128, 128


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--shapes", nargs="+", choices=MODELS, default=["llama-3-8b", "qwen2.5-0.5b"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 16])
    parser.add_argument("--pairs", type=int, default=20)
    options = parser.parse_args()
    if options.pairs < 2:
        parser.error("an interval needs at least two pairs")
    on_gpu = torch.cuda.is_available()
    models = {name: MODELS[name] for name in options.shapes} if on_gpu else {"small": SMALL}
    with torch.inference_mode():
        for name, model in models.items():
            device = torch.device("cuda" if on_gpu else "cpu")
            weights = build_weights(model.shape, WeightShard(0, 1), RandomSource(0, model.dtype, device))
            decoder = Decoder(model.shape, weights, SingleRank(), INPUT_LEN + OUTPUT_LEN)
            for batch in options.batches:
                print(f"{name}, batch {batch}: {_compare(decoder, batch, options.pairs)}", flush=True)
            del decoder, weights
    return 0


def _compare(decoder: Decoder, batch: int, pairs: int) -> str:
    prompt = random_prompt(decoder.shape.vocab_size, batch, INPUT_LEN, 1)
    generation = Preparation(decoder).prepare(prompt.to(decoder.weights.embedding.device), OUTPUT_LEN)
    for every_step in (False, True):
        timed_generation(generation, every_step=every_step)
    times: dict[bool, list[float]] = {False: [], True: []}
    for pair in range(pairs):
        for every_step in (False, True) if pair % 2 == 0 else (True, False):
            times[every_step].append(timed_generation(generation, every_step=every_step).generation_ms)
    logs = [math.log(timed / plain) for plain, timed in zip(times[False], times[True], strict=True)]
    half = 100 * t_quantile(0.975, pairs - 1) * statistics.stdev(logs) / math.sqrt(pairs)
    step = statistics.median(times[False]) / (OUTPUT_LEN - 1)
    return (
        f"{100 * math.expm1(statistics.fmean(logs)):+.3f} % (95 % interval ± {half:.3f} %, {pairs} pairs);"
        f" a step takes {step:.4f} ms without it"
    )


if __name__ == "__main__":
    sys.exit(main())
