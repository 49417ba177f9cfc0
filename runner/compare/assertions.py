"""Whether assertions hold, configuration by configuration: PASS, FAIL, or INCONCLUSIVE.

Each quantity of an assertion has a value and an interval of 95 %. Left minus right is computed with the
values, and again with each quantity at either end of its interval while the others keep their values; the
deviations are combined by the root of the sum of squares (MOVER), as if the quantities of a run were
independent. The outcome is PASS or FAIL when the whole interval of the difference is on one side.

An assertion is about what the profile does on this machine, not about one run of it. So the intervals include
the variation from run to run and from session to session, as in a comparison (`runner.compare.run_level`):
from the runs themselves, from earlier runs of the profile, else assumed. What describes one run (a count, an
extreme, scatter: `Metric.as_measured`) is taken as measured, and must hold in every run.

Only finished runs decide. A run that is running, stopped, failed or lost did not complete the measurement:
its numbers are shown, and the outcome is always INCONCLUSIVE.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
from msgspec.structs import replace

from runner.compare.assertion_grammar import Assertion, Quantity, Term, evaluate
from runner.compare.run_difference import RunValue
from runner.compare.run_level import run_level
from runner.compare.run_variation import Repeats
from runner.compare.sides import ComparedRun, Side
from runner.plan.plan import Configuration
from runner.report.result_table import configuration_name
from runner.stats.intervals import LEVEL, Interval
from runner.stats.repeats import deviation, middle
from runner.stats.student import t_quantile
from runner.stats.variation import Variation
from runner.util.exit_codes import ExitCode
from runner.util.formatting import format_number

Outcome = Literal["PASS", "FAIL", "INCONCLUSIVE"]


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One assertion on one configuration."""

    assertion: str
    configuration: str
    """name of the configuration; empty: none was measured"""
    outcome: Outcome
    left: float | None = None
    right: float | None = None
    low: float | None = None
    high: float | None = None
    """95 % interval of left - right; None: no bound"""
    why: str = ""
    """why it is INCONCLUSIVE"""
    assumed: bool = False
    """whether the interval rests on an assumed variation from run to run"""


@dataclass(frozen=True, slots=True)
class KnownValue:
    """A quantity of the checked runs or their baseline.

    Attributes:
        value: of several runs their (geometric) mean.
        between: its interval.
        assumed: the variation from run to run that is assumed, as a share; 0: it is known, or does not count.
        noisy: whether the iterations leave more open than the runs.
    """

    value: float
    between: Interval
    assumed: float = 0.0
    noisy: bool = False


def check(assertions: Sequence[Assertion], side: Side, baseline: Side | None) -> list[Finding]:
    """Return findings for each assertion and each measured configuration, in this order.

    Args:
        assertions: what must hold.
        side: the run, or repeats that count together.
        baseline: the runs of the baseline; not None if an assertion needs it.
    """
    repeats = Repeats([*side.runs, *(baseline.runs if baseline else ())])
    found = []
    for assertion in assertions:
        if not side.shapes:
            why = "no configuration was measured"
            found.append(Finding(assertion=assertion.text, configuration="", outcome="INCONCLUSIVE", why=why))
        found += [_check_shape(assertion, shape, side, baseline, repeats) for shape in side.shapes]
    unfinished = {run.report.status: "" for run in side.runs if run.report.status != "finished"}
    if not unfinished:
        return found
    why = f"only finished runs decide, and this run is {' or '.join(unfinished)}"
    return [replace(finding, outcome="INCONCLUSIVE", why=why) for finding in found]


def _check_shape(
    assertion: Assertion, shape: Configuration, side: Side, baseline: Side | None, repeats: Repeats
) -> Finding:
    known: dict[Quantity, KnownValue] = {}
    for quantity in assertion.quantities:
        here, other = (baseline, side) if quantity.baseline else (side, baseline)
        assert here is not None
        together = is_relative(assertion) and other is not None and _share_sessions(here, other, repeats)
        one = _known_value(here, shape, quantity, repeats, other if together else None)
        if isinstance(one, str):
            return Finding(
                assertion=assertion.text,
                configuration=configuration_name(shape),
                outcome="INCONCLUSIVE",
                why=one,
            )
        known[quantity] = one
    try:
        found = decide(assertion, configuration_name(shape), known)
        if math.isfinite(found.left or 0.0) and math.isfinite(found.right or 0.0):
            return found
        why = "its value is not finite"
    except ZeroDivisionError:
        why = "it divides by zero"
    return Finding(
        assertion=assertion.text, configuration=configuration_name(shape), outcome="INCONCLUSIVE", why=why
    )


