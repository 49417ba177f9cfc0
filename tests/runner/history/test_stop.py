"""Stopping a run whose supervisor does or does not answer."""

from __future__ import annotations

import os
import signal
from typing import Any

import msgspec
import pytest

from runner.history import stop
from runner.run import layout, liveness
from runner.util import paths
from runner.util.errors import UserError
from tests.support.runs import record, single, start, state_of, wait_for, wait_until_ended


def test_a_supervisor_that_does_not_answer_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    run_dir = start(single("slow"))
    wait_for(lambda: state_of(run_dir).configuration is not None, "the first configuration")
    assert liveness.signal_supervisor(run_dir, signal.SIGSTOP)
    monkeypatch.setattr(stop, "STOP_TIMEOUT_S", 0.5)
    assert stop.stop_run(run_dir, "a test").status == "lost"


def test_a_cancelled_stop_does_not_wait_and_stays_requested() -> None:
    run_dir = start(single("slow"))
    assert not stop.stop_run(run_dir, "a test", is_cancelled=lambda: True).ended
    assert layout.read_stop_request(run_dir) == "a test"
    assert wait_until_ended(run_dir).status == "stopped"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"boot_id": "another boot", "host": "bench02"},
            "it runs on bench02, which does not answer; stop it",
        ),
        ({"inode": 1}, "this is a copy of /"),
        ({}, "its supervisor does not die from SIGKILL"),
    ],
)
def test_a_supervisor_out_of_reach_ends_the_waiting(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], reason: str
) -> None:
    run_dir = record(paths.runs_dir() / "20260101T000000Z_program_0001", single("ok"), [])
    owner = liveness.owner_of(run_dir, os.getpid())
    liveness.write_owner(run_dir, msgspec.structs.replace(owner, **changes))
    monkeypatch.setattr(os, "kill", lambda *_: None)
    monkeypatch.setattr(stop, "STOP_TIMEOUT_S", 0.2)
    with pytest.raises(UserError, match=f"{run_dir.name} does not stop: {reason}"):
        stop.stop_run(run_dir, "a test")
