"""Sweeps as rows of the list of runs, and the preview of what is selected."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from runner.cli.places import RunsPlace
from runner.plan.plan import SweepMembership
from runner.util import paths
from tests.support import histories
from tests.support.histories import figure
from tests.support.world import RecordingApp, wait_until_idle, widget_text
from tests.tui.screens.runs.support import steady_disk
from tui.app import TrtbenchApp
from tui.framework.filter_input import FilterInput
from tui.screens.runs.run_list import RunList

SWEEP = "20260101T120000Z_llama-8b_5eee"
SETTINGS = "name: llama-8b\nengine: trtllm\nmodel: {family: llama, dir: /m}\nbuild: {max_batch_size: %d}\n"


def a_sweep_between_runs() -> None:
    """Two runs of a profile with other settings, and a sweep of four runs of which one failed."""
    values = [(tp, dtype) for tp in ("1", "2") for dtype in ("float16", "fp8")]
    for cell, (tp, dtype) in enumerate(values):
        failed = cell == 3
        histories.ended(
            f"c00{cell}",
            "llama-8b",
            "failed" if failed else "finished",
            ago=5000.0 - 100 * cell,
            figures=[] if failed else [figure(120.0 * (cell + 1), 900.0 / (cell + 1))],
            cause="rank 1 ran out of memory" if failed else "",
            engine="trtllm",
            settings=SETTINGS % 16,
            sweep=SweepMembership(
                sweep=SWEEP, cell=cell, values=(("parallel.tp", tp), ("model.dtype", dtype))
            ),
        )
    for number, size in enumerate((16, 32)):
        histories.ended(
            f"a00{number}",
            "llama-8b",
            ago=9000.0 - 8000 * number,
            figures=[figure(100.0 + number, 41.0), figure(900.0, 73.0, batch_size=16)],
            flags=["p95 and p99 are the maximum: 10 iterations"],
            engine="trtllm",
            settings=SETTINGS % size,
        )
    (paths.sweeps_dir() / SWEEP).mkdir(parents=True)


def listed(pilot: Pilot[int]) -> list[str]:
    return [entry.run[-4:] for entry in pilot.app.screen.query_one(RunList).entries]


async def test_a_sweep_folds_unfolds_is_counted_and_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    a_sweep_between_runs()
    app = RecordingApp(RunsPlace())
    opened: list[str] = []
    monkeypatch.setattr(app, "open_sweep", lambda directory: opened.append(directory.name))
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_until_idle(pilot)
        assert listed(pilot) == ["a001", "5eee", "a000"]
        await pilot.press("down", "right")
        assert listed(pilot) == ["a001", "5eee", "c003", "c002", "c001", "c000", "a000"]
        await pilot.press("down", "down", "left")
        assert listed(pilot) == ["a001", "5eee", "a000"]
        await pilot.press("enter", "space")
        assert opened == [SWEEP], "the cursor went to the row of the sweep"
        await pilot.press("up")
        detail = widget_text(app.screen, "#run-detail")
        assert "360.0 tokens/s, 300.0 ms  best of 4 runs: tp 1, 2 · dtype float16, fp8" in detail
        await pilot.press("up")
        await wait_until_idle(pilot)
        assert "changed since a000: max_batch_size 16→32" in widget_text(app.screen, "#run-detail")
        await pilot.press("down")
        assert widget_text(app.screen, "#header").count("4 marked · 6 runs") == 1
        await pilot.press("slash")
        await pilot.pause()
        app.screen.query_one(FilterInput).value = "status:finished"
        await pilot.pause()
        assert listed(pilot) == ["a001", "5eee", "a000"]
        assert "▸ llama-8b (3/4)" in widget_text(app.screen, "#run-list")
        assert "5 of 6 runs" in str(app.screen.query_one("#runs").border_subtitle)


def test_picture_of_a_sweep_and_a_preview(
    snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    a_sweep_between_runs()
    steady_disk(monkeypatch)

    async def look(pilot: Pilot[int]) -> None:
        await wait_until_idle(pilot)
        await pilot.press("down", "right", "up")
        await wait_until_idle(pilot)

    assert snap_compare(TrtbenchApp(RunsPlace()), terminal_size=(200, 50), run_before=look)
