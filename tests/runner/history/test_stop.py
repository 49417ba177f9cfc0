"""Stopping a run whose supervisor does or does not answer."""

from __future__ import annotations

import signal

import pytest

from runner.history import stop
from runner.run import layout
from tests.support.runs import single, start, state_of, wait_for, wait_until_ended


def test_a_supervisor_that_does_not_answer_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    run_dir = start(single("slow"))
    wait_for(lambda: state_of(run_dir).configuration is not None, "the first configuration")
    assert layout.signal_supervisor(run_dir, signal.SIGSTOP)
    monkeypatch.setattr(stop, "STOP_TIMEOUT_S", 0.5)
    assert stop.stop_run(run_dir, "a test").status == "lost"


def test_a_cancelled_stop_does_not_wait_and_stays_requested() -> None:
    run_dir = start(single("slow"))
    assert not stop.stop_run(run_dir, "a test", is_cancelled=lambda: True).ended
    assert layout.read_stop_request(run_dir) == "a test"
    assert wait_until_ended(run_dir).status == "stopped"
