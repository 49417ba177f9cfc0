"""The program of each rank of engine `torch`: join the others, build its share of the model, measure."""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch

from runner.ranks.admission import Admission
from runner.ranks.collectives import Collectives, Mpi, Nccl, SingleRank, connect
from runner.ranks.decoder import Decoder
from runner.ranks.device import (
    compute_capability,
    label_of,
    peak_memory_gib,
    pick_device,
    use_own_cores,
    versions_of,
    wait_for,
)
from runner.ranks.errors import MemoryLackError, StartError
from runner.ranks.generation import Timing, random_prompt, timed_generation
from runner.ranks.graphs import GraphGeneration, Preparation, Step
from runner.ranks.held_memory import HeldMemory
from runner.ranks.loop import timed_indices
from runner.ranks.quantized import FORMATS
from runner.ranks.records import DIRECTORY_VARIABLE, MOST_STEP_VALUES, Recorder, die_with_parent
from runner.ranks.shape import read_shape
from runner.ranks.summary import BenchmarkConfiguration, Setting, benchmark_line
from runner.ranks.weights import Source, WeightShard, build_weights

_SKIPPED = "[TRT-LLM] [E] Exception {} caught while allocating memory; skipping"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit code; a rank that fails ends all others."""
    die_with_parent()
    options = parse_arguments(arguments)
    link: SingleRank | Mpi = SingleRank()
    try:
        link = connect()
        run(options, link)
    except StartError as error:
        print(error, file=sys.stderr, flush=True)
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
    else:
        return 0
    link.abort()
    return 1


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Benchmark a tensor-parallel decoder with random weights.")
    parser.add_argument(
        "--engine_dir", type=Path, required=True, help="folder with the config.json of a model"
    )
    parser.add_argument("--batch_size", type=_sizes, default=[8], help="separated by ; like 1;8")
    parser.add_argument(
        "--input_output_len",
        type=_lengths,
        default=[(128, 20)],
        help="pairs separated by ; like 128,20;512,20",
    )
    parser.add_argument("--dtype", choices=("float32", "bfloat16", "float16"), default="float16")
    parser.add_argument("--quantization", choices=tuple(FORMATS), help="8-bit weights in the layers")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--seed", type=int, default=0, help="of the random weights and input tokens")
    parser.add_argument("--num_runs", type=int, default=10, help="minimal number of iterations")
    parser.add_argument(
        "--duration", type=float, default=60, help="minimal duration of iterations in seconds"
    )
    parser.add_argument("--warm_up", type=int, default=2, help="iterations before timing, a configuration")
    parser.add_argument("--per_step", action="store_true", help="time every decode step")
    parser.add_argument("--tile_cache", help="folder that keeps the tile sizes of the kernels for later runs")
    options = parser.parse_args(arguments)
    if options.num_runs <= 0 and options.duration <= 0:
        parser.error("num_runs and duration are both 0, so nothing would be timed")
    return options


def run(options: argparse.Namespace, link: SingleRank | Mpi) -> None:
    """Measure every configuration on this rank.

    Raises:
        StartError: no shape, no GPU for this rank, or a model that does not fit on it.
    """
    shape = read_shape(options.engine_dir / "config.json")
    device = pick_device(options.device, link)
    recorder = Recorder(link.rank, os.environ.get(DIRECTORY_VARIABLE))
    label = label_of(device)
    recorder.hello(world=link.world, device=str(device), label=label, versions=versions_of(device))
    place = f"{device} ({label})"
    if device.type == "cpu":
        use_own_cores(link.local_world)
        place += f", threads: {torch.get_num_threads()}"
    _print_line(link, f"Rank 0 of {link.world} started on {place}.")

    on_gpus = device.type == "cuda" and link.world > 1
    held = HeldMemory(device)
    collectives: Collectives = Nccl(link, device) if on_gpus else link
    held.collectives_started()
    admission = Admission(
        shape, options.dtype, device, collectives, quantized=options.quantization is not None
    )
    admission.admit_weights()
    with torch.inference_mode():
        began = time.monotonic()
        source = Source(options.seed, getattr(torch, options.dtype), device)
        weights = build_weights(shape, WeightShard(link.rank, link.world), source, options.quantization)
        longest = max(input_len + output_len for input_len, output_len in options.input_output_len)
        decoder = Decoder(shape, weights, collectives, longest)
        wait_for(device)
        collectives.barrier()
        millions, seconds = weights.parameters / 1e6, time.monotonic() - began
        _print_line(
            link, f"Weights built. Parameters of rank 0: {millions:.1f} M, duration: {seconds:.3f} sec."
        )
        preparation = Preparation(decoder, options.tile_cache)
        _print_line(link, f"Iterations run as {preparation.description}.")
        if preparation.is_slow and link.rank == 0:
            recorder.notice(f"a slow way: iterations run as {preparation.description}")
        setting = Setting(
            name=os.path.basename(os.path.abspath(options.engine_dir)),
            shape=shape,
            world=link.world,
            precision=options.dtype,
            quantization=options.quantization or "0",
            compute_cap=compute_capability(device),
        )
        configurations = [
            BenchmarkConfiguration(batch_size, input_len, output_len)
            for input_len, output_len in options.input_output_len
            for batch_size in options.batch_size
        ]
        for index, configuration in enumerate(configurations):
            try:
                timings = measure(options, decoder, preparation, recorder, admission, index, configuration)
                line = benchmark_line(setting, configuration, timings, peak_memory_gib(device))
                if (parts := held.parts(admission.need_of(configuration))) is not None:
                    recorder.memory(config=index, parts=parts)
            except MemoryLackError as error:
                admission.reject(configuration)
                line = f"{_SKIPPED.format(error)} {configuration}"
            except torch.cuda.OutOfMemoryError as error:
                if link.world > 1:
                    # The other ranks may have had enough memory and wait for this one: the run cannot go on.
                    raise
                admission.reject(configuration)
                line = f"{_SKIPPED.format(error)} {configuration}"
            _print_line(link, line)
    collectives.barrier()
    recorder.bye()
    if isinstance(collectives, Nccl):
        collectives.close()


def measure(
    options: argparse.Namespace,
    decoder: Decoder,
    preparation: Preparation,
    recorder: Recorder,
    admission: Admission,
    index: int,
    configuration: BenchmarkConfiguration,
) -> list[Timing]:
    """Run warm-up and timed loop of one configuration; return the timed iterations of this rank.

    Raises:
        MemoryLackError: it does not fit; on every rank.
        torch.cuda.OutOfMemoryError: memory ran out later, perhaps on this rank alone.
    """
    collectives, device = decoder.collectives, decoder.weights.embedding.device
    batch_size, input_len = configuration.batch_size, configuration.input_len
    output_len = configuration.output_len
    if collectives.rank == 0:
        recorder.configuration(
            index=index,
            batch_size=batch_size,
            input_len=input_len,
            output_len=output_len,
            num_runs=options.num_runs,
            duration=options.duration,
            warm_up=options.warm_up,
        )
    admission.admit(configuration)
    prompt = random_prompt(decoder.shape.vocab_size, batch_size, input_len, options.seed).to(device)

    def announce(step: Step) -> None:
        if collectives.rank == 0:
            recorder.preparation(config=index, step=step)

    generation = preparation.prepare(prompt, output_len, announce)
    if isinstance(generation, GraphGeneration) and collectives.rank == 0:
        prepared = generation.prepared
        recorder.preparation(config=index, step="ready", **prepared._asdict())
        line = f"Prepared. Tile sizes ({prepared.tiles}): {prepared.tiles_s:.3f} sec, graphs: "
        _print_line(collectives, f"{line}{prepared.graphs_s:.3f} sec.")
    for i in range(options.warm_up):
        timing = timed_generation(generation, every_step=options.per_step)
        _record(recorder, index, i, "warmup", timing)
    # Ranks start together, so the first timed iteration does not wait for another's last warm-up.
    collectives.barrier()
    _print_line(collectives, "Warm up done. Start benchmarking.")
    began = time.monotonic()
    timings = []
    values_left = MOST_STEP_VALUES if options.per_step and collectives.rank == 0 else 0
    for i in timed_indices(options.num_runs, options.duration, collectives.broadcast_flag):
        timing = timed_generation(generation, every_step=options.per_step)
        _record(recorder, index, i, "timed", timing)
        if timing.step_ms and values_left > 0:
            values_left -= recorder.step_times(config=index, i=i, step_ms=timing.step_ms)
        timings.append(timing)
    elapsed = time.monotonic() - began
    _print_line(collectives, f"Benchmarking done. Iteration: {len(timings)}, duration: {elapsed:.3f} sec.")
    return timings


def _record(
    recorder: Recorder, config: int, i: int, phase: Literal["warmup", "timed"], timing: Timing
) -> None:
    recorder.iteration(
        config=config,
        i=i,
        phase=phase,
        latency_ms=timing.latency_ms,
        generation_ms=timing.generation_ms,
        steps=timing.steps,
    )


def _sizes(text: str) -> list[int]:
    return [_positive(word) for word in text.split(";")]


def _lengths(text: str) -> list[tuple[int, int]]:
    pairs = [pair.split(",") for pair in text.split(";")]
    if any(len(pair) != 2 for pair in pairs):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of pairs like 128,20;512,20")
    return [(_positive(pair[0]), _positive(pair[1])) for pair in pairs]


def _positive(word: str) -> int:
    if not word.strip().isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number above 0")
    return int(word)


def _print_line(ranks: Collectives, line: str) -> None:
    """Write a line to standard output from rank 0, in one write: an unbuffered print() makes two."""
    if ranks.rank == 0:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
