"""A metric is one entry: whatever is in the registry appears everywhere."""

from __future__ import annotations

import json

import pytest

from runner.cli.main import main
from runner.metrics import BY_NAME, Computed, Metric, MetricContext, registry, values
from runner.metrics.explain import as_markdown, metric_facts
from runner.metrics.lookup import find_metric
from runner.report.files import read_state
from runner.stats.intervals import Estimate
from tests.support.compared_runs import run, some
from tui.screens.dialogs.help import metric_sections


def _range(context: MetricContext) -> Computed | None:
    latency = context.configuration.latency
    return Computed(latency.maximum - latency.minimum, latency.n, "a toy") if latency.n else None


def _range_estimate(context: MetricContext) -> Estimate:
    return context.latency_estimate


TOY = Metric(
    name="latency_range_ms",
    title="latency, range",
    unit="ms",
    group="latency",
    better="lower",
    formula="largest latency - smallest latency",
    source="timed iterations of rank 0",
    count="timed iterations",
    conditions="Grows with the number of iterations.",
    comparison_place=99,
    compute=_range,
    estimate=_range_estimate,
)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Metric:
    """An entry that is in the registry for one test."""
    monkeypatch.setattr(registry, "ALL", (*registry.ALL, TOY))
    monkeypatch.setitem(BY_NAME, TOY.name, TOY)
    return TOY


def test_new_entry_is_computed(toy: Metric) -> None:
    state = read_state(run({1: [100.0, 101.0, 103.5, 100.0]}))
    found = values(state.configurations[0], 1)[-1]
    assert (found.metric, found.value, found.n, found.note) == (toy, 3.5, 4, "a toy")
    assert found.low is not None
    assert found.high is not None


def test_new_entry_is_in_help_and_documentation(toy: Metric, capsys: pytest.CaptureFixture[str]) -> None:
    assert find_metric(toy.name) is toy
    assert ("formula", toy.formula) in metric_facts(toy)
    assert f"### {toy.title}\n\n- name: `{toy.name}`" in as_markdown()
    lines = dict(line for _, section in metric_sections() for line in section)
    assert lines[f"{toy.title} (ms)"].startswith(toy.formula)
    assert main(["metrics", toy.name]) == 0
    assert toy.conditions in capsys.readouterr().out


def test_new_entry_is_exported(toy: Metric, capsys: pytest.CaptureFixture[str]) -> None:
    run_dir = run({1: [100.0, 101.0, 103.5, 100.0]})
    assert main(["export", run_dir.name, "--format", "json", "-o", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    (row,) = [row for row in document["report"]["configurations"][0]["rows"] if row["metric"] == toy.name]
    assert row["value"] == 3.5
    assert toy.formula in [definition["formula"] for definition in document["metrics"]]


def test_new_entry_is_compared(toy: Metric, capsys: pytest.CaptureFixture[str]) -> None:
    run({1: some()}, name="aaaa")
    run({1: some(103.0, seed=2)}, name="bbbb", second=1)
    main(["compare", "aaaa", "bbbb", "--json"])
    comparison = json.loads(capsys.readouterr().out)
    changes = comparison["pairs"][0]["configurations"][0]["changes"]
    assert changes[-1]["metric"] == toy.name


def test_names_of_metrics_are_unique() -> None:
    assert len(BY_NAME) == len(registry.ALL) + len(registry.SERVING)


def test_gpu_metrics_are_those_of_the_group() -> None:
    assert [metric for metric in registry.ALL if metric.group == "gpu"] == list(registry.GPU)
    assert not [metric.name for metric in registry.SERVING if metric.group == "gpu"]


def test_places_in_a_comparison_are_unique() -> None:
    places = [metric.comparison_place for metric in registry.compared_metrics()]
    assert len(set(places)) == len(places)
