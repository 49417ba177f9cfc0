"""Lines of the list of runs, from entries alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import replace

from runner.events import JobEnd
from runner.history.run_entry import RunEntry
from runner.history.trend import main_trend
from tests.support.histories import NOW, entry, figure
from tui.framework.rows import row_text, row_width
from tui.framework.run_header import state_span
from tui.relative_time import format_timestamp
from tui.screens.runs.run_columns import RunLook, draw_run, draw_titles, format_latency, sort_at
from tui.screens.runs.run_detail import draw_run_detail
from tui.screens.runs.run_list import RunGroup, draw_group


@pytest.fixture(autouse=True)
def in_london(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


MEASURED = entry("0001", "quickstart", ago=200, figures=[figure(1678.2, 1220.3)], gpus=("NVIDIA A10",) * 8,
                 flags=2, disk=20 << 10, tags=("good", "v1"))  # fmt: skip


@pytest.mark.parametrize("width", [36, 76, 99, 116, 140, 196])
@pytest.mark.parametrize("sort", ["when", "tokens", "profile"])
def test_columns_stand_below_their_titles(width: int, sort: str) -> None:
    title = row_text(draw_titles(sort, False, True, width))
    line = row_text(draw_run(MEASURED, NOW, width))
    for name, value in (("state", "✔ FINISHED"), ("profile", "quickstart"), ("when", "3 min ago"),
                        ("id", "0001"), ("engine", "torch"), ("GPU", "8 × A10"),
                        ("tags, cause", "good v1")):  # fmt: skip
        if name in title:
            assert title.index(name) == line.index(value)
    for name, value in (("took", "1:02"), ("tokens/s", "1 678"), ("latency", "1 220 ms"), ("disk", "20 KiB")):
        if name in title:
            assert title.index(name) + len(name) == line.index(value) + len(value)
    assert len(title) <= width


def test_a_time_of_many_hours_is_not_cut() -> None:
    assert "  101 h " in row_text(draw_run(replace(MEASURED, seconds=101.5 * 3600), NOW, 76))


@pytest.mark.parametrize("width", [76, 116, 196])
def test_no_state_is_cut(width: int) -> None:
    for end in get_args(JobEnd):
        ended = entry("0001", status="failed", job_end=end)
        assert state_span("failed", end).text + "  " in row_text(draw_run(ended, NOW, width))


@pytest.mark.parametrize(
    ("width", "there", "missing"),
    [(76, "latency", "warn."), (97, "what changed", "id"), (116, "tags", "disk"), (196, "GPU", "nothing")],
)
def test_more_room_shows_more(width: int, there: str, missing: str) -> None:
    title = row_text(draw_titles("when", False, True, width))
    assert there in title
    assert missing not in title


def test_titles_show_the_order_and_take_clicks() -> None:
    assert "when ▾" in row_text(draw_titles("when", False, True, 116))
    assert "when ▴" in row_text(draw_titles("when", True, True, 116))
    line = row_text(draw_titles("latency", False, False, 116))
    assert "▴latency" in line
    assert sort_at(line.index("latency"), 116) == "latency"
    assert sort_at(line.index("profile") + 3, 116) == "profile"
    assert sort_at(0, 116) == sort_at(line.index("state"), 116) == ""


@pytest.mark.parametrize("width", [10, 40, 76, 116, 196])
@pytest.mark.parametrize("text", ["x" * 200, "内存不足" * 40, "a\x1b[31mb\tc\n"])
def test_no_line_is_wider_than_the_list(width: int, text: str) -> None:
    drawn = draw_run(entry("0001", text, "failed", cause=text, tags=(text,), name=text), NOW, width)
    assert row_width(drawn) <= width
    assert row_text(drawn).isprintable()


def test_a_directory_that_is_no_run() -> None:
    odd = entry(status="lost", engine="", cause="/runs/r/plan.json: cannot be read", run_dir=Path("/runs/r"))
    drawn = row_text(draw_run(odd, NOW, 220)).strip()
    assert drawn.startswith("? NO RUN")
    assert drawn.endswith("plan.json: cannot be read")


def test_a_name_replaces_the_profile_behind_its_mark() -> None:
    drawn = row_text(draw_run(entry(name="before the fix"), NOW, 116, RunLook(marked=True)))
    assert drawn.startswith("◆ ✔ FINISHED   “before the fix”")


@pytest.mark.parametrize(
    ("ms", "words"), [(0.0421, "0.042 ms"), (1220.3, "1 220 ms"), (99_999, "99 999 ms"), (198_426, "198.4 s")]
)
def test_latencies_fit_their_column(ms: float, words: str) -> None:
    assert format_latency(ms) == words


def group(*rates: float | None, shown: int = 3, profile: str = "qwen2.5-7b") -> RunGroup:
    runs = [entry(f"{i:04x}", ago=100.0 - i, figures=[figure(rate)]) for i, rate in enumerate(rates)]
    return RunGroup(profile, shown, 3, main_trend(runs))


def test_the_heading_of_a_group() -> None:
    drawn = row_text(draw_group(group(100, 110, 121), 116))
    assert "▾ qwen2.5-7b  3 runs" in drawn
    assert "▁▄▇  121.0 tokens/s  +10.0 %  batch 1 128→64" in drawn
    assert "2 of 3 runs" in row_text(draw_group(group(100, shown=2), 116))
    assert row_text(draw_group(group(), 116)) == "▾ qwen2.5-7b  3 runs"
    assert "40.00 ms  +0.0 %" in row_text(draw_group(group(None, None), 116)), "an encoder has no tokens/s"
    assert row_text(draw_group(group(profile=""), 116)) == "▾ not runs  3"


@pytest.mark.parametrize("width", [10, 40, 76, 196])
def test_no_heading_is_wider_than_the_list(width: int) -> None:
    assert row_width(draw_group(group(*[100.0] * 99, profile="x" * 64), width)) <= width


def detail(chosen: RunEntry, width: int = 76, height: int = 4) -> list[str]:
    return [row_text(line) for line in draw_run_detail(chosen, width, height)]


def test_what_is_said_about_the_chosen_run() -> None:
    shown = replace(
        MEASURED, name="the good one", note="clocks locked", figures=(*MEASURED.figures, figure(1))
    )
    assert detail(shown, 140) == [
        f"“the good one” quickstart  {MEASURED.run}  torch · 8 × NVIDIA A10 · 20 KiB",
        "batch 1 128→64: 1 678 tokens/s, 1 220 ms  best of 2 configurations  2 warnings",
        "good v1  clocks locked",
    ]
    assert detail(entry(status="failed", cause="why " * 50))[2:] == [*["why " * 18 + "why"] * 2]
    assert detail(entry(status="running"))[1] == "running; Enter shows it live"
    assert len(detail(entry(cause="why " * 50, note="n " * 99, tags=("t",)), 40, 3)) == 3
    assert draw_run_detail((), 76, 4) == []


@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (14 * 3600, "14 h ago"),
        (14 * 3600 + 1, "31 Dec 23:59"),
        (86400 * 25, " 7 Dec 14:00"),
        (86400 * 400, "27 Nov 2024"),
        (-5, " 1 Jan 14:00"),
    ],
)
def test_points_in_time(ago: float, expected: str) -> None:
    assert format_timestamp(NOW - ago, NOW) == expected


def test_a_time_that_nobody_knows() -> None:
    assert format_timestamp(0.0, NOW) == "unknown"
