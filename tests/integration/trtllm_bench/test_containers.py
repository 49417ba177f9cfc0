"""trtllm-bench in real containers, by podman: its files are copied out of a running one."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from runner.engines.trtllm_bench.profile import BenchProfile
from runner.history.reports import load_report
from tests.integration.trtllm.support import merged, row, stages
from tests.integration.trtllm.test_containers import OPTIONS, box, podman, root, volumes
from tests.integration.trtllm_bench import support

__all__ = ["box", "podman"]  # fixtures

pytestmark = [
    pytest.mark.mpi,
    pytest.mark.xdist_group("containers"),
    pytest.mark.timeout(300),  # the first one may install podman
]
PYTORCH: dict[str, Any] = {"backend": "pytorch", "concurrency": [2], "streaming": True}


def inside(folder: Path, container: dict[str, Any], **changes: Any) -> BenchProfile:
    """A profile whose package, model and folders are where only the container has them."""
    env = support.environment(folder / "data", "1.2.1")
    env["PYTHONPATH"] = env["PYTHONPATH"].replace(f"{folder}/data", "/test_data")
    base = {
        "model": {"dir": "/test_data/model"},
        "benchmark": PYTORCH,
        "launch": {"container": container | {"tool": "podman"}, "env": env},
    }
    return support.profile(folder, "1.2.1", **merged(base, changes))


def assert_measured(run_dir: Path) -> None:
    (configuration,) = load_report(run_dir).configurations
    assert row(configuration, "requests").value == 40
    assert row(configuration, "ttft_ms").value
    assert row(configuration, "engine_iteration_ms").value
    assert (run_dir / "results" / "0" / "requests.json").stat().st_size


@pytest.mark.slow
def test_a_running_container(box: str, tmp_path: Path) -> None:
    wanted = inside(tmp_path, {"exec": box}, paths={"work": "/tmp/work"})
    run_dir, state = support.succeed(wanted)
    assert stages(state) == {"dataset": "ok", "benchmark": "ok"}
    assert_measured(run_dir)
    # Nothing of the run is left inside but what later runs use.
    listing = subprocess.run(
        ["podman", "exec", box, "ls", "/tmp/work"], capture_output=True, text=True, timeout=60, check=True
    )
    assert [name.rpartition("-")[0] for name in listing.stdout.split()] == ["small-bench-dataset"]
    _, state = support.succeed(wanted)
    assert stages(state)["dataset"] == "skipped"


@pytest.mark.usefixtures("podman")
@pytest.mark.slow
def test_a_container_for_every_stage(tmp_path: Path) -> None:
    image = {"run": root(tmp_path), "options": OPTIONS, "volumes": volumes(tmp_path)}
    run_dir, state = support.succeed(inside(tmp_path, image))
    assert stages(state) == {"dataset": "ok", "benchmark": "ok"}
    assert_measured(run_dir)
