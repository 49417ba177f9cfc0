"""Run by tests under mpirun: two ranks that measure, that lack memory, and of which one fails, in turn.

One start serves all three, because importing PyTorch takes longer than they do. A line of dashes is printed
between them. The arguments are a folder for the records of each, and the flags of the program for each,
joined by newlines.
"""

from __future__ import annotations

import os
import sys
import types
from typing import Any

import torch
from mpi4py import MPI

from runner.ranks import admission, decoder, generation, graphs, measuring, program
from runner.ranks.collectives import Muted

RANK = MPI.COMM_WORLD.Get_rank()
BREAK = "\n-----\n"


def lack() -> Any:
    raise torch.cuda.OutOfMemoryError("CUDA out of memory.")


class Step(generation.EagerGeneration):
    """In place of the kernels of a GPU: single operations on the CPU."""

    def __init__(self, decoder: Any, prompt: Any, output_len: int, *, pdl: bool) -> None:
        super().__init__(decoder, prompt, output_len)
        self.decoder = decoder

    def choose_tiles(self, cache: object) -> str:
        return "default"


def capture(step: Any, pool: object) -> tuple[Any, Any]:
    if isinstance(step.decoder.collectives, Muted):
        generation.first_steps(step)
    elif RANK == 1 and len(step.tokens) == 3:
        lack()
    return types.SimpleNamespace(replay=step.prefill), types.SimpleNamespace(replay=step.decode)


def replace(*replaced: tuple[Any, str, Any]) -> None:
    for owner, name, stand_in in replaced:
        setattr(owner, name, stand_in)


def lack_memory() -> None:
    """One counts too little, runs out of it in the rehearsal, and when graphs are captured after that."""
    whole: Any = decoder.Decoder._feed_forward

    def feed_forward(self: Any, layer: Any, hidden: Any) -> Any:
        return lack() if RANK == 1 and len(hidden) == 5 else whole(self, layer, hidden)

    replace(
        (admission, "free_memory", lambda device: (1 << 40 if RANK else 214 << 20, 1 << 40)),
        (decoder.Decoder, "_feed_forward", feed_forward),
        (graphs, "_capture", capture),
        (graphs, "_warm_up_and_capture", capture),
        (graphs, "_method", lambda decoder: (True, "stand-ins of graphs")),
        (graphs, "_identity", lambda decoder: {}),
        (torch.cuda, "get_device_capability", lambda device: (9, 0)),
        (torch.cuda, "graph_pool_handle", lambda: (0, 1)),
        (torch.cuda, "synchronize", lambda: None),
        (torch.cuda, "empty_cache", lambda: None),
    )
    sys.modules["runner.ranks.fused"] = types.SimpleNamespace(FusedStep=Step)  # type: ignore[assignment]


def fail() -> None:
    """Have rank 1 lose its device when it is timed."""
    real: Any = generation.timed_generation

    def failing(generation: Any, *, every_step: bool) -> Any:
        if RANK == 1:
            raise RuntimeError("a lost device")
        return real(generation, every_step=every_step)

    replace((measuring, "timed_generation", failing))


def keep() -> None:
    pass


if __name__ == "__main__":
    code = 0
    for prepare, folder, flags in zip((keep, lack_memory, fail), sys.argv[1:4], sys.argv[4:7], strict=True):
        prepare()
        os.environ["TRTBENCH_RECORDS"] = folder
        code = program.main(flags.split("\n"))
        if RANK == 0:
            print(f"{code}{BREAK}", end="", flush=True)
    sys.exit(code)
