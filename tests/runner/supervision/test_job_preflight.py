"""What the checks on all nodes leave in the log of a job."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner import events as ev
from runner import preflight
from runner.engines.check import Check
from runner.profile.yaml_file import to_yaml
from runner.run import layout
from runner.supervision import job_preflight
from runner.supervision.run_log import RunLog
from tests.support.machine_facts import flagship
from tests.support.runs import single

DRIVER = Check("nodes: driver", "warn", "node[1-7]: 570.86\nnode8: 565.57", "install the same driver")
ENGINE = Check("nodes: files", "fail", "/e/config.json\nnode8: no folder", "copy them")
ANSWERED = Check("nodes", "pass", "8 answered in 3.1 s: node[1-8]")


@pytest.fixture
def run_log(tmp_path: Path) -> RunLog:
    (tmp_path / layout.PROFILE).write_text(to_yaml(flagship()))
    return RunLog(tmp_path, single("ok"))


@pytest.mark.parametrize(
    ("found", "ended", "cause"),
    [
        pytest.param([ANSWERED, DRIVER], None, None, id="a warning"),
        pytest.param(
            [ANSWERED, DRIVER, ENGINE],
            "failed",
            "nodes: files: /e/config.json · node8: no folder",
            id="a failure",
        ),
    ],
)
def test_findings_are_in_the_log_and_a_failure_ends_the_run(
    run_log: RunLog, monkeypatch: pytest.MonkeyPatch, found: list[Check], ended: str | None, cause: str | None
) -> None:
    logged: list[ev.AnyEvent] = []
    run_log.on_event = logged.append
    monkeypatch.setattr(preflight, "check", lambda _: [Check("disk", "pass", "9 GiB")])
    monkeypatch.setattr(job_preflight, "check_nodes", lambda *_, **__: found)
    assert job_preflight.check_before_stages(run_log.plan, run_log, lambda: False) == ended
    notices = [(one.level, one.text) for one in logged if isinstance(one, ev.Notice)]
    assert notices[:2] == [
        ("info", "nodes: 8 answered in 3.1 s: node[1-8]"),
        ("warning", "nodes: driver: node[1-7]: 570.86 · node8: 565.57"),
    ]
    failure = run_log.state.failure
    assert (failure.cause if failure else None) == cause


def test_a_stop_ends_the_checks(run_log: RunLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "check", lambda _: [])
    monkeypatch.setattr(
        job_preflight, "check_nodes", lambda *_, is_cancelled, **__: [ENGINE] * is_cancelled()
    )
    assert job_preflight.check_before_stages(run_log.plan, run_log, lambda: True) == "stopped"
    assert run_log.state.failure is None
