"""Artifacts (requests, checkpoint, engine) that a run failed to make: the same command would fail again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from runner.plan.plan import RUN_DIR, Plan, Stage
from runner.state.run import RunState
from runner.util.errors import UserError


def failed_artifact_key(plan: Plan, state: RunState, run_dir: Path) -> str:
    """Return the key of the artifact that a run failed to make; empty if no such stage failed."""
    for stage in state.stages:
        if stage.status == "failed" and stage.index < len(plan.stages) and plan.stages[stage.index].output:
            return _key(plan.stages[stage.index], run_dir)
    return ""


def reject(plan: Plan, failed: Mapping[str, str]) -> None:
    """Reject a plan with a stage that failed before.

    Args:
        plan: of a run that is not started yet, made without a run directory.
        failed: `failed_artifact_key` of earlier runs -> how each failed.

    Raises:
        UserError: a stage would make an artifact with the same command that failed before.
    """
    for stage in plan.stages:
        cause = failed.get(_key(stage, RUN_DIR)) if stage.output and not stage.skip else None
        if cause is not None:
            raise UserError(f"not tried again: {cause}")


def _key(stage: Stage, run_dir: Path) -> str:
    """Return a hash of command, environment and output, independent of the run directory."""

    def without_run(word: str) -> str:
        for name in (str(run_dir), run_dir.name, str(RUN_DIR)):
            word = word.replace(name, "RUN")
        return word

    words = [stage.output, *map(without_run, stage.argv)]
    env = sorted((name, without_run(value)) for name, value in stage.env.items())
    return hashlib.blake2s(json.dumps([words, env]).encode(), digest_size=8).hexdigest()
