"""Lines of the list of runs, from entries alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.history import Entry
from runner.state import Status
from tui.when import when
from tui.widgets.rows import row_text, row_width
from tui.widgets.run_list import draw_run, draw_titles, matching

NOW = 1_767_276_000.0  # 2026-01-01 14:00 UTC


@pytest.fixture(autouse=True)
def in_london(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def entry(
    status: Status = "finished", profile: str = "quickstart", *, cause: str = "", engine: str = "torch"
) -> Entry:
    return Entry(
        run_dir=Path("/runs/r"), run="20260101T120000Z_quickstart_7f3a", profile=profile, engine=engine,
        status=status, started=NOW - 200, seconds=62, cause=cause,
    )  # fmt: skip


@pytest.mark.parametrize("width", [40, 76, 99, 100, 116, 196])
def test_columns_stand_below_their_titles(width: int) -> None:
    title = row_text(draw_titles(width, 0, 0)[0])
    line = row_text(draw_run(entry(cause="why"), NOW, width))
    for name, value in (("state", "✔ FINISHED"), ("profile", "quickstart"), ("started", "3 min ago"),
                        ("id", "7f3a"), ("cause", "why")):  # fmt: skip
        if value in line:
            assert title.index(name) == line.index(value)


@pytest.mark.parametrize("width", [10, 40, 76, 116, 196])
@pytest.mark.parametrize("text", ["x" * 200, "内存不足" * 40, "a\x1b[31mb\tc\n"])
def test_no_line_is_wider_than_the_list(width: int, text: str) -> None:
    drawn = draw_run(entry("failed", text, cause=text), NOW, width)
    assert row_width(drawn) <= width
    assert row_text(drawn).isprintable()


def test_a_directory_that_is_no_run() -> None:
    drawn = row_text(draw_run(entry("lost", engine="", cause="/runs/r/plan.json: cannot be read"), NOW, 116))
    assert drawn.startswith("? NO RUN")
    assert drawn.endswith("plan.json: cannot be read")


def test_every_word_of_the_filter_must_be_there() -> None:
    runs = [entry(), entry("failed"), entry("failed", "llama")]
    assert matching(runs, "FAIL llama") == [runs[2]]
    assert matching(runs, "7f3a") == runs
    assert matching(runs, " ") == runs


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
    assert when(NOW - ago, NOW) == expected


def test_a_time_that_nobody_knows() -> None:
    assert when(0.0, NOW) == "unknown"
