"""The table of configurations: done, running and to come, at any width and height."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.history.baseline import set_baseline
from runner.plan.plan import Configuration
from runner.report.baseline_numbers import BaselineNumbers
from runner.util import paths
from tests.support import recorded_runs
from tests.tui.cockpit import text_of
from tests.tui.screens.live.support import cockpit, drained, settled
from tui.framework.rows import row_text, row_width
from tui.screens.live.configuration_table import ConfigurationLine, ConfigurationTable, draw_configurations
from tui.screens.live.screen import LiveScreen
from tui.screens.live.view import make_live_view
from tui.screens.live.view_cache import LiveViewCache

DONE = ConfigurationLine("done", ("1", "64"), 3099.0, 3128.0, tokens_per_sec=7.745, change=-0.0123)
RUNNING = ConfigurationLine("running", ("4", "64"), 6424.0, 6977.0, few=True, tokens_per_sec=14.94)
PLANNED = ConfigurationLine("planned", ("16", "1024"))
TABLE = ConfigurationTable(("batch", "in"), "out 24", (DONE, RUNNING, PLANNED), baseline=True)


def drawn(table: ConfigurationTable, width: int = 60, height: int = 10) -> list[str]:
    return [row_text(row) for row in draw_configurations(table, width, height)]


def test_each_state_has_its_mark_and_its_numbers() -> None:
    heading, done, running, planned = drawn(TABLE)
    assert heading.split() == ["batch", "in", "mean", "p95", "tokens/s", "vs", "base"]
    assert done.split() == ["✓", "1", "64", "3", "099", "3", "128", "7.745", "−1.2", "%"]
    assert running.split()[:1] == ["▶"]
    assert planned.split() == ["·", "16", "1024", "–", "–", "–", "–"]
    assert TABLE.title == "configurations 1/3 · out 24"


@pytest.mark.parametrize("width", [20, 30, 36, 40, 48, 80])
def test_columns_without_room_are_left_out(width: int) -> None:
    rows = draw_configurations(TABLE, width, 10)
    assert all(row_width(row) <= width for row in rows)
    heading = row_text(rows[0])
    assert "tokens/s" in heading or width == 20
    assert ("p95" in heading) == (width >= 48)


def test_the_running_one_is_in_view_whatever_the_height() -> None:
    lines = (*[DONE] * 30, RUNNING, *[PLANNED] * 30)
    for height in range(2, 12):
        rows = drawn(ConfigurationTable(("batch", "in"), "", lines), 60, height)
        assert len(rows) == height
        assert sum(row.startswith("▶") for row in rows) == 1, height
    assert rows[1].split() == ["26", "before"]
    assert rows[-1].split() == ["27", "after"]


def test_a_run_has_a_line_for_each_configuration(tmp_path: Path) -> None:
    feed, cache = drained(recorded_runs.under_way(), tmp_path), LiveViewCache()
    table = make_live_view(feed, cache=cache).configurations
    assert [(line.mark, line.shape) for line in table.lines] == [
        ("done", ("1",)),
        ("running", ("4",)),
        ("planned", ("8",)),
        ("planned", ("16",)),
    ]
    assert table.common == "in 64 · out 24"
    rate = table.lines[0].tokens_per_sec
    assert rate is not None
    cache.baseline = BaselineNumbers(
        {Configuration(1, 64, 24): {"tokens_per_sec": rate / 2, "latency_p50_ms": 1.0}}
    )
    again = make_live_view(feed, cache=cache).configurations
    assert again.lines[0].change == pytest.approx(1.0)
    assert again.lines[1].change is None


async def test_a_baseline_appears_in_plot_and_table(tmp_path: Path) -> None:
    run = recorded_runs.finished()
    set_baseline([run.write(paths.runs_dir(), "20251231T000000Z_p_0001")])
    app = cockpit(recorded_runs.under_way(), tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = app.screen
        assert isinstance(screen, LiveScreen)
        screen._load_earlier_runs()
        await settled(pilot)
        await app.workers.wait_for_complete()
        assert screen._cache.baseline is not None
        assert screen._cache.baseline.why_not == ()
        assert "vs base" in text_of(screen, "#configurations")
        assert "base" in text_of(screen, "#plot")
