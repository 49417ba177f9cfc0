"""What the runs of a sweep make before they measure, and share: requests, checkpoints, engines."""

from __future__ import annotations

from collections import Counter
from typing import get_args

from runner.engines.registry import make_plan
from runner.plan.plan import StageName
from runner.profile.file import load_text
from runner.sweep.spec import Sweep

CACHED = "cached: "
"""how the reason begins for which a stage is skipped whose output is there"""


def sharing(sweep: Sweep) -> str:
    """What is made once for all runs, and what earlier runs have left: `to make: 1 x convert, 3 x build`.

    Empty when nothing is made that is kept. Outputs are told apart by their directory, whose name says
    everything that they are made of.

    Raises:
        UserError: a cell can no longer be planned.
    """
    to_make: dict[tuple[str, str], bool] = {}
    for cell in sweep.cells:
        if cell.refused:
            continue
        for stage in make_plan(load_text(cell.profile, f"cell {cell.number}")).stages:
            output = stage.output or stage.skip.removeprefix(CACHED)
            if (stage.output and not stage.skip) or stage.skip.startswith(CACHED):
                to_make[stage.name, output] = not stage.skip
    parts = []
    for needed, words in ((True, "to make, once for all runs"), (False, "cached")):
        counts = Counter(name for (name, _), made in to_make.items() if made is needed)
        if counts:
            shown = [f"{counts[name]} x {name}" for name in get_args(StageName) if counts[name]]
            parts.append(f"{words}: {', '.join(shown)}")
    return "; ".join(parts)
