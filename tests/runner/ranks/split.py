"""What a model computes when it is split over real ranks."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

from tests.runner.ranks import logits_program
from tests.runner.ranks.support import mpirun, python
from tests.support.paths import ROOT


def outputs(
    cases: list[tuple[Path, str]], ranks: int, device: str, *, pairs: int = 0
) -> list[list[dict[str, torch.Tensor]]]:
    """Logits and tokens by case and rank, as `logits_program` saves them; a case: engine directory, dtype.

    The first `pairs` cases are computed by two of the ranks.
    """
    words = [f"{model}:{dtype}" for model, dtype in cases]
    if ranks == 1 and device == "cpu":  # PyTorch is imported here already
        logits_program.main(device, 0, words)
    else:
        start = python if ranks == 1 else partial(mpirun, ranks)
        done = start(logits_program.__file__, device, str(pairs), *words, PYTHONPATH=str(ROOT))
        assert done.returncode == 0, done.stderr
    worlds = [2] * pairs + [ranks] * (len(cases) - pairs)
    return [
        [torch.load(model / f"tp{world}" / f"{rank}.pt") for rank in range(world)]
        for (model, _), world in zip(cases, worlds, strict=True)
    ]
