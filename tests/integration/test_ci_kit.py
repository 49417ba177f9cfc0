"""The script of the CI kit: what it calls, and which exit code decides."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from runner.metrics import BY_NAME
from runner.plan.plan import Configuration
from runner.report.result_table import configuration_labels

KIT = Path(__file__).resolve().parents[2] / "integrations"
FAKE = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$1" in
  run) echo "20260101T000000Z_tiny_000$(grep -c ^run "$CALLS")" ;;
  wait) exit "${WAIT_CODE:-0}" ;;
  logs) echo "the log" ;;
  check) exit "${CHECK_CODE:-0}" ;;
esac
"""


def checked(folder: Path, **environment: str) -> tuple[int, list[str], str]:
    """Run the script with a stand-in for the command; return exit code, calls and outputs of the step."""
    program, calls, outputs = folder / "trtbench", folder / "calls", folder / "outputs"
    program.write_text(FAKE)
    program.chmod(0o755)
    settings = {
        "TRTBENCH": str(program),
        "CALLS": str(calls),
        "PROFILE": "tiny",
        "ASSERTIONS": "latency_ms < 60\n\ntokens_per_sec > 0.97 * baseline\n",
        "SET": "benchmark.num_runs=20",
        "REPORT": str(folder / "report"),
        "GITHUB_OUTPUT": str(outputs),
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run([KIT / "check.sh"], env=settings | environment, capture_output=True, text=True)
    return done.returncode, calls.read_text().splitlines(), outputs.read_text() if outputs.exists() else ""


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


def test_the_files_of_ci_systems_name_the_inputs_of_the_script() -> None:
    script = (KIT / "check.sh").read_text()
    action = yaml.safe_load((KIT / "github-action" / "action.yml").read_text())
    (step,) = action["runs"]["steps"]
    assert all(name in script for name in step["env"])
    assert {f"${{{{ inputs.{name} }}}}" for name in action["inputs"]} == set(step["env"].values())
    job = yaml.safe_load((KIT / "gitlab" / "trtbench.gitlab-ci.yml").read_text())[".trtbench-check"]
    assert job["allow_failure"] == {"exit_codes": [6]}


def test_the_grafana_dashboard_asks_for_metrics_that_exist() -> None:
    dashboard = json.loads((KIT / "grafana" / "trtbench-tui.json").read_text())
    queries = "\n".join(str(panel["targets"]) for panel in dashboard["panels"])
    asked = set(re.findall(r"trtbench_(\w+)", queries))
    assert asked - {"run_state", "run_seconds", "flags"} <= set(BY_NAME)
    shape = configuration_labels(Configuration(1, 128, 20))
    assert set(re.findall(r"{{(\w+)}}", queries)) <= {"run", "profile", "engine", "state", *shape}
