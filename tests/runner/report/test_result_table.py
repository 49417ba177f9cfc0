"""The final table as data: warnings, best and worst numbers, unknown metrics."""

from __future__ import annotations

import msgspec
import pytest

from runner.metrics import BY_NAME
from runner.plan.plan import Configuration
from runner.report import result_table
from runner.report.build import build_report
from runner.report.model import MetricCell, Report
from runner.report.result_table import TableRow
from runner.state.run import RunState
from tests.support import recorded_runs
from tests.support.recorder import Recorder


def report_of(run: Recorder) -> Report:
    state = RunState()
    state.apply_all(run.events)
    return build_report(run.plan(), state)


def test_warning_of_all_configurations_appears_once() -> None:
    flags = result_table.list_flags(report_of(recorded_runs.finished(4)))
    assert len(flags) == 1
    assert flags[0].startswith("all 4 configurations: p95 and p99 say little")
    assert result_table.list_flags(report_of(recorded_runs.finished(1)))[0].startswith("p95 and p99")


def test_warning_of_some_configurations_names_them() -> None:
    found = report_of(recorded_runs.finished(3))
    some = [msgspec.structs.replace(one, flags=["odd"]) for one in found.configurations[:2]]
    last = msgspec.structs.replace(found.configurations[2], flags=[])
    found = msgspec.structs.replace(found, configurations=[*some, last])
    assert result_table.list_flags(found) == ["batch 1 64→24, batch 4 64→24: odd"]


def test_name_contains_the_share_of_weights_on_the_gpu() -> None:
    (one,) = report_of(recorded_runs.finished(1)).configurations
    half = msgspec.structs.replace(one, gpu_weights_percent=0.5)
    assert result_table.configuration_name(half) == "batch 1 weights 50% 64→24"


def latencies(*bounds: tuple[float, float] | None, equal: bool = True) -> TableRow:
    """A row of latencies with these 95 % intervals; None: without one."""
    cells = tuple(
        MetricCell(metric="latency_ms", unit="ms", n=20, value=100.0)
        if pair is None
        else MetricCell(metric="latency_ms", unit="ms", n=20, value=sum(pair) / 2, low=pair[0], high=pair[1])
        for pair in bounds
    )
    return TableRow(BY_NAME["latency_ms"], cells, (0,) * len(cells) if equal else tuple(range(len(cells))))


@pytest.mark.parametrize(
    ("row", "best", "worst"),
    [
        pytest.param(latencies((90, 95), (96, 99), (100, 110)), {0}, {2}, id="apart"),
        pytest.param(latencies((90, 97), (96, 99), (100, 110)), set(), {2}, id="best two overlap"),
        pytest.param(latencies((90, 95), (96, 99), equal=False), set(), set(), id="unequal work"),
        pytest.param(latencies((90, 95), None), set(), set(), id="no interval"),
        pytest.param(latencies((90, 95)), set(), set(), id="alone"),
    ],
)
def test_best_is_marked_only_if_certain(row: TableRow, best: set[int], worst: set[int]) -> None:
    assert (set(row.best), set(row.worst)) == (best, worst)


@pytest.mark.parametrize(
    ("half", "text"),
    [(130.0, "1 201"), (13.0, "1 201"), (1.3, "1 201.0"), (0.0, "1 201.041"), (1e-9, "1 201.041")],
)
def test_number_has_the_digits_that_its_interval_supports(half: float, text: str) -> None:
    cell = MetricCell(
        metric="latency_ms", unit="ms", n=9, value=1201.0412, low=1201.0412 - half, high=1201.0412 + half
    )
    assert result_table.format_rounded(cell, BY_NAME["latency_ms"]) == text


def test_unknown_metric_is_shown_without_definition() -> None:
    found = report_of(recorded_runs.finished(1))
    (one,) = found.configurations
    newer = msgspec.structs.replace(
        one, rows=[*one.rows, MetricCell(metric="novelty", unit="u", n=3, value=1.5)]
    )
    rows = result_table.build_table(msgspec.structs.replace(found, configurations=[newer])).rows
    assert rows[-1].metric.title == "novelty"
    assert "does not know" in rows[-1].metric.formula
    assert result_table.format_cell(rows[-1].cells[0], rows[-1].metric) == "1.500"


def test_configuration_labels_keep_every_digit() -> None:
    shape = Configuration(0, 131_072, 128, 0.5, requests=1_048_576, concurrency=64)
    assert list(result_table.configuration_labels(shape).values()) == [
        "0",
        "131072",
        "128",
        "0.5",
        "1048576",
        "64",
    ]


def test_warnings_are_ordered_by_their_effect_on_the_numbers() -> None:
    found = report_of(recorded_runs.finished(2))
    configurations = [
        msgspec.structs.replace(found.configurations[0], flags=["few", "drift"], flag_effects=[2.0, 3.57]),
        msgspec.structs.replace(found.configurations[1], flags=["few"], flag_effects=[2.0]),
    ]
    whole = msgspec.structs.replace(
        found, flags=["notice", "wrong"], flag_effects=[0.0, 4.0], configurations=configurations
    )
    assert result_table.list_flags(whole) == [
        "wrong", "batch 1 64→24: drift", "all 2 configurations: few", "notice"
    ]  # fmt: skip
    older = msgspec.structs.replace(whole, flag_effects=[], configurations=[])
    assert result_table.list_flags(older) == ["notice", "wrong"]


@pytest.mark.parametrize("value", [0.0, -1.0, 5e-324])
def test_a_number_without_a_hundredth_has_no_margin_in_percent(value: float) -> None:
    cell = MetricCell(metric="latency_ms", unit="ms", n=20, value=value, low=value, high=value + 1)
    assert result_table.format_margin(cell) == ""
