"""The final table as data: warnings, best and worst numbers, unknown metrics."""

from __future__ import annotations

import msgspec

from runner.plan.plan import Configuration
from runner.report import result_table
from runner.report.build import build_report
from runner.report.model import MetricCell, Report
from runner.state.run import RunState
from tests.support import recorded_runs
from tests.support.recorded_runs import Recorder


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


def test_equal_numbers_have_no_best() -> None:
    found = report_of(recorded_runs.finished(2))
    same = msgspec.structs.replace(found, configurations=[found.configurations[0]] * 2)
    for row in result_table.build_table(same).rows:
        assert (row.best, row.worst) == (None, None)


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
