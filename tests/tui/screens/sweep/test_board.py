"""Pictures of the sweep screen in all states at three sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from runner.cli.places import SweepPlace
from tests.support.world import (
    SIZES,
    SMALL_SIZES,
    size_id,
)
from tests.tui.screens.sweep.support import (
    chinese,
    complete,
    drawn,
    half_way,
    long_names,
    nothing_yet,
    one_axis,
    stopped,
)
from tui.app import TrtbenchApp

Compare = Callable[..., bool]
pytestmark = pytest.mark.usefixtures("still_clock")


@pytest.mark.parametrize("size", SIZES, ids=size_id)
@pytest.mark.parametrize("make", [half_way, complete, one_axis], ids=lambda make: make.__name__)
def test_board(
    make: Callable[[], Path],
    size: tuple[int, int],
    snap_compare: Compare,
    with_locks: Callable[[Path], Path],
) -> None:
    path = make()
    if make is half_way:
        with_locks(path)
    assert snap_compare(TrtbenchApp(SweepPlace(path)), terminal_size=size, run_before=drawn)


@pytest.mark.parametrize("size", SMALL_SIZES, ids=size_id)
@pytest.mark.parametrize(
    "make", [nothing_yet, stopped, half_way, long_names, chinese], ids=lambda make: make.__name__
)
def test_board_without_sweep_runner(
    make: Callable[[], Path], size: tuple[int, int], snap_compare: Compare
) -> None:
    assert snap_compare(TrtbenchApp(SweepPlace(make())), terminal_size=size, run_before=drawn)


@pytest.mark.parametrize("size", SMALL_SIZES, ids=size_id)
def test_board_of_an_unreadable_sweep(
    size: tuple[int, int], snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert snap_compare(TrtbenchApp(SweepPlace(Path("gone"))), terminal_size=size, run_before=drawn)


@pytest.mark.parametrize("keys", [("p",), ("down", "right", "m"), ("A", "tab")], ids="-".join)
def test_board_keys(keys: tuple[str, ...], snap_compare: Compare) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await drawn(pilot)
        await pilot.press(*keys)

    assert snap_compare(TrtbenchApp(SweepPlace(complete())), terminal_size=SIZES[1], run_before=before)


def test_board_in_ascii(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRTBENCH_ASCII", "1")
    assert snap_compare(TrtbenchApp(SweepPlace(half_way())), terminal_size=SIZES[1], run_before=drawn)
