"""Run by tests under mpirun: each rank saves its logits and the tokens it generated."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import torch

from runner.ranks.checkpoint import SINGLE, open_checkpoint
from runner.ranks.collectives import Collectives, Mpi, Nccl, connect
from runner.ranks.decoder import Decoder
from runner.ranks.device import pick_device
from runner.ranks.generation import CpuMarks, generate, random_prompt
from runner.ranks.graphs import Preparation
from runner.ranks.loading import CheckpointSource
from runner.ranks.shape import read_shape
from runner.ranks.weight_shards import WeightShard
from runner.ranks.weights import RandomSource, Source, build_weights
from tests.runner.ranks.checkpoints import shape_in


def main(kind: str, pairs: int, cases: list[str]) -> None:
    """Saves the results of each case, DIRECTORY:DTYPE, as `<directory>/tp<ranks>/<rank>.pt`.

    `kind` is cpu or cuda. One start serves several cases: importing PyTorch takes longer than computing them.
    The first `pairs` cases are computed by ranks 0 and 1; the other ranks compute them in pairs, too.
    """
    link = connect()
    device = pick_device(kind, link)
    ranks = Nccl(link, device) if kind == "cuda" else link
    for number, case in enumerate(cases):
        directory, _, dtype = case.rpartition(":")
        group = pair_of(ranks) if number < pairs else ranks
        found = results(Path(directory), dtype, device, group)
        if ranks.rank < group.world:
            out = Path(directory) / f"tp{group.world}"
            out.mkdir(exist_ok=True)
            torch.save(found, out / f"{ranks.rank}.pt")
    if isinstance(ranks, Nccl):
        ranks.close()


def pair_of(ranks: Collectives) -> Mpi:
    """The rank and its neighbour as a world of their own."""
    from mpi4py import MPI

    names = ("COMM_TYPE_SHARED", "IN_PLACE", "LAND")
    pair = MPI.COMM_WORLD.Split(ranks.rank // 2)
    return Mpi(SimpleNamespace(COMM_WORLD=pair, **{name: getattr(MPI, name) for name in names}))


def results(
    engine_dir: Path, dtype: str, device: torch.device, ranks: Collectives
) -> dict[str, torch.Tensor]:
    """Return the logits of the prefill and of a step, and the tokens that are generated."""
    kind = getattr(torch, dtype)
    if (engine_dir / SINGLE).exists():
        shape = shape_in(engine_dir)
        source: Source = CheckpointSource(open_checkpoint(engine_dir, shape), kind, device)
    else:
        shape = read_shape(engine_dir / "config.json")
        source = RandomSource(7, kind, device)
    prompt = random_prompt(shape.vocab_size, 3, 9, seed=1).to(device)
    with torch.inference_mode():
        weights = build_weights(shape, WeightShard(ranks.rank, ranks.world), source)
        decoder = Decoder(shape, weights, ranks, 16)
        cache = decoder.new_cache(3, 16)
        prefill = decoder.prefill(prompt, cache)
        decode = decoder.decode(decoder.greedy(prefill), cache)
        tokens = generate(Preparation(decoder).prepare(prompt, 7), CpuMarks())
    return {"prefill": prefill.cpu(), "decode": decode.cpu(), "tokens": tokens.cpu()}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
