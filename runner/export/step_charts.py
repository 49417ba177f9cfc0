"""The charts of single decode steps."""

from __future__ import annotations

from runner.export import svg
from runner.export.charts import BOTTOM, LEFT, RIGHT, WIDTH, Drawing, scale_for, value_axis
from runner.export.run_data import RunData
from runner.export.svg import ChartAxis
from runner.report.result_table import configuration_name
from runner.state.step_times import StepTimesState


def decode_steps(data: RunData) -> list[Drawing]:
    """Draw the decode steps of each configuration whose steps were timed."""
    pairs = zip(data.report.configurations, data.state.configurations, strict=False)
    found = [(configuration_name(one), state.step_times) for one, state in pairs]
    return [_steps(name, steps) for name, steps in found if steps is not None and steps.positions]


def _steps(name: str, steps: StepTimesState) -> Drawing:
    """Draw the mean of each step over the iterations, up to the maximum."""
    height = 150.0
    values = [(position.mean, position.high) for position in steps.positions]
    y, marks = scale_for(min(mean for mean, _ in values), max(high for _, high in values), height)
    last = len(values) * steps.each
    x = ChartAxis(1, max(2, last), LEFT, WIDTH - RIGHT)
    numbers = [index * steps.each + 1 for index in range(len(values))]
    curve = [(x.at(at), y.at(mean), y.at(high)) for at, (mean, high) in zip(numbers, values, strict=True)]
    title = f"{name}: decode steps, ms (mean of {steps.iterations} iterations, up to the maximum)"
    parts = [*value_axis(y, marks, title), svg.curve(curve, 0)]
    for tick in svg.ticks(1, last, 9):
        if 1 <= tick <= last:
            parts.append(svg.text(x.at(tick), height - BOTTOM + 16, f"{tick:g}", anchor="middle"))
    return Drawing(WIDTH, height, svg.chart(WIDTH, height, title, parts))
