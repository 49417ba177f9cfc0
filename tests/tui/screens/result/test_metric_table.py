from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from runner.report.build import build_report
from runner.report.model import Report
from runner.report.result_table import GROUPS, heading
from runner.state.run import RunState
from tests.support import recorded_runs
from tests.support.recorder import Recorder
from tui.framework.rows import row_text, row_width
from tui.screens.result.metric_table import (
    BEST,
    WORST,
    draw_table,
    heading_rows,
    layout_table,
    line_at,
    make_table,
    row_index,
)
from tui.text import width_of

HEADINGS = [heading(group) for group in GROUPS]


def report_of(run: Recorder) -> Report:
    state = RunState()
    state.apply_all(run.events)
    return build_report(run.plan(), state)


def test_metrics_are_grouped_below_headings() -> None:
    drawn = [
        row_text(row).strip() for row in draw_table(make_table(report_of(recorded_runs.finished())), 120, 40)
    ]
    headings = [line for line in drawn if line in HEADINGS]
    assert headings == ["latency", "throughput", "generation", "memory", "run diagnostics"]


def test_row_index_counts_the_headings() -> None:
    table = make_table(report_of(recorded_runs.finished()))
    drawn = draw_table(table, 120, 40)
    for index, line in enumerate(table.lines):
        found = row_index(table.move(index - table.selected, 0))
        assert found is not None
        assert row_text(drawn[found]).strip().startswith(line.metric.title)


def test_decimal_points_are_aligned() -> None:
    table = make_table(report_of(recorded_runs.finished(1)))
    drawn = [row_text(row)[:58] for row in draw_table(table, 100, 40)]
    points = {text.rindex(".") for text in drawn if "." in text}
    assert len(points) == 1


def test_only_a_number_with_a_note_is_grey() -> None:
    drawn = draw_table(make_table(report_of(recorded_runs.finished(1))), 120, 40)
    by_title = {row[0].text.strip(): row for row in drawn if row}
    assert by_title["p95"][2].style == "dim"
    assert by_title["p50"][2].style == ""
    assert "20" in row_text(by_title["p95"])


@pytest.mark.parametrize("count", [1, 2])
def test_a_narrow_table_drops_units_and_not_numbers(count: int) -> None:
    table = make_table(report_of(recorded_runs.finished(count)))
    for rows in (heading_rows(table, 36), draw_table(table, 36, 40)):
        assert all(row_width(row) <= 36 for row in rows)
    assert "latency, mean" in row_text(draw_table(table, 36, 40)[1])
    assert "3 0" in row_text(draw_table(table, 36, 40)[1])


def test_extra_columns_are_shown_if_they_fit() -> None:
    one, two = (make_table(report_of(recorded_runs.finished(count))) for count in (1, 2))
    assert layout_table(one, 120).extras == ("margin", "printed")
    assert layout_table(one, 76).extras == ("margin",)
    assert layout_table(two, 96).extras == ()
    assert layout_table(two, 120).extras == ("margin",)
    assert layout_table(two.toggle("printed", 100), 100).extras == ("printed",)
    assert "3098.760" in row_text(draw_table(one, 120, 40)[1])
    assert "3 098.760" not in row_text(draw_table(one, 120, 40)[1]), "rounded to its interval"
    assert "3 098.760" in row_text(draw_table(one.toggle_digits(), 120, 40)[1])
    assert "±" in row_text(draw_table(one, 120, 40)[1])


def test_a_requested_column_replaces_a_default_one() -> None:
    table = make_table(report_of(recorded_runs.finished(1)))
    assert layout_table(table.toggle("printed", 76), 76).extras == ("printed",)
    assert layout_table(table.toggle("printed", 120), 120).extras == ("margin",)
    assert layout_table(table.toggle("printed", 120).toggle("printed", 120), 120).extras == (
        "margin",
        "printed",
    )


def test_best_and_worst_of_equal_work_are_marked() -> None:
    different = make_table(report_of(recorded_runs.finished(4)))
    assert not different.has_marks, "batches of other sizes are other work"
    table = replace(different, lines=tuple(replace(line, works=(0,) * 4) for line in different.lines))
    by_title = {row[0].text.strip(): row_text(row) for row in draw_table(table, 160, 40) if row}
    assert by_title["latency, mean"].index(BEST) < by_title["latency, mean"].index(WORST)
    assert by_title["tokens per second"].index(WORST) < by_title["tokens per second"].index(BEST)
    assert BEST not in by_title["p99"], "p99 of ten iterations is doubtful"
    assert BEST not in by_title["timed iterations"]
    assert table.ranking == "best of 4 configurations with equal work"
    assert table.move(0, 3).ranking == "worst of 4 configurations with equal work"
    assert table.move(0, 1).ranking == ""


@pytest.mark.parametrize(
    ("changes", "head"),
    [
        ({"gpu_weights_percent": 0.5}, "b 1 w 50%"),
        ({"batch_size": 128, "gpu_weights_percent": 0.25}, "b 128 w 25%"),
        ({"batch_size": 0, "requests": 900, "concurrency": 8}, "conc. 8"),
        ({"batch_size": 0, "requests": 900, "concurrency": 1024}, "conc. 1024"),
    ],
)
def test_headings_are_abbreviated_to_the_width_of_a_number(changes: dict[str, float], head: str) -> None:
    found = report_of(recorded_runs.finished(1))
    changed = msgspec.structs.replace(found.configurations[0], **changes)
    table = make_table(msgspec.structs.replace(found, configurations=[changed, changed]))
    upper = row_text(heading_rows(table, 100)[0])
    assert upper.rstrip().endswith(f" {head}")
    assert upper.count(head) == 2


def test_a_drawn_position_maps_to_its_cell() -> None:
    table = make_table(report_of(recorded_runs.finished(4)))
    shape = layout_table(table, 120)
    drawn = draw_table(table, 120, 40)
    assert [line_at(table, y) for y in range(3)] == [None, 0, 1]
    assert line_at(table, len(drawn)) is None
    upper = row_text(heading_rows(table, 120)[0])
    for index, name in enumerate(("batch 1", "batch 4", "batch 8", "batch 16")):
        assert shape.configuration_at(upper.index(name) + 3) == index
    assert shape.configuration_at(5) is None


def test_the_selected_configuration_is_always_visible() -> None:
    table = make_table(report_of(recorded_runs.finished(4)))
    for column, (batch, before, after) in enumerate(
        [("batch 1", "", "→"), ("batch 4", "", "→"), ("batch 8", "←", "→"), ("batch 16", "←", "")]
    ):
        upper, lower = (row_text(row) for row in heading_rows(table.move(0, column), 76))
        assert batch in upper
        assert ("←" in lower, lower.endswith("→")) == (bool(before), bool(after))


def test_no_row_is_wider_than_the_table() -> None:
    table = make_table(report_of(recorded_runs.finished(4)))
    for width in (76, 100, 116, 196):
        for row in [*heading_rows(table, width), *draw_table(table, width, 40)]:
            assert width_of(row_text(row)) <= width


def test_a_run_without_numbers_has_a_table() -> None:
    assert draw_table(make_table(report_of(recorded_runs.queued())), 80, 24)
    assert row_index(make_table(report_of(recorded_runs.queued()))) is None
