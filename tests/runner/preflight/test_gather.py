"""What is found out about a machine, on stand-ins for TensorRT-LLM."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner import preflight
from runner.preflight import evaluate
from runner.preflight.gather import gather_facts
from runner.profile.set_fields import with_changes
from runner.profile.yaml_file import load_text
from runner.schema.base import Profile
from tests import standins
from tests.support.machine_facts import one


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """A profile on a machine where everything but GPUs seems to be there."""
    environment = standins.environment()
    mpirun = tmp_path / "bin" / "mpirun"
    mpirun.parent.mkdir()
    mpirun.write_text("#!/bin/sh\necho 'mpirun (Open MPI) 5.0.11'\n")
    mpirun.chmod(0o755)
    monkeypatch.setenv("PATH", f"{mpirun.parent}:{environment['PATH']}")
    text = {
        "name": "standin",
        "engine": "trtllm",
        "model": {"family": "qwen", "dir": str(standins.make_model(tmp_path / "model"))},
        "build": {"gemm_plugin": "auto", "max_batch_size": 8},
        "launch": {"env": environment},
        "paths": {"tensorrt_llm": str(standins.CHECKOUT), "work": f"{tmp_path}/work"},
    }
    return load_text(json.dumps(text), "standin.yaml")


def test_looking_at_a_machine(installed: Profile) -> None:
    found = gather_facts(installed)
    assert found.probe is not None
    assert found.probe.packages["tensorrt_llm"] == "0.16.0", "read from metadata in launch.python"
    assert all(size > 0 for size in found.probe.free.values())
    assert found.plan is not None
    assert "--max_num_tokens" in found.helps["trtllm-build"]
    verdicts = {check.name: check.verdict for check in evaluate(installed, found)}
    for name in ("TensorRT-LLM", "scripts", "model", "heads", "build options", "mpirun"):
        assert verdicts[name] == "pass", name


def test_an_unknown_build_option_is_found_before_anything_runs(installed: Profile) -> None:
    profile = with_changes(installed, ["build.extra_args=[--no_such_option]"])
    check = one("build options", gather_facts(profile), profile)
    assert check.text == "trtllm-build: --no_such_option is not one of its options"


def test_an_interpreter_that_is_not_there(installed: Profile) -> None:
    profile = with_changes(installed, ["launch.python=/nowhere/python"])
    checks = preflight.check(profile)
    assert checks[0].verdict == "fail"
    assert "python" in [check.name for check in checks if check.verdict == "fail"]
