"""Artifacts that the runs of a sweep share: requests, checkpoints, engines."""

from __future__ import annotations

from collections import Counter
from typing import get_args

from runner.engines.registry import make_plan
from runner.plan.plan import StageName
from runner.plan.skip import SkipKind
from runner.profile.yaml_file import load_text
from runner.sweep.spec import SweepSpec


def describe_shared_artifacts(sweep: SweepSpec) -> str:
    """Return what is made once for all runs and what is cached: `to make: 1 x convert, 3 x build`.

    Empty if the runs share no artifact. The directory of an output identifies it: its name contains a hash of
    everything that the output depends on.

    Raises:
        UserError: a cell can no longer be planned.
    """
    to_make: dict[tuple[str, str], bool] = {}
    for cell in sweep.cells:
        if cell.refused:
            continue
        for stage in make_plan(load_text(cell.profile, f"cell {cell.number}")).stages:
            reason = stage.skip_reason
            if reason is not None and reason.kind is SkipKind.CACHED:
                to_make[stage.name, reason.detail] = False
            elif stage.output and not stage.skip:
                to_make[stage.name, stage.output] = True
    parts = []
    for needed, words in ((True, "to make, once for all runs"), (False, "cached")):
        counts = Counter(name for (name, _), made in to_make.items() if made is needed)
        if counts:
            shown = [f"{counts[name]} x {name}" for name in get_args(StageName) if counts[name]]
            parts.append(f"{words}: {', '.join(shown)}")
    return "; ".join(parts)
