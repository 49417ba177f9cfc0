"""The program of each rank of engine `torch`: join the others, build its share of the model, measure."""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import torch

from runner.ranks.admission import Admission
from runner.ranks.checkpoint import Checkpoint, fingerprint, open_checkpoint
from runner.ranks.collectives import Collectives, Mpi, Nccl, SingleRank, connect
from runner.ranks.decoder import Decoder
from runner.ranks.device import label_of, pick_device, use_own_cores, versions_of, wait_for
from runner.ranks.errors import CheckpointError, MemoryLackError, StartError
from runner.ranks.held_memory import HeldMemory
from runner.ranks.loading import CheckpointSource
from runner.ranks.measuring import measure_all, print_line
from runner.ranks.quantized import FORMATS
from runner.ranks.records import DIRECTORY_VARIABLE, Recorder, die_with_parent
from runner.ranks.shape import DecoderShape, read_shape
from runner.ranks.smoke import longest_prompt, print_answer
from runner.ranks.weight_shards import WeightShard
from runner.ranks.weights import RandomSource, Source, build_weights


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit code; a rank that fails or is interrupted ends all others."""
    die_with_parent()
    options = parse_arguments(arguments)
    link: SingleRank | Mpi = SingleRank()
    try:
        link = connect()
        run(options, link)
    except (StartError, MemoryLackError) as error:
        print(error, file=sys.stderr, flush=True)
    except (Exception, KeyboardInterrupt):
        # Without the abort, this rank would wait in MPI_Finalize for others that wait for its data.
        traceback.print_exc()
        sys.stderr.flush()
    else:
        return 0
    link.abort()
    return 1


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Benchmark a tensor-parallel decoder.")
    parser.add_argument(
        "--engine_dir", type=Path, required=True, help="folder with the config.json of a model"
    )
    parser.add_argument(
        "--weights", type=Path, help="Hugging Face folder with the weights; not given: random ones"
    )
    parser.add_argument("--fingerprint", help="that the weights of the folder have to have")
    parser.add_argument("--input_text", help="only print this prompt and its continuation")
    parser.add_argument(
        "--max_output_len", type=int, default=64, help="length of that continuation in tokens"
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
    """Measure every configuration on this rank, or continue a prompt.

    Raises:
        StartError: no shape, no GPU for this rank, weights that cannot be used, or a model that does not fit.
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
    print_line(link, f"Rank 0 of {link.world} started on {place}.")

    on_gpus = device.type == "cuda" and link.world > 1
    held = HeldMemory(device)
    collectives: Collectives = _connect_gpus(options, shape, link, device) if on_gpus else link
    held.collectives_started()
    kinds = {"loaded": options.weights is not None, "quantized": options.quantization is not None}
    admission = Admission(shape, options.dtype, device, collectives, **kinds)
    admission.admit_weights()
    with torch.inference_mode():
        decoder = build_decoder(options, shape, collectives, device)
        if options.input_text is not None:
            arguments = options.weights or options.engine_dir, options.input_text, options.max_output_len
            print_answer(decoder, link, *arguments, options.seed, options.tile_cache)
        else:
            measure_all(options, decoder, recorder, admission, held)
    collectives.barrier()
    recorder.bye()
    if isinstance(collectives, Nccl):
        collectives.close()


def _connect_gpus(
    options: argparse.Namespace, shape: DecoderShape, link: SingleRank | Mpi, device: torch.device
) -> Nccl:
    """Connect the GPUs, with what NCCL needs for the sums of every configuration, while memory is free."""
    nccl = Nccl(link, device)
    if options.input_text is not None:
        most = longest_prompt(options.input_text)
    else:
        most = max(options.batch_size) * max(input_len for input_len, _ in options.input_output_len)
    nccl.make_contact(getattr(torch, options.dtype), shape.hidden_size, most * shape.hidden_size)
    return nccl


def build_decoder(
    options: argparse.Namespace, shape: DecoderShape, collectives: Collectives, device: torch.device
) -> Decoder:
    """Build the share of this rank, with positions for everything that the options ask for.

    Raises:
        StartError: the weights cannot be used.
    """
    began = time.monotonic()
    dtype = getattr(torch, options.dtype)
    if options.weights is None:
        source: Source = RandomSource(options.seed, dtype, device)
        origin = "Random weights built."
    else:
        checkpoint = open_checkpoint(options.weights, shape)
        source = CheckpointSource(checkpoint, dtype, device)
        origin = _describe(checkpoint, options.fingerprint) if collectives.rank == 0 else ""
    share = WeightShard(collectives.rank, collectives.world)
    weights = build_weights(shape, share, source, options.quantization)
    if options.input_text is not None:
        longest = longest_prompt(options.input_text) + options.max_output_len
    else:
        longest = max(input_len + output_len for input_len, output_len in options.input_output_len)
    decoder = Decoder(shape, weights, collectives, longest)
    wait_for(device)
    collectives.barrier()
    millions, seconds = weights.parameters / 1e6, time.monotonic() - began
    print_line(collectives, f"{origin} Parameters of rank 0: {millions:.1f} M, duration: {seconds:.3f} sec.")
    return decoder


def _describe(checkpoint: Checkpoint, expected: str | None) -> str:
    """Return a sentence that identifies the weights.

    Raises:
        CheckpointError: they are not those with the expected fingerprint.
    """
    found = fingerprint(checkpoint)
    if expected not in (None, found):
        raise CheckpointError(
            f"the weights in {checkpoint.folder} have changed since the run was planned: their fingerprint is"
            f" {found} and was {expected}; start a new run"
        )
    return f"Weights loaded from {checkpoint.folder}, {checkpoint.nbytes / 1e6:.1f} MB, fingerprint {found}."


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
