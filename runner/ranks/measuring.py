"""Measuring: warm-up and timed loop of each configuration; all ranks run the same ones together."""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import Literal

from runner.ranks.admission import Admission
from runner.ranks.collectives import Collectives, allocate_together, memory_lack
from runner.ranks.decoder import Decoder
from runner.ranks.device import compute_capability, peak_memory_gib
from runner.ranks.errors import MemoryLackError
from runner.ranks.generation import Timing, random_prompt, timed_generation
from runner.ranks.graphs import GraphGeneration, Preparation, Step
from runner.ranks.held_memory import HeldMemory
from runner.ranks.loop import timed_indices
from runner.ranks.records import MOST_STEP_VALUES, Recorder
from runner.ranks.summary import BenchmarkConfiguration, Setting, benchmark_line

_SKIPPED = "[TRT-LLM] [E] Exception {} caught while allocating memory; skipping"


def measure_all(
    options: argparse.Namespace,
    decoder: Decoder,
    recorder: Recorder,
    admission: Admission,
    held: HeldMemory,
) -> None:
    """Measure every configuration; rank 0 prints a line for each."""
    collectives, device = decoder.collectives, decoder.weights.embedding.device
    preparation = Preparation(decoder, options.tile_cache)
    print_line(collectives, f"Iterations run as {preparation.description}.")
    if preparation.is_slow and collectives.rank == 0:
        recorder.notice(f"a slow way: iterations run as {preparation.description}")
    setting = Setting(
        name=os.path.basename(os.path.abspath(options.engine_dir)),
        shape=decoder.shape,
        world=collectives.world,
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
        except RuntimeError as error:
            found = memory_lack(error)
            if not found or collectives.world > 1:
                # In an iteration the others may wait for this rank in a sum: the run cannot go on.
                raise
            admission.reject(configuration)
            line = f"{_SKIPPED.format(found)} {configuration}"
        print_line(collectives, line)


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
    prompt = allocate_together(
        collectives,
        lambda: random_prompt(decoder.shape.vocab_size, batch_size, input_len, options.seed).to(device),
    )

    def announce(step: Step) -> None:
        if collectives.rank == 0:
            recorder.preparation(config=index, step=step)

    generation = preparation.prepare(prompt, output_len, announce)
    if isinstance(generation, GraphGeneration) and collectives.rank == 0:
        prepared = generation.prepared
        recorder.preparation(config=index, step="ready", **prepared._asdict())
        line = f"Prepared. Tile sizes ({prepared.tiles}): {prepared.tiles_s:.3f} sec, graphs: "
        print_line(collectives, f"{line}{prepared.graphs_s:.3f} sec.")
    for i in range(options.warm_up):
        timing = timed_generation(generation, every_step=options.per_step)
        _record(recorder, index, i, "warmup", timing)
    # Ranks start together, so the first timed iteration does not wait for another's last warm-up.
    collectives.barrier()
    print_line(collectives, "Warm up done. Start benchmarking.")
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
    print_line(collectives, f"Benchmarking done. Iteration: {len(timings)}, duration: {elapsed:.3f} sec.")
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


def print_line(ranks: Collectives, line: str) -> None:
    """Write a line to standard output from rank 0, in one write: an unbuffered print() makes two."""
    if ranks.rank == 0:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
