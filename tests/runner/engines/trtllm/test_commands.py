"""The commands of a plan, run as the script repro.sh against stand-ins."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from runner.engines import build_cache
from runner.engines.benchmark_line import parse_result
from runner.engines.registry import make_plan
from runner.plan.plan import Plan
from runner.plan.repro_script import repro_script
from runner.profile.yaml_file import load_text
from runner.schema.base import Profile
from tests import standins


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    environment = standins.environment()
    monkeypatch.setenv("PATH", environment["PATH"])
    text = {
        "name": "standin",
        "engine": "trtllm",
        "model": {"family": "qwen", "dir": str(standins.make_model(tmp_path / "model"))},
        "parallel": {"tp": 2},
        "build": {"gemm_plugin": "auto", "max_batch_size": 4, "max_seq_len": 64},
        "benchmark": {
            "batch_size": [1, 4],
            "input_output_len": [[16, 8]],
            "num_runs": 3,
            "duration": 0,
        },
        "launch": {"env": environment, "mpirun": {"args": ["--oversubscribe"]}},
        "paths": {"tensorrt_llm": str(standins.CHECKOUT), "work": f"{tmp_path}/work"},
    }
    return load_text(json.dumps(text), "standin.yaml")


def run(plan: Plan, folder: Path) -> str:
    """Output of the plan's script."""
    folder.mkdir()
    for stage in plan.stages:
        if stage.output and not stage.skip:
            build_cache.prepare(stage.output)
    script = folder / "repro.sh"
    script.write_text(repro_script(plan))
    answer = subprocess.run(["sh", str(script)], capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode == 0, answer.stderr + answer.stdout
    return answer.stdout


def results_in(output: str) -> list[dict[str, str]]:
    return [result for line in output.splitlines() if (result := parse_result(line))]


@pytest.mark.mpi
def test_from_model_to_result(profile: Profile, tmp_path: Path) -> None:
    plan = make_plan(profile, tmp_path / "run")
    assert plan.notes == [], "the version is known"
    output = run(plan, tmp_path / "run")
    results = results_in(output)
    assert [result["batch_size"] for result in results] == ["1", "4"]
    assert results[0]["precision"] == "float16"
    assert results[0]["world_size"] == "2"
    assert results[0]["engine_dir"].startswith("standin-engine-")
    assert "Output [Text 0 Beam 0]" in output

    for stage in plan.stages[:2]:
        build_cache.commit(stage.output, stage.identity)
    again = make_plan(profile, tmp_path / "again")
    assert [stage.skip.split(":")[0] for stage in again.stages] == ["not needed", "cached", "", ""]
    assert len(results_in(run(again, tmp_path / "again"))) == 2