def is_relative(assertion: Assertion) -> bool:
    """Whether it only relates a metric to the same metric of the baseline.

    A common factor on both, such as what a session adds, then changes nothing.
    """
    if {one.baseline for one in assertion.quantities} != {True, False}:
        return False
    if len({one.metric for one in assertion.quantities}) > 1:
        return False
    try:
        one, two = (_difference_at(assertion, scale) for scale in (1.0, 2.0))
    except ZeroDivisionError:
        return False
    return math.isclose(two, 2 * one, rel_tol=1e-9, abs_tol=1e-12)


def _difference_at(assertion: Assertion, scale: float) -> float:
    def value(quantity: Quantity) -> float:
        return scale * (3.0 if quantity.baseline else 7.0)

    return evaluate(assertion.left, value) - evaluate(assertion.right, value)


def _share_sessions(one: Side, other: Side, repeats: Repeats) -> bool:
    first, second = ({repeats.session(run) for run in side.runs} for side in (one, other))
    return first == second and len(first) == 1


def _known_value(
    side: Side, shape: Configuration, quantity: Quantity, repeats: Repeats, together: Side | None
) -> KnownValue | str:
    """Return the value of a quantity with its interval, or why there is none."""
    metric = quantity.metric
    values = [run.value(shape, metric.name) for run in side.runs]
    numbers = [value for value in values if value is not None]
    if not numbers or len(numbers) < len(values):
        where = "the baseline" if quantity.baseline else "this run"
        return f"{where} has no {metric.name} of {configuration_name(shape)}"
    if metric.as_measured:
        return _as_measured([run.interval(shape, metric.name) for run in side.runs], numbers)
    if min(numbers) <= 0:
        return _of_shares(numbers)
    runs = _run_values(side.runs, shape, quantity, repeats)
    shared = _run_values(together.runs, shape, quantity, repeats) if together is not None else []
    known = known_level(runs, repeats.variation(shape, metric.name), shared)
    between = known.between
    if math.isinf(between.low) and math.isinf(between.high):
        return f"{quantity}: too few iterations for an interval"
    return known


def _run_values(
    runs: Sequence[ComparedRun], shape: Configuration, quantity: Quantity, repeats: Repeats
) -> list[RunValue]:
    """Return the numbers of runs that all have one; of several the iterations are not read."""
    metric, found = quantity.metric, []
    for run in runs:
        value = run.value(shape, metric.name)
        if value is None or value <= 0:
            return []
        estimate = run.estimates.get(shape, {}).get(metric) if len(runs) == 1 else None
        found.append(
            RunValue(value, estimate, repeats.session(run), repeats.order(run), repeats.has_history(run))
        )
    return found


def known_level(
    runs: Sequence[RunValue], variation: Variation, shared: Sequence[RunValue] = ()
) -> KnownValue:
    """Return the level of a number that varies from run to run; the arguments are those of `run_level`."""
    level = run_level(runs, variation, shared)
    assumed = math.expm1(level.spread) if level.assumed else 0.0
    return KnownValue(middle([run.value for run in runs]), level.interval(), assumed, level.noisy)


def _as_measured(ranges: Sequence[Interval], numbers: Sequence[float]) -> KnownValue:
    """Return a number that describes single runs: from the lowest to the highest of them."""
    between = Interval(min(one.low for one in ranges), max(one.high for one in ranges))
    return KnownValue(middle(numbers), between)


def _of_shares(values: Sequence[float]) -> KnownValue:
    """Return the mean of values that may be 0 (a share of time) or negative (a drift), without logarithms.

    If no value is negative and the lower bound is, the interval is open below. One run is taken as measured.
    """
    if len(values) == 1:
        return KnownValue(values[0], Interval(values[0], values[0]))
    mean, error = middle(values), (deviation(values) or 0.0) / math.sqrt(len(values))
    half = t_quantile((1 + LEVEL) / 2, len(values) - 1) * error
    low = -math.inf if min(values) >= 0 > mean - half else mean - half
    return KnownValue(mean, Interval(low, mean + half))


