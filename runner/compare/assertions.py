"""Whether assertions hold, configuration by configuration: PASS, FAIL, or INCONCLUSIVE.

Each quantity of an assertion has a value and an interval of 95 %. Left minus right is computed with the
values, and again with each quantity at either end of its interval while the others keep their values; the
deviations are combined by the root of the sum of squares (MOVER), as if the quantities of a run were
independent. The outcome is PASS or FAIL when the whole interval of the difference is on one side. A number
without an interval (energy, a maximum) is used as measured.

With a baseline, run-to-run variation is included as in a comparison. A bound that is a plain number is a
statement about this run, and only its iterations count. Of repeats each run counts once.

Only finished runs decide. A run that is running, stopped, failed or lost did not complete the measurement:
its numbers are shown, and the outcome is always INCONCLUSIVE.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
from msgspec.structs import replace

from runner.compare.assertion_grammar import Assertion, Quantity, Term, evaluate
from runner.compare.run_variation import Repeats
from runner.compare.sides import Side
from runner.errors import ExitCode
from runner.plan.plan import Configuration
from runner.report.result_table import configuration_name
from runner.stats.intervals import LEVEL, Interval
from runner.stats.repeats import deviation, middle
from runner.stats.student import t_quantile
from runner.stats.variation import Spread
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


@dataclass(frozen=True, slots=True)
class _KnownValue:
    value: float
    between: Interval


def check(assertions: Sequence[Assertion], side: Side, baseline: Side | None) -> list[Finding]:
    """Return findings for each assertion and each measured configuration, in this order.

    Args:
        assertions: what must hold.
        side: the run, or repeats that count together.
        baseline: the runs of the baseline; not None if an assertion needs it.
    """
    compared = [*side.runs, *(baseline.runs if baseline else ())]
    repeats = Repeats(compared) if any(one.needs_baseline for one in assertions) else None
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
    assertion: Assertion, shape: Configuration, side: Side, baseline: Side | None, repeats: Repeats | None
) -> Finding:
    known: dict[Quantity, _KnownValue] = {}
    for quantity in assertion.quantities:
        source = baseline if quantity.baseline else side
        assert source is not None
        vary = None
        if repeats and baseline and assertion.needs_baseline:
            vary = _variation(repeats, (side, baseline), shape, quantity.metric.name)
        one = _known_value(source, shape, quantity, vary)
        if isinstance(one, str):
            return Finding(
                assertion=assertion.text,
                configuration=configuration_name(shape),
                outcome="INCONCLUSIVE",
                why=one,
            )
        known[quantity] = one
    try:
        found = _judge(assertion, shape, known, len(side.runs) > 1)
        if math.isfinite(found.left or 0.0) and math.isfinite(found.right or 0.0):
            return found
        why = "its value is not finite"
    except ZeroDivisionError:
        why = "it divides by zero"
    return Finding(
        assertion=assertion.text, configuration=configuration_name(shape), outcome="INCONCLUSIVE", why=why
    )


def _variation(repeats: Repeats, sides: Sequence[Side], shape: Configuration, metric: str) -> Spread:
    """Return run-to-run variation: pooled over repeats of both sides and earlier ones, else assumed."""
    earlier = repeats.variation(shape, metric).session
    squares, df, runs = 0.0, 0.0, earlier.runs
    if earlier.runs:
        squares, df = earlier.df * earlier.deviation**2, earlier.df
    for side in sides:
        values = [run.value(shape, metric) for run in side.runs]
        logarithms = [math.log(value) for value in values if value is not None and value > 0]
        if len(logarithms) == len(values) > 1:
            mean = sum(logarithms) / len(logarithms)
            squares += sum((one - mean) ** 2 for one in logarithms)
            df, runs = df + len(values) - 1, runs + len(values)
    return Spread(math.sqrt(squares / df), df, runs) if df else earlier


def _known_value(
    side: Side, shape: Configuration, quantity: Quantity, spread: Spread | None
) -> _KnownValue | str:
    """Return the value of a quantity with its interval, or why there is none."""
    metric, name = quantity.metric, str(quantity)
    values = [run.value(shape, metric.name) for run in side.runs]
    numbers = [value for value in values if value is not None]
    if not numbers or len(numbers) < len(values):
        where = "the baseline" if quantity.baseline else "this run"
        return f"{where} has no {metric.name} of {configuration_name(shape)}"
    if len(numbers) > 1:
        return _of_repeats(numbers, spread)
    (run,), value = side.runs, numbers[0]
    estimate = run.estimates.get(shape, {}).get(metric)
    between = estimate.interval(LEVEL) if estimate else Interval(value, value)
    if math.isinf(between.low) and math.isinf(between.high):
        return f"{name}: too few iterations for an interval"
    if spread is None or value <= 0:
        return _KnownValue(value, between)
    varies = t_quantile((1 + LEVEL) / 2, spread.df) * spread.deviation
    low = _widened(value, between.low, varies) if between.low > 0 else -math.inf
    high = 1 / _widened(1 / value, 1 / between.high, varies) if math.isfinite(between.high) else math.inf
    return _KnownValue(value, Interval(low, high))


def _widened(value: float, low: float, varies: float) -> float:
    """Return a lower bound widened by run-to-run variation of the logarithm (root of the sum of squares)."""
    return value * math.exp(-math.hypot(math.log(value / low), varies))


def _of_repeats(values: Sequence[float], spread: Spread | None) -> _KnownValue:
    """Return the geometric mean with its Student's t interval; `spread` None: use that of the values."""
    if min(values) <= 0:
        return _of_shares(values)
    mean = middle(values)
    own = math.fsum(math.log(value / mean) ** 2 for value in values) / (len(values) - 1)
    varies, df = (math.sqrt(own), len(values) - 1) if spread is None else (spread.deviation, spread.df)
    half = t_quantile((1 + LEVEL) / 2, df) * varies / math.sqrt(len(values))
    return _KnownValue(mean, Interval(mean * math.exp(-half), mean * math.exp(half)))


