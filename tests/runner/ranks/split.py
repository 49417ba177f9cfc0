"""What a model computes when it is split over real ranks."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.runner.ranks.support import mpirun, python
from tests.support.paths import ROOT

_SCRIPT = str(Path(__file__).with_name("logits_program.py"))


def outputs(model: Path, ranks: int, dtype: str, device: str) -> list[dict[str, torch.Tensor]]:
    """Logits and tokens of each rank, as `logits_program` saves them; `model` is an engine directory."""
    out = model / f"tp{ranks}"
    out.mkdir()
    words = (_SCRIPT, str(model), dtype, str(out), device)
    root = str(ROOT)
    done = python(*words, PYTHONPATH=root) if ranks == 1 else mpirun(ranks, *words, PYTHONPATH=root)
    assert done.returncode == 0, done.stderr
    return [torch.load(out / f"{rank}.pt") for rank in range(ranks)]
