"""What tests of the home screen share: looking into its form and list, and preflights that find something."""

from __future__ import annotations

import msgspec
import pytest
from textual.pilot import Pilot

from runner import preflight
from runner.engines import mpi
from runner.engines.check import Check
from runner.engines.torch import plan as torch
from runner.plan.plan import Stage
from tests.support import world
from tests.support.keyboard import press_at_once
from tests.support.world import wait_until_idle
from tui.screens.home.form_pane import FormPane
from tui.screens.home.profile_form import ProfileForm
from tui.screens.home.screen import HomeScreen

SIZE = (120, 40)


def form_of(pilot: Pilot[int]) -> ProfileForm:
    return pilot.app.screen.query_one(ProfileForm)


def value(pilot: Pilot[int], path: str) -> str:
    form = pilot.app.screen.query_one(FormPane).form
    assert form is not None
    return next(row.field.text for row in form.rows() if row.field.path == path)


def chosen(pilot: Pilot[int]) -> str:
    screen = pilot.app.screen
    assert isinstance(screen, HomeScreen)
    return screen._item.key if screen._item else ""


async def go_to(pilot: Pilot[int], path: str) -> None:
    """Focus the form and move to a field, with the keys that a user has; its group is unfolded first."""
    if not form_of(pilot).has_focus:
        await pilot.press("tab")
    keys = [entry.key for entry in form_of(pilot).lines_shown.entries]
    if path not in keys:
        group = path.rpartition(".")[0] + "."
        await press_at_once(pilot, "home", *["down"] * keys.index(group), "enter")
        keys = [entry.key for entry in form_of(pilot).lines_shown.entries]
    await press_at_once(pilot, "home", *["down"] * keys.index(path))
    current = form_of(pilot).current
    assert current is not None
    assert current.field.path == path


async def type_into(pilot: Pilot[int], path: str, text: str) -> None:
    await go_to(pilot, path)
    await press_at_once(pilot, "e", "ctrl+u")
    await press_at_once(pilot, *text, "enter")
    await wait_until_idle(pilot)


FAILS = Check("mpirun", "fail", "there is none on PATH", "apt-get install openmpi-bin")
WARNS = Check("cores", "warn", "2 ranks share 1 cores, so they wait for each other", "--set parallel.tp=1")
PASSES = Check("python", "pass", "3.12")


def finds(monkeypatch: pytest.MonkeyPatch, *checks: Check) -> None:
    monkeypatch.setattr(preflight, "check", lambda profile: list(checks))


def partly_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that reuses a checkpoint and builds an engine anew."""
    convert = Stage(
        name="convert", argv=["python3"], cwd="/data", skip="cached: /data/small-checkpoint-1a2b3c4d"
    )
    build = Stage(name="build", argv=["trtllm-build"], cwd="/data", again="max_batch_size 8 -> 16")
    plan = world.plan_of("quickstart")
    plan = msgspec.structs.replace(plan, stages=[convert, build, *plan.stages])
    monkeypatch.setattr("runner.engines.registry.make_plan", lambda profile: plan)


def no_mpirun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "find_mpirun", mpi.find_mpirun)
    monkeypatch.setattr(torch, "default_python", lambda: "/nowhere/python3")
    monkeypatch.setenv("PATH", "/nowhere")
