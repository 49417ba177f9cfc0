"""What a model computes when it is split over real ranks."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

from tests.runner.ranks import logits_program
from tests.runner.ranks.support import mpirun, python
from tests.support.paths import ROOT


def outputs(cases: list[tuple[Path, str]], ranks: int, device: str) -> list[list[dict[str, torch.Tensor]]]:
    """Logits and tokens by case and rank, as `logits_program` saves them; a case: engine directory, dtype."""
    words = [f"{model}:{dtype}" for model, dtype in cases]
    if ranks == 1 and device == "cpu":  # PyTorch is imported here already
        logits_program.main(device, words)
    else:
        start = python if ranks == 1 else partial(mpirun, ranks)
        done = start(logits_program.__file__, device, *words, PYTHONPATH=str(ROOT))
        assert done.returncode == 0, done.stderr
    return [[torch.load(model / f"tp{ranks}" / f"{rank}.pt") for rank in range(ranks)] for model, _ in cases]
