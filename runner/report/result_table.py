"""The final table as data: metrics down in their groups, configurations across; every table is made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import get_args

from msgspec.structs import asdict

from runner.metrics import BY_NAME, Group, Metric
from runner.plan.plan import Configuration
from runner.report.model import ConfigurationReport, Report, Row, Versus
from runner.state.configuration import Load, batching

GROUPS: tuple[Group, ...] = get_args(Group)
HEADINGS: dict[str, str] = {"gpu": "energy and GPU", "sample": "run health"}
"""Groups whose heading is not their name."""


_FEW = ("needs ", "is the maximum")
"""How the notes of percentiles begin that are made of too few iterations: they are not celebrated."""


@dataclass(frozen=True)
class Line:
    """A metric with its row in every configuration; None: that configuration does not speak of it."""

    metric: Metric
    values: tuple[Row | None, ...]

    @property
    def best(self) -> int | None:
        """Index of the one best configuration; None when none stands out."""
        return self._extreme(self.metric.better == "higher")

    @property
    def worst(self) -> int | None:
        """Index of the one worst configuration; None when none stands out."""
        return self._extreme(self.metric.better == "lower")

    def _extreme(self, highest: bool) -> int | None:
        if self.metric.better == "neither":
            return None
        # Compared as shown: a difference that is not seen makes nobody the best.
        shown = [
            (round(row.value, self.metric.digits), index)
            for index, row in enumerate(self.values)
            if row is not None and row.value is not None and not row.note.startswith(_FEW)
        ]
        if len(shown) < 2:
            return None
        wanted = max(shown)[0] if highest else min(shown)[0]
        found = [index for value, index in shown if value == wanted]
        return found[0] if len(found) == 1 else None


@dataclass(frozen=True)
class Grid:
    columns: tuple[str, ...]
    lines: tuple[Line, ...]

    def groups(self) -> Iterator[tuple[str, list[Line]]]:
        """Headings in words, each with its lines; a group without lines is left out."""
        for group in GROUPS:
            lines = [line for line in self.lines if line.metric.group == group]
            if lines:
                yield heading(group), lines


def heading(group: Group) -> str:
    return HEADINGS.get(group, group)


def grid_of(report: Report) -> Grid:
    names = tuple(configuration_name(found) for found in report.configurations)
    return Grid(names, tuple(lines_of(report.configurations)))


def lines_of(configurations: Sequence[ConfigurationReport]) -> list[Line]:
    """The lines in the order of their groups; metrics that nobody has anything to say about are left out."""
    by_name = [{row.metric: row for row in found.rows} for found in configurations]
    known = {row.metric: metric_of(row) for rows in by_name for row in rows.values()}
    order = {name: index for index, name in enumerate(BY_NAME)}
    ordered = sorted(
        known.values(), key=lambda metric: (GROUPS.index(metric.group), order.get(metric.name, len(order)))
    )
    lines = [Line(metric, tuple(rows.get(metric.name) for rows in by_name)) for metric in ordered]
    return [line for line in lines if any(row and says_something(row) for row in line.values)]


def metric_of(row: Row) -> Metric:
    """The definition behind a row; a report of a newer version may know metrics that this one does not."""
    known = BY_NAME.get(row.metric)
    if known is not None:
        return known
    unknown = "this version of trtbench-tui does not know this metric"
    return Metric(row.metric, row.metric, row.unit, "sample", "neither", unknown, unknown)


def says_something(row: Row) -> bool:
    return row.value is not None or bool(row.printed or row.note)


def is_doubtful(row: Row) -> bool:
    """Whether the note of a number puts it in doubt; those of GPU readings say how it was read."""
    return row.value is None or (bool(row.note) and metric_of(row).group != "gpu")


def cell(row: Row | None, metric: Metric) -> str:
    """The number of a row with the digits of its metric, `63 543.434`; a dash for none."""
    if row is None or row.value is None or not isfinite(row.value):
        return "–"
    return thousands(row.value, metric.digits)


def thousands(value: float, digits: int) -> str:
    """`63 543.434`"""
    return f"{value:,.{digits}f}".replace(",", " ")


MARGIN_MEANS = "±, -/+: 95 % interval from the iterations of this run; another run may come out otherwise"


def margin(row: Row | None) -> str:
    """How well a number is known, 95 %: `±0.31 %` of it, `-4.1/+7.9 %` where it is lopsided; `?`: no bound.

    Numbers that are percentages themselves get percentage points. Empty where nothing is known.
    """
    if row is None or row.value is None or (row.low is None and row.high is None):
        return ""
    percentage = row.unit == "%"
    if not percentage and row.value <= 0:
        return ""
    share = 1.0 if percentage else row.value / 100
    unit = "" if percentage else " %"
    down = None if row.low is None else (row.value - row.low) / share
    up = None if row.high is None else (row.high - row.value) / share
    if down is not None and up is not None and abs(up - down) <= max(up, down) / 4:
        return f"±{_short(max(up, down))}{unit}"
    return f"-{_short(down)}/+{_short(up)}{unit}"


def versus(row: Row | None) -> str:
    """The change against the baseline with its verdict, `-1.24 % FASTER`; `?`: not decided."""
    if row is None or row.versus is None or not isfinite(row.versus.change):
        return ""
    percent, verdict = 100 * row.versus.change, row.versus.verdict
    word = {"INCONCLUSIVE": " ?", "NOT JUDGED": "", "": ""}.get(verdict, f" {verdict}")
    return f"{percent:+.{2 if abs(percent) < 100 else 0}f} %{word}"


def versus_words(versus: Versus, digits: int) -> str:
    """`-1.20 % from 61.204, 95 %: -1.90 % to -0.50 %, FASTER`."""
    said = f"{100 * versus.change:+.2f} % from {thousands(versus.value, digits)}"
    if versus.low is not None and versus.high is not None:
        said += f", 95 %: {100 * versus.low:+.2f} % to {100 * versus.high:+.2f} %"
    if versus.verdict:
        said += f", {versus.verdict}"
    return f"{said}: {versus.why}" if versus.why else said


def baseline_words(report: Report) -> str:
    """What numbers are held against, or why they are not, in a sentence; empty without a baseline."""
    if report.baseline is None:
        return ""
    runs = ", ".join(run.rpartition("_")[2] for run in report.baseline.runs)
    if report.baseline.why_not:
        return f"not held against the baseline {runs}: {'; '.join(report.baseline.why_not)}"
    return f"vs baseline {runs}: {report.baseline.method}"


def _short(number: float | None) -> str:
    """Two digits that mean something: 0.031, 4.1, 12, 140."""
    if number is None:
        return "?"
    return f"{number:.0f}" if number >= 10 else f"{number:.2g}"


def configuration_name(configuration: Load) -> str:
    """`batch 16 1024→1024`, with the share of weights on the GPU where it is not all of them."""
    share = configuration.gpu_weights_percent
    weights = "" if share == 1.0 else f" weights {share:.0%}"
    return f"{batching(configuration)}{weights} {configuration.input_len}→{configuration.output_len}"


def configuration_labels(configuration: Configuration) -> dict[str, str]:
    """The fields as text, every digit of them, for labels and parameters of other programs."""
    share = f"{configuration.gpu_weights_percent:g}"
    fields = {name: str(value) for name, value in asdict(configuration).items()}
    return fields | {"gpu_weights_percent": share}


def flags_in_words(report: Report) -> list[str]:
    """Reasons to distrust numbers, each said once with the configurations that it is about."""
    about: dict[str, list[str]] = {}
    for configuration in report.configurations:
        for flag in configuration.flags:
            about.setdefault(flag, []).append(configuration_name(configuration))
    total = len(report.configurations)
    found = list(report.flags)
    for flag, names in about.items():
        if len(names) < total:
            found.append(f"{', '.join(names)}: {flag}")
        else:
            found.append(f"all {total} configurations: {flag}" if total > 1 else flag)
    return found
