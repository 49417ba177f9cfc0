"""Run by tests under mpirun: each rank saves its logits and the tokens it generated."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from runner.ranks.collectives import Nccl, connect
from runner.ranks.decoder import Decoder
from runner.ranks.device import pick_device
from runner.ranks.generation import CpuMarks, generate, random_prompt
from runner.ranks.graphs import Preparation
from runner.ranks.shape import read_shape
from runner.ranks.weights import Source, WeightShard, build_weights


def main(engine_dir: Path, dtype: str, out: Path, kind: str) -> None:
    """Saves {"prefill": ..., "decode": ..., "tokens": ...} as `<out>/<rank>.pt`; `kind` is cpu or cuda."""
    link = connect()
    device = pick_device(kind, link)
    ranks = Nccl(link, device) if kind == "cuda" else link
    shape = read_shape(engine_dir / "config.json")
    source = Source(7, getattr(torch, dtype), device)
    prompt = random_prompt(shape.vocab_size, 3, 9, seed=1).to(device)
    with torch.inference_mode():
        weights = build_weights(shape, WeightShard(ranks.rank, ranks.world), source)
        decoder = Decoder(shape, weights, ranks, 16)
        cache = decoder.new_cache(3, 16)
        prefill = decoder.prefill(prompt, cache)
        decode = decoder.decode(decoder.greedy(prefill), cache)
        tokens = generate(Preparation(decoder).prepare(prompt, 7), CpuMarks())
    results = {"prefill": prefill.cpu(), "decode": decode.cpu(), "tokens": tokens.cpu()}
    torch.save(results, out / f"{ranks.rank}.pt")
    if isinstance(ranks, Nccl):
        ranks.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4])
