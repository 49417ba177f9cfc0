"""A command that failed to make something is known again, whichever run it is for."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from runner import events as ev
from runner.plan.plan import RUN_DIR, Plan, Stage
from runner.state.run import RunState
from runner.sweep.known_failures import failed_artifact_key, reject
from runner.util.errors import UserError
from tests.support.runs import single


def plan_of(run_dir: Path, workers: int = 1, skip: str = "") -> Plan:
    name = run_dir.name.replace("$", "")
    argv = ["docker", "run", "--name", f"trtbench-{name}-build", "-v", f"{run_dir}:{run_dir}"]
    argv += ["trtllm-build", "--workers", str(workers)]
    build = Stage(name="build", argv=argv, cwd=str(run_dir), output="/data/engine", skip=skip)
    benchmark = Stage(name="benchmark", argv=["benchmark.py"], cwd=str(run_dir))
    return msgspec.structs.replace(single("ok"), stages=[build, benchmark])


def ended(stage: int, name: str, status: ev.StageStatus) -> RunState:
    state = RunState()
    state.apply(ev.StageEnded(t=1, stage=stage, name=name, status=status, exit_code=1))
    return state


RUN = Path("/runs/20260101T000000Z_tiny_7f3a")
FAILED = failed_artifact_key(plan_of(RUN), ended(0, "build", "failed"), RUN)


def test_the_same_command_for_another_run_is_refused() -> None:
    with pytest.raises(UserError, match="not tried again: run 7f3a failed"):
        reject(plan_of(RUN_DIR), {FAILED: "run 7f3a failed"})


@pytest.mark.parametrize(
    "changed", [plan_of(RUN_DIR, workers=2), plan_of(RUN_DIR, skip="cached: /data/engine")]
)
def test_another_command_is_tried_and_what_is_there_is_used(changed: Plan) -> None:
    reject(changed, {FAILED: "run 7f3a failed"})


@pytest.mark.parametrize(
    "state", [ended(1, "benchmark", "failed"), ended(0, "build", "stopped"), ended(0, "build", "ok")]
)
def test_only_a_failure_to_make_something_counts(state: RunState) -> None:
    assert failed_artifact_key(plan_of(RUN), state, RUN) == ""