def _of_shares(values: Sequence[float]) -> _KnownValue:
    """Return the mean of values that may be 0 (a share of time) or negative (a drift), without logarithms.

    If no value is negative and the lower bound is, the interval is open below.
    """
    mean, error = middle(values), (deviation(values) or 0.0) / math.sqrt(len(values))
    half = t_quantile((1 + LEVEL) / 2, len(values) - 1) * error
    low = -math.inf if min(values) >= 0 > mean - half else mean - half
    return _KnownValue(mean, Interval(low, mean + half))


def _judge(
    assertion: Assertion, shape: Configuration, known: dict[Quantity, _KnownValue], several: bool
) -> Finding:
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
        configuration=configuration_name(shape),
        outcome=outcome,
        left=_at(assertion.left, values),
        right=_at(assertion.right, values),
        low=middle - down if math.isfinite(down) else None,
        high=middle + up if math.isfinite(up) else None,
        why=_why(assertion, known, down, up, several) if outcome == "INCONCLUSIVE" else "",
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


def _why(
    assertion: Assertion, known: dict[Quantity, _KnownValue], down: float, up: float, several: bool
) -> str:
    open_ends = [
        f"too few iterations to bound {quantity}{' from above' if math.isinf(one.between.high) else ''}"
        for quantity, one in known.items()
        if not one.between.closed
    ]
    if open_ends and (math.isinf(down) or math.isinf(up)):
        return "; ".join(open_ends)
    more = "more runs" if assertion.needs_baseline or several else "more iterations"
    return f"the 95 % interval contains both outcomes; {more} would narrow it"


# --- output -------------------------------------------------------------------------------------------------


def as_text(findings: Sequence[Finding]) -> str:
    """Return one line a finding, with its numbers."""
    return "".join(f"{_line(finding)}\n" for finding in findings)


def _line(finding: Finding) -> str:
    where = f"{finding.configuration}: " if finding.configuration else ""
    line = f"{finding.outcome:<13} {where}{finding.assertion}"
    if finding.left is not None and finding.right is not None:
        numbers = f"{_short(finding.left)} against {_short(finding.right)}"
        if finding.low != finding.high or finding.low is None:
            low, high = ("?" if bound is None else _short(bound) for bound in (finding.low, finding.high))
            numbers += f", difference {low} to {high}, 95 %"
        line += f"   ({numbers})"
    return f"{line}: {finding.why}" if finding.why else line


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
