"""The final table as data: a row per metric, in groups, and a column per configuration.

The tables in text, Markdown, HTML, CSV and on screen are all drawn from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10
from typing import get_args

from msgspec.structs import asdict

from runner.metrics import BY_NAME, Metric, MetricGroup
from runner.metrics.metric import unknown_metric
from runner.plan.plan import Configuration
from runner.report.model import ConfigurationReport, MetricCell, PublishedNumber, Report, Versus
from runner.state.configuration import ConfigurationShape, batching_label
from runner.util.formatting import format_number

GROUPS: tuple[MetricGroup, ...] = get_args(MetricGroup)
HEADINGS: dict[str, str] = {
    "ceiling": "ceiling of the GPU",
    "gpu": "energy and GPU",
    "sample": "run diagnostics",
}
"""Headings of groups, where they differ from the name."""


_FEW = ("unreliable below ", "needs ", "is the maximum")
"""Starts of the notes of percentiles from too few iterations, in older reports `needs`: never the best."""


@dataclass(frozen=True)
class TableRow:
    """A metric with its cell in every configuration; None: the configuration does not have the metric."""

    metric: Metric
    cells: tuple[MetricCell | None, ...]
    works: tuple[int, ...] = ()
    """number of the work of each configuration: only equal work is ranked; empty: all differ"""

    @property
    def best(self) -> frozenset[int]:
        """Indices of configurations that are certainly the best of several with equal work."""
        return self._extremes(self.metric.better == "higher")

    @property
    def worst(self) -> frozenset[int]:
        """Indices of configurations that are certainly the worst of several with equal work."""
        return self._extremes(self.metric.better == "lower")

    def rivals(self, index: int) -> int:
        """Return how many configurations do the work of this one, including itself."""
        return self.works.count(self.works[index]) if self.works else 1

    def _extremes(self, highest: bool) -> frozenset[int]:
        """Return the indices whose 95 % interval lies beyond those of all others with the same work."""
        if self.metric.better == "neither":
            return frozenset()
        found = (self._extreme(work, highest) for work in set(self.works))
        return frozenset(index for index in found if index is not None)

    def _extreme(self, work: int, highest: bool) -> int | None:
        bounds: list[tuple[float, float, int]] = []
        for index, cell in enumerate(self.cells):
            if self.works[index] != work or cell is None or cell.value is None:
                continue
            if cell.note.startswith(_FEW) or cell.low is None or cell.high is None:
                return None  # nothing is certain about it
            bounds.append((cell.low, cell.high, index) if highest else (-cell.high, -cell.low, index))
        if len(bounds) < 2:
            return None
        first = max(bounds)
        return first[2] if first[0] > max(high for _, high, index in bounds if index != first[2]) else None


@dataclass(frozen=True)
class ResultTable:
    """The table of a report; `columns` are the names of its configurations."""

    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]

    def groups(self) -> Iterator[tuple[str, list[TableRow]]]:
        """Yield each heading with its rows; a group without rows is left out."""
        for group in GROUPS:
            rows = [row for row in self.rows if row.metric.group == group]
            if rows:
                yield heading(group), rows


def heading(group: MetricGroup) -> str:
    return HEADINGS.get(group, group)


def build_table(report: Report) -> ResultTable:
    """Return the table of a report."""
    names = tuple(configuration_name(found) for found in report.configurations)
    return ResultTable(names, tuple(build_rows(report.configurations)))


def build_rows(configurations: Sequence[ConfigurationReport]) -> list[TableRow]:
    """Return the rows in the order of their groups; metrics without a value or note are left out."""
    by_name = [{cell.metric: cell for cell in found.rows} for found in configurations]
    known = {cell.metric: metric_of(cell) for cells in by_name for cell in cells.values()}
    order = {name: index for index, name in enumerate(BY_NAME)}
    ordered = sorted(
        known.values(), key=lambda metric: (GROUPS.index(metric.group), order.get(metric.name, len(order)))
    )
    shapes = [_work(found) for found in configurations]
    works = tuple(shapes.index(shape) for shape in shapes)
    rows = [TableRow(metric, tuple(cells.get(metric.name) for cells in by_name), works) for metric in ordered]
    return [row for row in rows if any(cell and has_content(cell) for cell in row.cells)]


def _work(configuration: ConfigurationReport) -> tuple[int, ...]:
    """Return what determines the amount of work: not how it is scheduled, or where the weights are."""
    found = configuration
    return found.batch_size, found.input_len, found.output_len, found.requests


def metric_of(cell: MetricCell) -> Metric:
    """Return the metric of a cell; a report of a newer version may contain unknown metrics."""
    return BY_NAME.get(cell.metric) or unknown_metric(cell.metric, cell.unit)


def has_content(cell: MetricCell) -> bool:
    """Check whether a cell has a number or a note."""
    return cell.value is not None or bool(cell.printed or cell.note)


def is_doubtful(cell: MetricCell) -> bool:
    """Check whether a number is missing or its note puts it in doubt; a note of a GPU metric does not."""
    return cell.value is None or (bool(cell.note) and metric_of(cell).group not in ("gpu", "ceiling"))


def format_cell(cell: MetricCell | None, metric: Metric) -> str:
    """Format the number of a cell with the digits of its metric, `63 543.434`; a dash for none."""
    if cell is None or cell.value is None or not isfinite(cell.value):
        return "–"
    return format_number(cell.value, metric.digits)


def digits_of(cell: MetricCell | None, metric: Metric) -> int:
    """Return the decimals that the 95 % interval of a number supports: two digits of its half width."""
    if cell is None or cell.low is None or cell.high is None or not cell.low < cell.high:
        return metric.digits
    half = (cell.high - cell.low) / 2
    return max(0, min(metric.digits, 1 - floor(log10(half)))) if isfinite(half) else metric.digits


def format_rounded(cell: MetricCell | None, metric: Metric) -> str:
    """Format the number of a cell with the decimals that its interval supports; a dash for none."""
    if cell is None or cell.value is None or not isfinite(cell.value):
        return "–"
    return format_number(cell.value, digits_of(cell, metric))


MARGIN_LEGEND = "±, -/+: 95 % interval from the iterations of this run; another run may differ more"


def format_margin(cell: MetricCell | None) -> str:
    """Format the 95 % interval of a cell: `±0.31 %` or `-4.1/+7.9 %` of its number; `?` is no bound.

    `±` is the wider side, if both are about equal or below 1 %. A number that is a percentage gets
    percentage points. Empty without an interval. At most 13 characters.
    """
    if cell is None or cell.value is None or (cell.low is None and cell.high is None):
        return ""
    percentage = cell.unit == "%"
    share = 1.0 if percentage else cell.value / 100
    if share <= 0:  # also a number so small that its hundredth is 0
        return ""
    unit = "" if percentage else " %"
    down = None if cell.low is None else (cell.value - cell.low) / share
    up = None if cell.high is None else (cell.high - cell.value) / share
    if down is None or up is None:
        return f"-{_short(down)}/+{_short(up)}{unit}"
    wider = max(down, up)
    if wider < 1 or abs(up - down) <= wider / 4:
        return f"±{_short(wider)}{unit}"
    return f"-{_short(down, least=0.1)}/+{_short(up, least=0.1)}{unit}"


def format_change(cell: MetricCell | None) -> str:
    """Format the change from the baseline with its verdict, `-1.24 % FASTER`; `?`: inconclusive."""
    if cell is None or cell.versus is None or not isfinite(cell.versus.change):
        return ""
    percent, verdict = 100 * cell.versus.change, cell.versus.verdict
    word = {"INCONCLUSIVE": " ?", "NOT JUDGED": "", "": ""}.get(verdict, f" {verdict}")
    return f"{percent:+.{2 if abs(percent) < 100 else 0}f} %{word}"


def describe_change(versus: Versus, digits: int) -> str:
    """Describe a change in full: `-1.20 % from 61.204, 95 %: -1.90 % to -0.50 %, FASTER`."""
    text = f"{100 * versus.change:+.2f} % from {format_number(versus.value, digits)}"
    if versus.low is not None and versus.high is not None:
        text += f", 95 %: {100 * versus.low:+.2f} % to {100 * versus.high:+.2f} %"
    if versus.verdict:
        text += f", {versus.verdict}"
    return f"{text}: {versus.why}" if versus.why else text


def describe_baseline(report: Report) -> str:
    """Return a sentence on the baseline of a report, or why it is not used; empty without a baseline."""
    if report.baseline is None:
        return ""
    runs = ", ".join(run.rpartition("_")[2] for run in report.baseline.runs)
    if report.baseline.why_not:
        return f"not compared with the baseline {runs}: {'; '.join(report.baseline.why_not)}"
    return f"vs baseline {runs}: {report.baseline.method}"


def _short(number: float | None, *, least: float = 0.001) -> str:
    """Format with two significant digits: 0.031, 4.1, 12, 140; beyond the limits `<0.001` and `>999`."""
    if number is None:
        return "?"
    if 0 < number < least:
        return f"<{least:g}"
    if number > 999:
        return ">999"
    return f"{number:.0f}" if number >= 10 else f"{number:.2g}"


def configuration_name(configuration: ConfigurationShape) -> str:
    """Return a name like `batch 16 1024→1024`, with the share of weights on the GPU if it is not 100 %."""
    share = configuration.gpu_weights_percent
    weights = "" if share == 1.0 else f" weights {share:.0%}"
    return f"{batching_label(configuration)}{weights} {configuration.input_len}→{configuration.output_len}"


def configuration_labels(configuration: Configuration) -> dict[str, str]:
    """Return the fields as text with all digits, for labels and parameters of other programs."""
    share = f"{configuration.gpu_weights_percent:g}"
    fields = {name: str(value) for name, value in asdict(configuration).items()}
    return fields | {"gpu_weights_percent": share}


def list_flags(report: Report) -> list[str]:
    """Return the warnings of a report, each once with its configurations, the largest effect first."""
    return [flag for _, flag in rank_flags(report)]


def rank_flags(report: Report) -> list[tuple[float, str]]:
    """Return effect (`metrics.flag`) and text of each warning of `list_flags`; of older reports 0.0."""
    names_by_flag: dict[str, list[str]] = {}
    effects: dict[str, float] = {}
    for configuration in report.configurations:
        for flag, effect in _with_effects(configuration.flags, configuration.flag_effects):
            names_by_flag.setdefault(flag, []).append(configuration_name(configuration))
            effects[flag] = max(effect, effects.get(flag, effect))
    total = len(report.configurations)
    found = [(effect, flag) for flag, effect in _with_effects(report.flags, report.flag_effects)]
    for flag, names in names_by_flag.items():
        if len(names) < total:
            found.append((effects[flag], f"{', '.join(names)}: {flag}"))
        else:
            found.append((effects[flag], f"all {total} configurations: {flag}" if total > 1 else flag))
    return sorted(found, key=lambda one: -one[0])


def list_ceilings(report: Report) -> list[str]:
    """Return a sentence for each configuration on how near it comes to the ceiling of its GPUs."""
    found = [(one, one.ceiling.sentence) for one in report.configurations if one.ceiling is not None]
    return _named(report, found)


def list_memory(report: Report) -> list[str]:
    """Return a sentence for each configuration on what fills the memory of a GPU."""
    found = [(one, one.memory.sentence) for one in report.configurations if one.memory is not None]
    return _named(report, found)


def _named(report: Report, found: Sequence[tuple[ConfigurationReport, str]]) -> list[str]:
    """Return the sentences that are not empty, with the configuration if the report has several."""
    several = len(report.configurations) > 1
    return [f"{configuration_name(one)}: {text}" if several else text for one, text in found if text]


def list_published(report: Report) -> list[str]:
    """Return a sentence for each published number of the same work, and the share of it that was reached."""
    found = [(one, number) for one in report.configurations for number in one.published]
    return _named(report, [(one, _published_sentence(number)) for one, number in found])


def list_remarks(report: Report) -> Iterator[tuple[str, list[str]]]:
    """Yield heading and sentences of each kind of remark on the numbers that the report has."""
    lists = {
        "ceiling of the GPU": list_ceilings,
        "published numbers": list_published,
        "memory of a GPU": list_memory,
    }
    yield from ((heading, found) for heading, list_of in lists.items() if (found := list_of(report)))


def _published_sentence(number: PublishedNumber) -> str:
    metric = BY_NAME[number.metric]
    unit = f" {metric.unit}" if metric.unit else ""
    sentence = (
        f"{metric.title}: {number.ratio:.0%} of {format_number(number.value, metric.digits)}{unit}, published"
        f" for {number.where} on {number.gpu} ({number.date}; {number.source})"
    )
    if not number.differences:
        return f"{sentence}; no difference is known that explains the ratio"
    return f"{sentence}; different here: {'; '.join(number.differences)}"


def _with_effects(flags: Sequence[str], effects: Sequence[float]) -> Iterator[tuple[str, float]]:
    """Pair flags with their effects; those of an older report have none and keep their order."""
    yield from zip(flags, effects if len(effects) == len(flags) else [0.0] * len(flags), strict=True)
