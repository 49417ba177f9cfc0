"""The script of the CI kit: what it calls, and which exit code decides."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from runner.export.prometheus import series_labels
from runner.metrics import BY_NAME
from runner.plan.plan import Configuration
from tests.support.patience import PATIENCE_S
from tests.support.runs import wait_for

KIT = Path(__file__).resolve().parents[2] / "integrations"
FAKE = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$1" in
  run) echo "20260101T000000Z_tiny_000$(grep -c ^run "$CALLS")" ;;
  wait) [ -z "$WAIT_FOR" ] || read -r _ < "$WAIT_FOR"; exit "${WAIT_CODE:-0}" ;;
  logs) echo "the log" ;;
  check) exit "${CHECK_CODE:-0}" ;;
esac
"""


ACTION = yaml.safe_load((KIT / "github-action" / "action.yml").read_text())
INPUTS: dict[str, dict[str, str]] = ACTION["inputs"]


def started(folder: Path, **environment: str) -> subprocess.Popen[str]:
    """Start the step of the action as a runner does, with a stand-in for the command."""
    program = folder / "trtbench"
    program.write_text(FAKE)
    program.chmod(0o755)
    given = {
        "profile": "tiny",
        "assertions": "latency_ms < 60\n\ntokens_per_sec > 0.97 * baseline\n",
        "set": "benchmark.num_runs=20",
        "report": str(folder / "report"),
        "command": str(program),
    }
    (step,) = ACTION["runs"]["steps"]
    values = {
        f"${{{{ inputs.{name} }}}}": given.get(name, one.get("default")) for name, one in INPUTS.items()
    }
    settings = {name: str(values[text]) for name, text in step["env"].items()} | {
        "CALLS": str(folder / "calls"),
        "GITHUB_ACTION_PATH": str(KIT / "github-action"),
        "GITHUB_OUTPUT": str(folder / "outputs"),
        "PATH": os.environ["PATH"],
    }
    (folder / "step.sh").write_text(step["run"])
    return subprocess.Popen(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", folder / "step.sh"],
        env=settings | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def checked(folder: Path, **environment: str) -> tuple[int, list[str], str]:
    """Run the step; return exit code, calls and outputs."""
    with started(folder, **environment) as step:
        step.communicate()
    calls, outputs = folder / "calls", folder / "outputs"
    return step.returncode, calls.read_text().splitlines(), outputs.read_text() if outputs.exists() else ""


def test_repeats_are_checked_together(tmp_path: Path) -> None:
    code, calls, outputs = checked(tmp_path, REPEAT="2")
    runs = "20260101T000000Z_tiny_0001,20260101T000000Z_tiny_0002"
    assert code == 0
    assert calls[0] == "run tiny --set benchmark.num_runs=20 -d"
    assert [call.split()[0] for call in calls] == ["run", "wait", "export", "run", "wait", "export", "check"]
    assert calls[-1] == (
        f"check {runs} --assert latency_ms < 60 --assert tokens_per_sec > 0.97 * baseline"
        f" --junit {tmp_path}/report/junit.xml --summary {tmp_path}/report/summary.md"
    )
    assert outputs == f"runs={runs}\noutcome=passed\n"


@pytest.mark.parametrize(
    ("answer", "allowed", "code", "outcome"),
    [("5", "true", 5, "failed"), ("6", "false", 6, "inconclusive"), ("6", "true", 0, "inconclusive")],
)
def test_the_exit_code_of_check_decides(
    tmp_path: Path, answer: str, allowed: str, code: int, outcome: str
) -> None:
    found, _, outputs = checked(tmp_path, CHECK_CODE=answer, ALLOW_INCONCLUSIVE=allowed)
    assert found == code
    assert f"outcome={outcome}" in outputs


def test_a_failed_run_is_not_checked_and_leaves_its_log(tmp_path: Path) -> None:
    code, calls, _ = checked(tmp_path, WAIT_CODE="1")
    assert code == 1
    assert [call.split()[0] for call in calls] == ["run", "wait", "logs", "stop"]
    assert (tmp_path / "report" / "20260101T000000Z_tiny_0001.log").read_text() == "the log\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_job_stops_its_run_at_once(tmp_path: Path, number: signal.Signals) -> None:
    os.mkfifo(tmp_path / "never")  # it has no writer, so the run does not end
    with started(tmp_path, WAIT_FOR=str(tmp_path / "never")) as step:
        calls = tmp_path / "calls"
        wait_for(lambda: calls.exists() and "wait" in calls.read_text(), "the script waits for the run")
        step.send_signal(number)
        wait_for(lambda: "stop" in calls.read_text(), "the run is stopped")
        os.close(os.open(tmp_path / "never", os.O_RDWR))
        assert step.wait(PATIENCE_S) == 130
    assert calls.read_text().splitlines()[-1] == "stop 20260101T000000Z_tiny_0001"


def test_the_files_of_ci_systems_name_the_inputs_of_the_script() -> None:
    script = (KIT / "check.sh").read_text()
    (step,) = ACTION["runs"]["steps"]
    assert all(name in script for name in step["env"])
    assert {f"${{{{ inputs.{name} }}}}" for name in INPUTS} == set(step["env"].values())
    job = yaml.safe_load((KIT / "gitlab" / "trtbench.gitlab-ci.yml").read_text())[".trtbench-check"]
    assert job["allow_failure"] == {"exit_codes": [6]}


def test_the_grafana_dashboard_asks_for_metrics_that_exist() -> None:
    dashboard = json.loads((KIT / "grafana" / "trtbench-tui.json").read_text())
    queries = "\n".join(str(panel["targets"]) for panel in dashboard["panels"])
    asked = set(re.findall(r"trtbench_(\w+)", queries))
    assert asked - {"run_state", "run_seconds", "flags"} <= set(BY_NAME)
    shape = series_labels(Configuration(1, 128, 20))
    assert set(re.findall(r"{{(\w+)}}", queries)) <= {"run", "profile", "engine", "state", *shape}
