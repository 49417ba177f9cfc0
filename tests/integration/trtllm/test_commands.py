"""The command line with TensorRT-LLM profiles: run, doctor, and import of results."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner.history.lookup import find_run
from runner.history.reports import load_report
from tests import standins
from tests.integration.trtllm import support
from tests.integration.trtllm.support import Settings
from tests.runner.ranks.support import needs_mpi
from tests.support.paths import ROOT

RESULT = ROOT / "tests" / "data" / "workflow-result.txt"


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """Run `trtbench-tui` where nvidia-smi reports one GPU."""
    gpu = str(standins.ROOT / "cpu" / "bin")
    return subprocess.run(
        [sys.executable, "-m", "tui.main", *words],
        cwd=ROOT,
        env=os.environ | {"PATH": os.pathsep.join([gpu, os.environ["PATH"]])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def profile_file(folder: Path, **changes: Any) -> str:
    wanted: Settings = support.settings(folder, **changes)
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(wanted))
    return str(path)


@needs_mpi
@pytest.mark.mpi
def test_a_run_is_told_and_ends_in_its_table(tmp_path: Path) -> None:
    done = command("run", profile_file(tmp_path), "--headless", "--no-gpu")
    assert done.returncode == 0, done.stderr
    for said in ("stage convert", "stage build", "stage smoke", "stage benchmark", "batch 2, 8 in, 6 out"):
        assert said in done.stderr
    assert done.stdout.startswith("small · trtllm · model, float16, tp 1")
    assert "generation time, mean" in done.stdout


@needs_mpi
@pytest.mark.mpi
def test_a_failed_run_says_cause_and_remedy(tmp_path: Path) -> None:
    path = profile_file(
        tmp_path,
        stages=["convert"],
        launch={"env": {"TRTLLM_STANDIN_FAULTS": "convert=moe"}},
    )
    done = command("run", path, "--headless", "--no-gpu")
    assert done.returncode == 1
    assert "the experts are not spread over exactly the ranks of the model" in done.stderr
    assert "make moe_tp_size x moe_ep_size equal to parallel.tp" in done.stdout


# --- doctor ------------------------------------------------------------------------------------------------


def findings(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Check -> verdict, as printed."""
    names = {}
    for line in done.stdout.splitlines():
        verdict, _, rest = line.partition("  ")
        if verdict in ("PASS", "WARN", "FAIL"):
            names[rest.split("  ")[0].strip()] = verdict
    return names


@needs_mpi
def test_doctor_finds_everything_in_place(tmp_path: Path) -> None:
    done = command("doctor", profile_file(tmp_path))
    found = findings(done)
    assert "FAIL" not in found.values(), done.stdout
    assert done.returncode == 0
    for name in (
        "TensorRT-LLM",
        "scripts",
        "model",
        "heads",
        "build options",
        "mpirun",
        "GPUs",
        "timed loop",
    ):
        assert found[name] == "PASS", done.stdout
    assert "0.16.0" in done.stdout


MISTAKES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "in the profile": (
        {
            "parallel": {"tp": 4},
            "build": {"extra_args": ["--tp_size", "8"]},
            "convert": {"extra_args": ["--no_such"]},
        },
        {
            "GPUs": "4 ranks need 4 GPUs, found: 1",
            "build options": "--tp_size",
            "convert options": "--no_such",
        },
    ),
    "on the machine": (
        {
            "paths": {"tensorrt_llm": "/nowhere/checkout"},
            "model": {"dir": "/nowhere/model"},
            "launch": {"env": {"PYTHONPATH": ""}},
        },
        {
            "scripts": "/nowhere/checkout does not exist",
            "model": "/nowhere/model does not exist",
            "TensorRT-LLM": "no package tensorrt_llm",
        },
    ),
}
"""changes of a profile, and by check what doctor says of them"""


@needs_mpi
@pytest.mark.parametrize("where", MISTAKES)
def test_doctor_finds_all_that_would_fail(tmp_path: Path, where: str) -> None:
    changes, expected = MISTAKES[where]
    done = command("doctor", profile_file(tmp_path, **changes))
    assert done.returncode == 1
    found = findings(done)
    for check, said in expected.items():
        assert found[check] == "FAIL", done.stdout
        assert said in done.stdout


def test_the_installed_script_decides_what_converting_takes(tmp_path: Path) -> None:
    done = command("profiles", "show", profile_file(tmp_path, convert={"use_fp8": True}))
    assert done.returncode == 2
    said = "convert.use_fp8: qwen convert_checkpoint.py of TensorRT-LLM 0.16.0 does not have it"
    assert said in done.stderr
    kept = [path.name for path in (tmp_path / "home" / "state" / "help").iterdir()]
    assert sorted(name.rsplit("-", 2)[0] for name in kept) == ["convert-checkpoint", "trtllm-build"]


@needs_mpi
def test_doctor_compares_an_engine_with_the_request(tmp_path: Path) -> None:
    engine = support.engine(tmp_path, max_batch_size=1)
    done = command("doctor", profile_file(tmp_path, paths={"engine_dir": engine}))
    assert done.returncode == 1
    assert findings(done)["engine"] == "FAIL"
    assert "batch size 2 is more than the engine's max_batch_size 1" in done.stdout


# --- import ------------------------------------------------------------------------------------------------


def test_the_result_of_the_workflow_is_imported() -> None:
    done = command("import", str(RESULT))
    assert done.returncode == 0, done.stderr
    (configuration,) = load_report(find_run("last")).configurations
    expected = {
        "latency_ms": 63543.434,
        "tokens_per_sec": 257.84,
        "generation_tokens_per_second": 330.385,
        "total_generated_tokens": 16368.0,
        "prefill_time_ms": 14001.255,
        "time_per_output_token_ms": 48.428,
    }
    found = {row.metric: row.value for row in configuration.rows if row.metric in expected}
    assert {name: round(value or 0, 3) for name, value in found.items()} == expected
    assert "257.84" in done.stdout
    listed = command("ls", "--json")
    assert json.loads(listed.stdout)["status"] == "finished"
