"""GPUs and ranks on the whole screen: everything at any size, and whose a process is."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
import pytest

from runner import events as ev
from tests.support import recorded_runs
from tests.support.recorder import Recorder
from tests.tui.cockpit import text_of
from tests.tui.screens.live.support import cockpit, drained, settled
from tui.framework.rows import row_text, row_width
from tui.framework.scrolled_panel import ScrolledPanel
from tui.screens.live.gpu_box import draw_gpu_box
from tui.screens.live.gpu_page import draw_gpu_page
from tui.screens.live.process_rows import ProcessLine
from tui.screens.live.rank_page import draw_rank_page
from tui.screens.live.view import LiveView, make_live_view


def full_view(run: Recorder, root: Path, panel: str) -> LiveView:
    return make_live_view(drained(run, root), full=panel)


def test_processes_have_user_command_and_owner(tmp_path: Path) -> None:
    box = full_view(recorded_runs.shared_gpus(2), tmp_path, "gpus").gpus
    assert box.page is not None
    owners = [(line.gpu, line.pid, line.user, line.owner, line.foreign) for line in box.page.processes]
    assert owners == [
        (0, 4301, "bob", "rank 0", False),
        (0, 77, "", "", False),
        (1, 4302, "bob", "rank 1", False),
        (1, 99123, "alice", "", True),
    ]
    assert [line.pid for line in box.foreign] == [99123]


def test_no_process_of_a_container_run_is_called_foreign(tmp_path: Path) -> None:
    feed = drained(recorded_runs.shared_gpus(2), tmp_path)
    feed.plan.stages[2] = msgspec.structs.replace(feed.plan.stages[2], container="docker exec trt")
    assert make_live_view(feed).gpus.foreign == ()


def test_a_process_of_another_run_is_named(tmp_path: Path) -> None:
    run = recorded_runs.on_gpus(1, 1)
    other = ev.ComputeProcess(pid=5, user="bob", command="python3 x.py", run="20260101T000000Z_other_12ab")
    run.add(ev.GpuProcessTable(t=0, gpu="GPU-0", processes=[other]))
    [line] = full_view(run, tmp_path, "gpus").gpus.foreign
    assert line.owner == "run 12ab"


@pytest.mark.parametrize("count", [1, 8, 16])
def test_the_page_of_gpus_fits_in_any_size(count: int, tmp_path: Path) -> None:
    page = full_view(recorded_runs.shared_gpus(count), tmp_path, "gpus").gpus.page
    assert page is not None
    for width, height in itertools.product((38, 60, 78, 116, 196), (4, 17, 32, 44)):
        rows = draw_gpu_page(page, width, height)
        assert all(row_width(row) <= width for row in rows), (width, height)
        text = "\n".join(map(row_text, rows))
        assert all(str(line.pid) in text for line in page.processes), "those out of view can be scrolled to"


def test_bars_and_history_are_as_high_as_there_is_room(tmp_path: Path) -> None:
    heights = []
    for count in (1, 2, 8, 16):
        page = full_view(recorded_runs.shared_gpus(count), tmp_path / str(count), "gpus").gpus.page
        assert page is not None
        rows = [row_text(row) for row in draw_gpu_page(page, 116, 44)]
        assert len(rows) <= 44
        heights.append(sum("⣿" in row for row in rows))
        if count < 16:
            assert any(row.startswith("memory █") and "71.0/140.0 GiB" in row for row in rows)
            assert any("PCIe 5 x16" in row for row in rows)
    assert heights[0] >= heights[1] / 2 > 0
    assert heights[2] >= 8, "a line a GPU"


def test_a_foreign_process_is_below_the_gpus_if_there_is_room(tmp_path: Path) -> None:
    box = full_view(recorded_runs.shared_gpus(2), tmp_path, "").gpus
    assert box.rows == 2 + 2
    assert row_text(draw_gpu_box(box, 100, 5)[-1]).split()[:3] == ["1", "99123", "alice"]
    assert len(draw_gpu_box(box, 100, 3)) == 3
    many = msgspec.structs.replace(box, foreign=(ProcessLine(0, 1),) * 9)
    assert len(draw_gpu_box(many, 100, 20)) == 3 + 1 + 3


def test_the_title_counts_foreign_processes_in_any_height(tmp_path: Path) -> None:
    view = full_view(recorded_runs.shared_gpus(2), tmp_path, "")
    assert view.gpu_title == "GPUs, 2 Hz · 1 process not of this run"


@pytest.mark.parametrize("ranks", [1, 8, 64])
def test_the_page_of_ranks_fits_in_any_size(ranks: int, tmp_path: Path) -> None:
    page = full_view(recorded_runs.under_way(ranks), tmp_path, "ranks").rank_page
    assert page is not None
    for width, height in itertools.product((38, 60, 78, 116, 196), (4, 17, 32, 44)):
        rows = draw_rank_page(page, width, height)
        assert all(row_width(row) <= width for row in rows), (width, height)
        assert len(rows) >= ranks + 1
        assert "slower" in row_text(rows[0])


def test_a_rank_has_pid_gpu_and_difference_to_the_fastest(tmp_path: Path) -> None:
    page = full_view(recorded_runs.shared_gpus(8), tmp_path, "ranks").rank_page
    assert page is not None
    heading, *rows = map(row_text, draw_rank_page(page, 116, 32))
    assert heading.split() == [
        "rank",
        "state",
        "device",
        "pid",
        "i",
        "last",
        "ms",
        "mean",
        "ms",
        "slower",
        "last",
        "GPU",
        "%",
        "GiB",
    ]
    assert rows[7].split()[:5] == ["7", "timing", "GPU", "7", "4308"]
    assert rows[7].split()[8:12] == ["6", "447", "+0.35", "%"]
    assert rows[8] == "balanced: the slowest rank is 0.35 % slower than the fastest"
    assert any(row.startswith("▶ ") for row in rows), "the configurations"


async def test_the_title_of_a_page_counts_the_rows_below(tmp_path: Path) -> None:
    app = cockpit(recorded_runs.under_way(64), tmp_path)
    async with app.run_test(size=(100, 16)) as pilot:
        await settled(pilot)
        ranks = app.screen.query_one("#ranks", ScrolledPanel)
        for key, more in (("2", " · 57 more rows ↓"), ("down", " · 56 more rows ↓"), ("end", ""), ("2", "")):
            await pilot.press(key)
            await settled(pilot)
            assert str(ranks.border_title) == f"ranks · slowest 63: +3.1 %{more}"


async def test_maximised_gpus_and_ranks_have_pages_of_their_own(tmp_path: Path) -> None:
    app = cockpit(recorded_runs.shared_gpus(), tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3")
        await pilot.pause()
        assert "python3 train.py  not of this run" in text_of(app.screen, "#gpus")
        footer = text_of(app.screen, "#footer")
        assert "esc all panels" in footer
        assert "stop" in footer
        assert "plot kind" not in footer
        await pilot.press("down")
        assert app.screen.query_one("#gpus").top == 1  # type: ignore[attr-defined]
        await pilot.press("2")
        await pilot.pause()
        assert "balanced: the slowest" in text_of(app.screen, "#ranks")
        await pilot.press("escape")
        await pilot.pause()
        assert "balanced: the slowest" not in text_of(app.screen, "#ranks")
