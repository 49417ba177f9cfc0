from __future__ import annotations

from runner import report
from runner.report import Report
from runner.state import RunState
from tests.tui import runs
from tests.tui.runs import Recorder
from tui.text import width_of
from tui.widgets.metric_table import (
    GROUPS,
    all_flags,
    as_markdown,
    draw_table,
    heading_rows,
    row_index,
    table_of,
)
from tui.widgets.rows import row_text


def report_of(run: Recorder) -> Report:
    state = RunState()
    state.apply_all(run.events)
    return report.build(run.plan(), state)


def test_metrics_stand_in_groups_with_their_headings() -> None:
    drawn = [row_text(row).strip() for row in draw_table(table_of(report_of(runs.finished())), 120, 40)]
    headings = [line for line in drawn if line in GROUPS]
    assert headings == [group for group in GROUPS if group in headings]
    assert {"latency", "throughput", "generation", "sample"} <= set(headings)


def test_the_chosen_metric_is_found_among_headings() -> None:
    table = table_of(report_of(runs.finished()))
    drawn = draw_table(table, 120, 40)
    for index, line in enumerate(table.lines):
        found = row_index(table.moved(index - table.chosen, 0))
        assert found is not None
        assert row_text(drawn[found]).strip().startswith(line.metric.title)


def test_decimal_points_stand_below_one_another() -> None:
    table = table_of(report_of(runs.finished(1)))
    drawn = [row_text(row)[:58] for row in draw_table(table, 100, 40)]
    points = {text.rindex(".") for text in drawn if "." in text}
    assert len(points) == 1


def test_a_number_with_a_note_is_grey_and_one_without_is_not() -> None:
    drawn = draw_table(table_of(report_of(runs.finished(1))), 120, 40)
    by_title = {row_text(row)[:34].strip(): row for row in drawn}
    assert by_title["p95"][2].style == "dim"
    assert by_title["p50"][2].style == ""
    assert "20" in row_text(by_title["p95"])


def test_one_configuration_has_the_engines_own_numbers_beside_it() -> None:
    assert table_of(report_of(runs.finished(1))).printed
    assert not table_of(report_of(runs.finished(2))).printed


def test_the_chosen_configuration_is_always_in_view() -> None:
    table = table_of(report_of(runs.finished(4)))
    for column, (batch, before, after) in enumerate(
        [("batch 1", "", "→"), ("batch 4", "", "→"), ("batch 8", "←", "→"), ("batch 16", "←", "")]
    ):
        upper, lower = (row_text(row) for row in heading_rows(table.moved(0, column), 76))
        assert batch in upper
        assert ("←" in lower, lower.endswith("→")) == (bool(before), bool(after))


def test_no_row_is_wider_than_the_table() -> None:
    table = table_of(report_of(runs.finished(4)))
    for width in (76, 100, 116, 196):
        for row in [*heading_rows(table, width), *draw_table(table, width, 40)]:
            assert width_of(row_text(row)) <= width


def test_a_flag_of_all_configurations_is_said_once() -> None:
    flags = all_flags(report_of(runs.finished(4)))
    assert len(flags) == 1
    assert flags[0].startswith("all 4 configurations: p95 and p99 say little")
    assert all_flags(report_of(runs.finished(1)))[0].startswith("p95 and p99")


def test_a_run_without_numbers_has_a_table_too() -> None:
    assert draw_table(table_of(report_of(runs.queued())), 80, 24)
    assert row_index(table_of(report_of(runs.queued()))) is None


def test_markdown_is_a_table_that_lines_up() -> None:
    lines = as_markdown(report_of(runs.finished(2))).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len({width_of(line) for line in table}) == 1
    assert table[0].split("|")[3].strip() == "batch 1 64→24"
    assert set(table[1]) <= set("|-: ")
    assert any(line.startswith("- all 2 configurations:") for line in lines)
    assert lines[0].startswith("**qwen2.5-32b-fp16-tp8**")