def decide(assertion: Assertion, configuration: str, known: Mapping[Quantity, KnownValue]) -> Finding:
    """Return the outcome of an assertion whose quantities are known.

    Raises:
        ZeroDivisionError: it divides by zero.
    """
    values = {quantity: one.value for quantity, one in known.items()}

    def difference(changed: dict[Quantity, float]) -> float:
        at = values | changed
        return _at(assertion.left, at) - _at(assertion.right, at)

    middle = difference({})
    down = up = 0.0
    for quantity, one in known.items():
        for end in (one.between.low, one.between.high):
            moved = difference({quantity: end}) - middle
            if math.isnan(moved):  # infinity minus infinity: unbounded on both sides
                down = up = math.inf
            elif moved < 0:
                down = math.hypot(down, moved)
            else:
                up = math.hypot(up, moved)
    outcome = _outcome(assertion, middle - down, middle + up)
    return Finding(
        assertion=assertion.text,
        configuration=configuration,
        outcome=outcome,
        left=_at(assertion.left, values),
        right=_at(assertion.right, values),
        low=middle - down if math.isfinite(down) else None,
        high=middle + up if math.isfinite(up) else None,
        why=_why(known, down, up) if outcome == "INCONCLUSIVE" else "",
        assumed=any(one.assumed > 0 for one in known.values()),
    )


def _at(term: Term, values: dict[Quantity, float]) -> float:
    return evaluate(term, values.__getitem__)


def _outcome(assertion: Assertion, low: float, high: float) -> Outcome:
    if assertion.comparison in (">", ">="):
        low, high = -high, -low
    # Exactly equal: only <= and >= hold.
    if low == high == 0:
        return "PASS" if assertion.comparison in ("<=", ">=") else "FAIL"
    if high < 0:
        return "PASS"
    return "FAIL" if low > 0 else "INCONCLUSIVE"


def _why(known: Mapping[Quantity, KnownValue], down: float, up: float) -> str:
    open_ends = [
        f"too few iterations to bound {quantity}{' from above' if math.isinf(one.between.high) else ''}"
        for quantity, one in known.items()
        if not one.between.closed
    ]
    if open_ends and (math.isinf(down) or math.isinf(up)):
        return "; ".join(open_ends)
    mixed = [
        str(one)
        for one in known
        if one.metric.as_measured and known[one].between.low < known[one].between.high
    ]
    if mixed:
        return f"it does not hold in every run: {', '.join(mixed)} describes single runs"
    undecided = "the 95 % interval contains both outcomes"
    assumed = max((one.assumed for one in known.values()), default=0.0)
    if any(one.noisy for one in known.values()):
        return f"{undecided}; more iterations would narrow it"
    if assumed:
        return (
            f"{undecided}; runs are assumed to vary by {100 * assumed:.2g} %, until four sessions"
            " (days, boots) of this profile show how much"
        )
    return f"{undecided}; more runs of other sessions (days, boots) would narrow it"


# --- output -------------------------------------------------------------------------------------------------


def as_text(findings: Sequence[Finding]) -> str:
    """Return one line a finding, with its numbers."""
    return "".join(f"{_line(finding)}\n" for finding in findings)


def _line(finding: Finding) -> str:
    where = f"{finding.configuration}: " if finding.configuration else ""
    numbers = numbers_of(finding)
    line = f"{finding.outcome:<13} {where}{finding.assertion}" + (f"   ({numbers})" if numbers else "")
    return f"{line}: {finding.why}" if finding.why else line


def numbers_of(finding: Finding) -> str:
    """Return both sides of an assertion and the interval of their difference; empty: there are none."""
    if finding.left is None or finding.right is None:
        return ""
    numbers = f"{_short(finding.left)} against {_short(finding.right)}"
    if finding.low != finding.high or finding.low is None:
        low, high = ("?" if bound is None else _short(bound) for bound in (finding.low, finding.high))
        numbers += f", difference {low} to {high}, 95 %"
    return numbers


def _short(number: float) -> str:
    """Return a number with at most five digits, without trailing zeros."""
    if number == 0:
        return "0"
    text = format_number(number, max(0, 4 - math.floor(math.log10(abs(number)))))
    return text.rstrip("0").rstrip(".") if "." in text else text


def exit_code(findings: Sequence[Finding]) -> ExitCode:
    """Return the exit code; a FAIL has priority over INCONCLUSIVE."""
    outcomes = {finding.outcome for finding in findings}
    if "FAIL" in outcomes:
        return ExitCode.NOT_MET
    return ExitCode.UNDECIDED if "INCONCLUSIVE" in outcomes else ExitCode.OK
