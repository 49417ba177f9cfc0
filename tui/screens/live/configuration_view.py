"""The table of configurations of a run. Pure functions of its state."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from runner.metrics.compute import compute_metric
from runner.metrics.context import MetricContext
from runner.metrics.latency import LATENCY, P95
from runner.metrics.metric import Metric
from runner.metrics.request_latency import REQUEST_LATENCY, REQUEST_P95
from runner.metrics.serving import OUTPUT_TOKENS_PER_SEC
from runner.metrics.throughput import TOKENS_PER_SEC
from runner.plan.plan import Plan, configuration_of, in_flight
from runner.report.baseline_numbers import BaselineNumbers
from runner.state.configuration import ConfigurationShape, ConfigurationState, batching_label
from runner.state.run import RunState
from tui.screens.live.configuration_table import ConfigurationLine, ConfigurationMark, ConfigurationTable
from tui.screens.live.latency_numbers import MIN_FOR_P95

_FIELDS: tuple[tuple[str, str, Callable[[ConfigurationShape], str]], ...] = (
    ("batch", "", lambda shape: _batching(shape)),
    ("in", "in ", lambda shape: str(shape.input_len)),
    ("out", "out ", lambda shape: str(shape.output_len)),
    ("weights", "weights ", lambda shape: f"{100 * shape.gpu_weights_percent:.0f} %"),
)
"""heading, name in the title, and text of what may distinguish configurations"""
_WEIGHTS = 3


class _Shapes(msgspec.Struct, frozen=True):
    """What distinguishes configurations: names, the values of each, and what all have in common."""

    names: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    common: str


def _shapes_of(shapes: Sequence[ConfigurationShape]) -> _Shapes:
    texts = [tuple(text(shape) for _, _, text in _FIELDS) for shape in shapes]
    varied = [number for number in range(len(_FIELDS)) if len({one[number] for one in texts}) > 1] or [0]
    serving = any(in_flight(shape) for shape in shapes)
    common = [
        batching_label(shapes[0]) if field == 0 else f"{_FIELDS[field][1]}{texts[0][field]}"
        for field in range(len(_FIELDS))
        if shapes and field not in varied and not (field == _WEIGHTS and texts[0][field] == "100 %")
    ]
    return _Shapes(
        tuple("requests" if field == 0 and serving else _FIELDS[field][0] for field in varied),
        tuple(tuple(one[field] for field in varied) for one in texts),
        " · ".join(common),
    )


class ConfigurationLines:
    """The lines of measured configurations; those of finished ones are computed once."""

    def __init__(self) -> None:
        self._done: dict[int, tuple[ConfigurationState, BaselineNumbers | None, ConfigurationLine]] = {}
        self._shapes: tuple[int, _Shapes] | None = None

    def table(self, state: RunState, plan: Plan, baseline: BaselineNumbers | None) -> ConfigurationTable:
        """Return the table of all configurations, measured and planned."""
        measured = len(state.configurations)
        if self._shapes is None or self._shapes[0] != measured:
            starts: list[ConfigurationShape] = [one.start for one in state.configurations]
            self._shapes = measured, _shapes_of([*starts, *plan.configurations[measured:]])
        shapes = self._shapes[1]
        lines = [self._line(number, state, baseline, shapes.values[number]) for number in range(measured)]
        lines += [ConfigurationLine("planned", values) for values in shapes.values[measured:]]
        known = baseline is not None and bool(baseline.numbers)
        return ConfigurationTable(shapes.names, shapes.common, tuple(lines), known)

    def _line(
        self, number: int, state: RunState, baseline: BaselineNumbers | None, shape: tuple[str, ...]
    ) -> ConfigurationLine:
        configuration = state.configurations[number]
        known = self._done.get(number)
        if (
            known is not None
            and known[0] is configuration
            and known[1] is baseline
            and known[2].shape == shape
        ):
            return known[2]
        mark: ConfigurationMark = "done" if configuration.done else "ended"
        if not configuration.done and state.running and number == len(state.configurations) - 1:
            mark = "running"
        line = _measured(configuration, mark, state, baseline, shape)
        if configuration.done and state.configuration is not configuration:
            self._done[number] = configuration, baseline, line
        return line


def _measured(
    configuration: ConfigurationState,
    mark: ConfigurationMark,
    state: RunState,
    baseline: BaselineNumbers | None,
    shape: tuple[str, ...],
) -> ConfigurationLine:
    context = MetricContext(configuration, state.world)
    serving = configuration.serving is not None

    def value_of(metric: Metric) -> float | None:
        computed = compute_metric(metric, context)
        return computed.value if computed is not None else None

    throughput = OUTPUT_TOKENS_PER_SEC if serving else TOKENS_PER_SEC
    rate = value_of(throughput)
    before = baseline.find(configuration_of(configuration.start), throughput) if baseline else None
    return ConfigurationLine(
        mark=mark,
        shape=shape,
        mean=value_of(REQUEST_LATENCY if serving else LATENCY),
        p95=value_of(REQUEST_P95 if serving else P95),
        few=not serving and configuration.latency.n < MIN_FOR_P95,
        tokens_per_sec=rate,
        change=rate / before - 1 if rate is not None and before else None,
    )


def _batching(shape: ConfigurationShape) -> str:
    """Return the batch size, or the number of requests in flight."""
    if in_flight(shape):
        return batching_label(shape).removeprefix("concurrency ")
    return str(shape.batch_size)
