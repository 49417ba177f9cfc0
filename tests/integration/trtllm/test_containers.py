"""Stages in real containers, by podman: a running one, and one that is started for every stage.

A container's programs are this machine's own, mounted read-only, so no image is fetched. Its /tmp is its own,
so it does not see the run directory unless that is mounted.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner import preflight
from runner.engines import container
from runner.engines.trtllm.profile import TrtllmProfile
from runner.history.run_entry import read_entry
from runner.run import layout, liveness
from runner.state.run import RunState
from runner.util import processes
from tests import standins
from tests.integration.trtllm import support
from tests.runner.ranks.support import needs_mpi
from tests.support.paths import ROOT
from tests.support.runs import is_supervised, state_of, wait_for, wait_until_ended

CONFIGURATION = """\
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
"""
"""For machines that are containers themselves: no systemd, no raising of limits."""

OPTIONS = ["--network=none", "--rootfs"]
"""The second option has no value: it says that a folder takes the place of an image."""

# One worker for all of them: they share the program's storage.
pytestmark = [
    needs_mpi,
    pytest.mark.mpi,
    pytest.mark.xdist_group("containers"),
    pytest.mark.timeout(300),  # the first one may install podman
]


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """podman, able to start containers; installed where that can be done."""
    if shutil.which("podman") is None:
        install()
    folder = tmp_path_factory.mktemp("podman")
    configuration = folder / "containers.conf"
    configuration.write_text(CONFIGURATION)
    why = why_not(folder)
    with pytest.MonkeyPatch.context() as patch:
        if why:
            patch.setenv("CONTAINERS_CONF", str(configuration))
            why = why_not(folder)
        if why:
            pytest.skip(f"podman cannot start a container here: {why}")
        yield


def install() -> None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip("podman is not installed, and only root can install it with apt-get")
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "--yes", "--no-install-recommends", "podman", "runc"]):
        try:
            done = subprocess.run(
                ["apt-get", "-qq", *words], env=env, capture_output=True, text=True, timeout=120, check=False
            )
        except subprocess.TimeoutExpired:
            pytest.skip(f"podman cannot be installed: apt-get {words[0]} takes more than two minutes")
        if done.returncode:
            pytest.skip(f"podman cannot be installed: {done.stderr.strip()[-200:]}")


def why_not(folder: Path) -> str:
    """Why no container can be started; empty when one can."""
    words = ["podman", "run", "--rm", *mounted(volumes(folder)), *OPTIONS, root(folder), "true"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return "it does not answer"
    return done.stderr.strip()[-300:] if done.returncode else ""


def root(folder: Path) -> str:
    """The file system of a container, as far as it is not mounted."""
    files = folder / "root"
    for name in ("dev", "etc", "proc", "sys", "tmp", "usr"):
        (files / name).mkdir(parents=True, exist_ok=True)
    for link in ("bin", "lib", "lib64", "sbin"):
        if os.path.islink(f"/{link}") and not (files / link).is_symlink():
            (files / link).symlink_to(os.readlink(f"/{link}"))
    return str(files)


def volumes(folder: Path) -> list[str]:
    """Programs, the stand-ins, and a model at a path that exists only in the container."""
    if not (folder / "data").exists():
        standins.make_model(folder / "data" / "model")
    top = [f"/{name}" for name in ("bin", "etc", "lib", "lib64", "sbin", "usr") if os.path.isdir(f"/{name}")]
    shared = [path for path in top if not os.path.islink(path)]
    shared += [path for path in {str(ROOT), sys.prefix, sys.base_prefix} if not path.startswith("/usr/")]
    return [*(f"{path}:{path}:ro" for path in shared), f"{folder}/data:/test_data"]


def mounted(wanted: list[str]) -> list[str]:
    return [word for volume in wanted for word in ("--volume", volume)]


@pytest.fixture
def box(podman: None, tmp_path: Path) -> Iterator[str]:
    """The name of a running container."""
    name = f"trtbench-test-{uuid.uuid4().hex[:8]}"
    # Like any shell that is the first process of a container, it buries what is orphaned.
    idle = ["sh", "-c", "while :; do sleep 1; done"]
    started = [
        "podman",
        "run",
        "--detach",
        "--name",
        name,
        *mounted(volumes(tmp_path)),
        *OPTIONS,
        root(tmp_path),
        *idle,
    ]
    subprocess.run(started, capture_output=True, timeout=60, check=True)
    yield name
    subprocess.run(
        ["podman", "rm", "--force", "--time", "0", name], capture_output=True, timeout=60, check=False
    )


def inside(folder: Path, name: str, **changes: Any) -> TrtllmProfile:
    """A profile for a running container; it makes everything where only the container has it."""
    base = {
        "model": {"dir": "/test_data/model"},
        "launch": {
            "container": {"exec": name, "tool": "podman"},
            "mpirun": {"path": support.mpirun_path()},
        },
        "paths": {"work": "/tmp/work"},
    }
    return support.profile(folder, **support.merged(base, changes))


def started(folder: Path, **changes: Any) -> TrtllmProfile:
    """A profile that starts a container for every stage."""
    image = {"run": root(folder), "tool": "podman", "options": OPTIONS, "volumes": volumes(folder)}
    base = {
        "model": {"dir": "/test_data/model"},
        "launch": {"container": image, "mpirun": {"path": support.mpirun_path()}},
    }
    return support.profile(folder, **support.merged(base, changes))


def assert_measured(run_dir: Path, state: RunState) -> None:
    assert support.stages(state) == dict.fromkeys(("convert", "build", "smoke", "benchmark"), "ok")
    assert all(rank.complete for rank in state.ranks.values())
    (configuration,) = support.final(run_dir).configurations
    support.assert_table_is_what_was_printed(configuration)
    assert support.row(configuration, "latency_ms").n == 5


def hanging(**changes: Any) -> dict[str, Any]:
    """A benchmark that never ends, in its third call of `run()`."""
    return support.merged({"launch": {"env": {"TRTLLM_STANDIN_FAULTS": "benchmark=hang@3"}}}, changes)


def wait_until_measuring(run_dir: Path) -> None:
    """Wait until ranks report from inside, so that there is something to leave behind."""
    wait_for(lambda: bool(state_of(run_dir).configurations), "the benchmark")
    assert processes.find_tagged(run_dir.name), "what runs inside can be seen from here"


# --- a running container ------------------------------------------------------------------------------------


def test_stages_run_inside_and_records_come_by_stdout(box: str, tmp_path: Path) -> None:
    run_dir, state = support.succeed(inside(tmp_path, box))
    assert_measured(run_dir, state)
    assert list((run_dir / layout.RANKS / "3").iterdir()) == [], (
        "the container does not see the run directory"
    )
    assert "\x1e{" in (run_dir / "3-benchmark.log").read_text()

    _, state = support.succeed(inside(tmp_path, box))
    assert (support.stages(state)["convert"], support.stages(state)["build"]) == ("skipped", "skipped")


def test_stopping_kills_what_runs_inside(box: str, tmp_path: Path) -> None:
    run_dir = support.start(inside(tmp_path, box, **hanging()))
    wait_until_measuring(run_dir)
    liveness.request_stop(run_dir, "the test")
    assert wait_until_ended(run_dir).status == "stopped"
    assert processes.find_tagged(run_dir.name) == []


@pytest.mark.slow
def test_recovery_kills_processes_in_a_running_container(box: str, tmp_path: Path) -> None:
    run_dir = support.start(inside(tmp_path, box, **hanging()))
    wait_until_measuring(run_dir)
    assert liveness.signal_supervisor(run_dir, signal.SIGKILL)
    wait_for(lambda: not is_supervised(run_dir), "the end of the supervisor")
    assert processes.find_tagged(run_dir.name), "killing the client leaves what runs inside"

    assert read_entry(run_dir).status == "lost"

    assert processes.find_tagged(run_dir.name) == []


@pytest.mark.slow
def test_what_runs_inside_can_be_killed_from_within(box: str, tmp_path: Path) -> None:
    """As for a user who may not send signals into a container from outside."""
    run_dir = support.start(inside(tmp_path, box, **hanging()))
    wait_until_measuring(run_dir)
    container.kill_processes(layout.load_plan(run_dir), run_dir.name)
    state = wait_until_ended(run_dir)
    assert state.status == "failed"
    assert processes.find_tagged(run_dir.name) == []


@pytest.mark.slow
def test_doctor_looks_inside(box: str, tmp_path: Path) -> None:
    found = {check.name: check for check in preflight.check(inside(tmp_path, box))}
    assert found["container"].text == f"{box} answers; the paths below are inside it"
    for name in ("container", "TensorRT-LLM", "scripts", "model", "build options"):
        assert found[name].verdict == "pass", found[name]

    missing = {check.name: check for check in preflight.check(inside(tmp_path, "nobody-made-this"))}
    assert missing["container"].verdict == "fail"
    assert missing["container"].fix == "podman start nobody-made-this"


# --- a container for every stage ----------------------------------------------------------------------------


@pytest.mark.usefixtures("podman")
@pytest.mark.slow
def test_a_container_for_every_stage(tmp_path: Path) -> None:
    run_dir, state = support.succeed(started(tmp_path))
    assert_measured(run_dir, state)
    (records,) = (run_dir / layout.RANKS / "3").iterdir()
    assert records.name == "0.jsonl", "the run directory is mounted"

    _, state = support.succeed(started(tmp_path))
    assert (support.stages(state)["convert"], support.stages(state)["build"]) == ("skipped", "skipped")


@pytest.mark.usefixtures("podman")
@pytest.mark.slow
def test_starting_from_an_engine_in_a_volume(tmp_path: Path) -> None:
    standins.make_engine(tmp_path / "data" / "engine")
    wanted = started(tmp_path, stages=["benchmark"], paths={"engine_dir": "/test_data/engine"})
    run_dir, _ = support.succeed(wanted)
    assert support.final(run_dir).configurations


@pytest.mark.usefixtures("podman")
@pytest.mark.slow
def test_stopping_removes_the_container(tmp_path: Path) -> None:
    run_dir = support.start(started(tmp_path, **hanging()))
    wait_until_measuring(run_dir)
    liveness.request_stop(run_dir, "the test")
    assert wait_until_ended(run_dir).status == "stopped"
    assert processes.find_tagged(run_dir.name) == []
    assert run_dir.name not in containers()


@pytest.mark.usefixtures("podman")
@pytest.mark.slow
def test_recovery_removes_the_container_of_a_lost_run(tmp_path: Path) -> None:
    run_dir = support.start(started(tmp_path, **hanging()))
    wait_until_measuring(run_dir)
    assert liveness.signal_supervisor(run_dir, signal.SIGKILL)
    wait_for(lambda: not is_supervised(run_dir), "the end of the supervisor")
    assert run_dir.name in containers(), "killing the client leaves the container"

    assert read_entry(run_dir).status == "lost"

    assert run_dir.name not in containers()
    assert processes.find_tagged(run_dir.name) == []


def containers() -> str:
    """Names of all containers, running or not."""
    words = ["podman", "ps", "--all", "--format", "{{.Names}}"]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout
