"""A world that is the same on every machine: profiles, mpirun, clock and time zone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner import preflight
from runner.engines.check import Check
from runner.engines.facts import ProbeAnswer
from runner.engines.gpu_facts import GpuSurvey
from runner.engines.mpi import MpirunProgram
from runner.engines.torch import plan
from runner.preflight import fit
from runner.preflight.fit import LocalMachine
from runner.profile import store as profile_store
from runner.schema.base import Profile
from runner.supervision import launch
from tests.support import world


@pytest.fixture(autouse=True)
def fixed_world(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    built_in = tmp_path / "built-in"
    built_in.mkdir()
    for name, text in world.BUILT_IN.items():
        (built_in / f"{name}.yaml").write_text(text)
    monkeypatch.setattr(profile_store, "_built_in_dir", lambda: built_in)
    monkeypatch.setattr(plan, "find_mpirun", lambda *_: MpirunProgram("/usr/bin/mpirun", "openmpi", "5"))
    monkeypatch.setattr(plan, "launch_env", lambda *_: {})
    monkeypatch.setattr(plan, "default_python", lambda: "/usr/bin/python3")
    monkeypatch.setattr(plan, "PROGRAM", Path("/usr/lib/trtbench/torch_benchmark.py"))
    monkeypatch.setattr(preflight, "check", lambda profile: [Check("python", "pass", "3.12")] * 4)
    machine = LocalMachine(ProbeAnswer(packages={"torch": "2", "mpi4py": "4"}), GpuSurvey(absent="no driver"))
    monkeypatch.setattr(fit, "look_at_machine", lambda: machine)
    monkeypatch.setattr(fit, "locate_mpirun", lambda wanted, python: "/usr/bin/mpirun")
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setattr("tui.screens.home.selection.now", lambda: world.NOW)
    monkeypatch.setattr("tui.screens.runs.browser.now", lambda: world.NOW)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Profile]:
    """The profiles that were started; nothing really runs."""
    profiles: list[Profile] = []

    def start(profile: Profile, **_: object) -> Path:
        profiles.append(profile)
        return world.create_ended_run("0001", profile.name, "finished", ago=0)

    monkeypatch.setattr(launch, "start", start)
    return profiles
