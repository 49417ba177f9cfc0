"""What a run failed to make (requests, a checkpoint, an engine): the same commands would fail again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from runner.errors import UserError
from runner.plan.plan import RUN_DIR, Plan, Stage
from runner.state.run import RunState


def failed_making(plan: Plan, state: RunState, run_dir: Path) -> str:
    """Says by what command a run failed to make something that is kept; empty when it did not fail so."""
    for stage in state.stages:
        if stage.status == "failed" and stage.index < len(plan.stages) and plan.stages[stage.index].output:
            return _key(plan.stages[stage.index], run_dir)
    return ""


def refuse_in_vain(plan: Plan, failed: Mapping[str, str]) -> None:
    """Do not start what would only fail again.

    Args:
        plan: of a run that is not started yet, made for no run directory.
        failed: what `failed_making` said of earlier runs, and how each failed, in words.

    Raises:
        UserError: a stage would make something by the very command that failed before.
    """
    for stage in plan.stages:
        how = failed.get(_key(stage, RUN_DIR)) if stage.output and not stage.skip else None
        if how is not None:
            raise UserError(f"not tried again: {how}")


def _key(stage: Stage, run_dir: Path) -> str:
    """The command with everything around it, but the run that it was for."""

    def plain(word: str) -> str:
        for name in (str(run_dir), run_dir.name, str(RUN_DIR)):
            word = word.replace(name, "RUN")
        return word

    words = [stage.output, *map(plain, stage.argv)]
    env = sorted((name, plain(value)) for name, value in stage.env.items())
    return hashlib.blake2s(json.dumps([words, env]).encode(), digest_size=8).hexdigest()
