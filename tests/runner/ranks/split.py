"""What a model computes when it is split over real ranks."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.runner.ranks.support import mpirun, python
from tests.support.paths import ROOT

_SCRIPT = str(Path(__file__).with_name("logits_program.py"))


def outputs(cases: list[tuple[Path, str]], ranks: int, device: str) -> list[list[dict[str, torch.Tensor]]]:
    """Logits and tokens by case and rank, as `logits_program` saves them; a case: engine directory, dtype."""
    words = (_SCRIPT, device, *(f"{model}:{dtype}" for model, dtype in cases))
    root = str(ROOT)
    done = python(*words, PYTHONPATH=root) if ranks == 1 else mpirun(ranks, *words, PYTHONPATH=root)
    assert done.returncode == 0, done.stderr
    return [[torch.load(model / f"tp{ranks}" / f"{rank}.pt") for rank in range(ranks)] for model, _ in cases]
