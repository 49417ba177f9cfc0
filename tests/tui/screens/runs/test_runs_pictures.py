"""Pictures of the list of runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from runner.cli.places import RunsPlace
from runner.history import labels
from tests.support import histories, world
from tests.support.histories import figure
from tests.support.slow import first_of
from tests.support.world import wait_until_idle
from tests.tui.screens.runs.support import foreign, some_runs, steady_disk
from tui.app import TrtbenchApp
from tui.screens.runs.run_list import RunList

SNAP_SIZES = pytest.mark.parametrize(
    "size", first_of(world.SIZES, 2), ids=lambda size: f"{size[0]}x{size[1]}"
)
Snap = Callable[..., bool]


@SNAP_SIZES
def test_picture_of_no_runs(snap_compare: Snap, size: tuple[int, int]) -> None:
    assert snap_compare(TrtbenchApp(RunsPlace()), terminal_size=size, run_before=wait_until_idle)


@SNAP_SIZES
def test_picture_of_every_state(
    snap_compare: Snap, size: tuple[int, int], running: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steady_disk(monkeypatch)
    some_runs()
    foreign()

    async def look(pilot: Pilot[int]) -> None:
        await wait_until_idle(pilot)
        await pilot.press("down", "down")
        await wait_until_idle(pilot)

    assert snap_compare(TrtbenchApp(RunsPlace()), terminal_size=size, run_before=look)


def a_history() -> None:
    """Three months of three profiles that got faster."""
    tags = {3: ["good"], 7: ["v0.16", "clocks-locked"]}
    for number in range(24):
        profile = ("qwen2.5-32b-fp16-tp8", "llama-3.1-8b-bf16-tp1", "bert-base")[number % 3]
        rate = None if profile == "bert-base" else 260.0 - 4 * number + number * 7 % 5
        small, large = figure(rate and rate / 6, 3900.0), figure(rate, 61_000.0 + 700 * number, batch_size=16)
        failed = number % 8 == 5
        run_dir = histories.ended(
            f"{number:04x}",
            profile,
            "failed" if failed else "finished",
            ago=3000.0 * number**1.8 + 100,
            seconds=60.0 + 337 * number,
            figures=[] if failed else [small, large],
            gpus=["NVIDIA A10"] * 8,
            flags=["doubt"] * (number % 3),
            cause="rank 1 ran out of memory: it needs 14.2 GiB, 9.8 GiB are free" if failed else "",
            engine="trtllm",
        )
        labels.tag(run_dir.name, tags.get(number, []))
        if number == 7:
            labels.rename(run_dir.name, "before the driver update")
            labels.annotate(run_dir.name, "clocks were locked at 1455 MHz by the admin")


LOOKS = {"list": (), "groups": ("v", "s"), "delete": ("space", "space", "D"), "mistake": ("slash", "minus")}


@pytest.mark.parametrize(
    ("look", "size"),
    [
        *(("list", size) for size in world.SIZES),
        *(("groups", size) for size in world.SIZES),
        ("delete", world.SIZES[1]),
        ("mistake", world.SIZES[0]),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value[0]}x{value[1]}",
)
def test_picture_of_a_history(
    snap_compare: Snap, size: tuple[int, int], look: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_history()
    steady_disk(monkeypatch)

    async def before(pilot: Pilot[int]) -> None:
        await wait_until_idle(pilot)
        pilot.app.screen.query_one(RunList).pick(7)
        await wait_until_idle(pilot)
        await pilot.press(*LOOKS[look])
        await wait_until_idle(pilot)

    assert snap_compare(TrtbenchApp(RunsPlace()), terminal_size=size, run_before=before)


@SNAP_SIZES
def test_picture_of_long_names(
    snap_compare: Snap, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    steady_disk(monkeypatch)
    longest = "a-profile-with-a-name-as-long-as-a-name-of-a-profile-may-be-at-all"
    cause = "内存不足：第一个进程需要 14.2 GiB，但只有 9.8 GiB 可用。" * 3
    world.create_ended_run("aaaa", longest, "failed", ago=61, seconds=360_000, cause=cause)
    world.create_ended_run("bbbb", "模型-三十二亿", "finished", ago=7200)
    assert snap_compare(TrtbenchApp(RunsPlace()), terminal_size=size, run_before=wait_until_idle)
