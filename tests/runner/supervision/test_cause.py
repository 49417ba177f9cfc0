"""Judging a stage that has ended."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runner import events as ev
from runner.engines.diagnosis import Diagnosis
from runner.state.run import RunState
from runner.supervision.cause import EndedProgram, find_cause
from tests.support.runs import single

RUN_DIR = Path("/runs/one")
MISSING = "rank 0 sent 9 records, 1 arrived"
BUS_ERROR = "the program crashed: Bus error"
IN_HOME = "the disk of the run directory was full"
LAST = "the program ended with exit code 1; its last line: odd"
ROOM = "make room there and run it again"


@pytest.mark.parametrize(
    ("full", "exit_code", "printed", "expected"),
    [
        ([], 0, "", (MISSING, "")),
        ([RUN_DIR], 0, "", (f"{IN_HOME}: {MISSING}", ROOM)),
        ([RUN_DIR], -7, "", (f"{IN_HOME}: {BUS_ERROR}", ROOM)),
        (["/out", "/dev/shm"], 135, "", (f"the disk of /out and of /dev/shm was full: {BUS_ERROR}", ROOM)),
        (["/out"], 1, "OSError: [Errno 28] No space left on device", ("the disk of /out was full", ROOM)),
        (["/out"], 1, "odd", (f"{LAST}; the disk of /out was full at that time", ROOM)),
        (["/out"], 1, "MemoryError: x", ("the machine's own memory (not the GPU's) ran out", None)),
    ],
)  # fmt: skip
def test_a_disk_that_was_full_is_named(
    full: list[Any], exit_code: int, printed: str, expected: tuple[str, str | None]
) -> None:
    plan, state, diagnosis = single("ok"), RunState(), Diagnosis()
    state.apply_all(
        [
            ev.StageStarted(t=1, stage=0, name="benchmark", pid=1, ranks=1),
            ev.Hello(t=2, stage=0, rank=0, world=1, pid=2, host="", device="cpu"),
            ev.Bye(t=3, stage=0, rank=0, count=9),
        ]
    )
    diagnosis.feed(printed)
    disks = dict(enumerate(map(Path, full)))
    run_log: Any = SimpleNamespace(run_dir=RUN_DIR, plan=plan, state=state, full_disks=disks)
    program = EndedProgram(
        stage=plan.stages[0],
        exit_code=exit_code,
        diagnosis=diagnosis,
        no_result_reason="",
        measured=False,
        timed_out=False,
        never_ended="",
    )
    cause, remedy = find_cause(program, run_log)
    assert cause == expected[0]
    assert expected[1] in (remedy, None)
