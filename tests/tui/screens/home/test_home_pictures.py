"""The home screen as it is drawn, in every state and size."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from runner.cli.places import HomePlace
from tests.support import world
from tests.support.slow import first_of
from tests.support.world import wait_until_idle
from tests.tui.screens.home.support import (
    FAILS,
    PASSES,
    WARNS,
    finds,
    go_to,
    no_mpirun,
    partly_cached,
    type_into,
)
from tui.app import TrtbenchApp

SNAP_SIZES = pytest.mark.parametrize(
    "size", first_of(world.SIZES, 2), ids=lambda size: f"{size[0]}x{size[1]}"
)
Snap = Callable[..., bool]
CHOOSE = "tab down down down down down down enter"
"""opens the choices of model.dtype"""


def used() -> None:
    """Somebody has worked here before."""
    world.create_ended_run("aaaa", "quickstart", "finished", ago=180)
    world.create_ended_run("bbbb", "torch-1gpu", "failed", ago=7200, cause="rank 0 ran out of memory")


@SNAP_SIZES
def test_picture_of_a_first_start(snap_compare: Snap, size: tuple[int, int]) -> None:
    assert snap_compare(TrtbenchApp(HomePlace()), terminal_size=size, run_before=wait_until_idle)


@SNAP_SIZES
def test_picture_of_a_usual_start(snap_compare: Snap, size: tuple[int, int]) -> None:
    used()
    world.write_user_profile("mine", world.BUILT_IN["quickstart"].replace("name: quickstart", "name: mine"))
    assert snap_compare(TrtbenchApp(HomePlace()), terminal_size=size, run_before=wait_until_idle)


@SNAP_SIZES
def test_picture_of_changes_and_a_refused_value(snap_compare: Snap, size: tuple[int, int]) -> None:
    used()

    async def edit(pilot: Pilot[int]) -> None:
        await wait_until_idle(pilot)
        await type_into(pilot, "benchmark.num_runs", "50")
        await type_into(pilot, "benchmark.duration", "30")
        await go_to(pilot, "benchmark.warm_up")
        await pilot.press("x", "4", "2", "x", "enter")
        await wait_until_idle(pilot)

    assert snap_compare(TrtbenchApp(HomePlace()), terminal_size=size, run_before=edit)


@SNAP_SIZES
def test_picture_of_a_broken_profile(snap_compare: Snap, size: tuple[int, int]) -> None:
    world.write_user_profile("broken", world.BROKEN)
    world.create_ended_run("aaaa", "broken", "finished", ago=180)
    assert snap_compare(TrtbenchApp(HomePlace()), terminal_size=size, run_before=wait_until_idle)


@SNAP_SIZES
def test_picture_without_mpirun(
    snap_compare: Snap, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    used()
    no_mpirun(monkeypatch)
    finds(monkeypatch, FAILS, PASSES)
    assert snap_compare(TrtbenchApp(HomePlace()), terminal_size=size, run_before=wait_until_idle)


@SNAP_SIZES
def test_picture_of_verdicts_and_reuse(
    snap_compare: Snap, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    used()
    partly_cached(monkeypatch)
    finds(monkeypatch, FAILS, WARNS, PASSES)
    assert snap_compare(TrtbenchApp(HomePlace()), terminal_size=size, run_before=wait_until_idle)


@pytest.mark.parametrize("size", world.SMALL_SIZES, ids=world.size_id)
def test_picture_of_a_question_before_a_run(
    snap_compare: Snap, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    used()
    finds(monkeypatch, FAILS, WARNS)

    async def enter(pilot: Pilot[int]) -> None:
        await wait_until_idle(pilot)
        await pilot.press("enter")

    assert snap_compare(TrtbenchApp(HomePlace()), terminal_size=size, run_before=enter)


@pytest.mark.parametrize("size", world.SMALL_SIZES, ids=world.size_id)
def test_picture_of_a_run_under_way(snap_compare: Snap, size: tuple[int, int]) -> None:
    used()
    _, lock = world.create_active_run("7f3a", "quickstart", ago=100)
    assert snap_compare(TrtbenchApp(HomePlace()), terminal_size=size, run_before=wait_until_idle)
    os.close(lock)


@pytest.mark.parametrize("size", world.SMALL_SIZES, ids=world.size_id)
@pytest.mark.parametrize("keys", ["ctrl+s", "slash z z", "tab slash t o k", CHOOSE])
def test_picture_of_lines_to_type_into(snap_compare: Snap, size: tuple[int, int], keys: str) -> None:
    used()

    async def open_line(pilot: Pilot[int]) -> None:
        await wait_until_idle(pilot)
        await pilot.press(*keys.split())
        await wait_until_idle(pilot)

    assert snap_compare(TrtbenchApp(HomePlace()), terminal_size=size, run_before=open_line)


def test_picture_of_the_options_on_a_tiny_terminal(snap_compare: Snap) -> None:
    used()
    app = TrtbenchApp(HomePlace())
    assert snap_compare(app, terminal_size=(40, 12), run_before=wait_until_idle, press=["tab"])
