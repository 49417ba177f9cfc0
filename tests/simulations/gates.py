"""False PASS and FAIL of assertions at the very bound, and how often they decide away from it.

The truth of each case is exactly the bound, so that every PASS and every FAIL is a wrong one.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import get_args

from runner.compare.assertion_grammar import Assertion, parse_assertion
from runner.compare.assertions import KnownValue, Outcome, decide, known_level
from runner.compare.run_difference import RunValue
from runner.stats.variation import ASSUMED, Variation
from tests.simulations.table import Cell
from tests.simulations.verdicts import DAYS, Truth, earlier, session

Measure = Callable[..., list[RunValue]]
"""Measures the runs of one side: `session` but for its number and its `shift`."""
RUNS = (1, 3, 5)
HISTORIES = {"no history": (0, 0), "4 earlier days": (4, 1), "20 earlier days": (20, 1), "5 x 5": (5, 5)}
WRONG = 0.05
"""Most false PASS, and most false FAIL; with a known variation the interval of 95 % gives half of that."""


def plain_bounds(trials: int, seed: int) -> Iterator[Cell]:
    """`latency_ms < 100` where the level over days is exactly 100."""
    assertion = parse_assertion("latency_ms < 100")

    def outcome(measure: Measure, known: Variation) -> Outcome:
        return _decide(assertion, known_level(measure(0), known))

    yield from _wrong("at a plain bound", trials, seed, outcome)


def baseline_bounds(trials: int, seed: int) -> Iterator[Cell]:
    """`latency_ms < 1.02 * baseline` where the runs are exactly 2 % slower, measured on another day."""
    assertion = parse_assertion("latency_ms < 1.02 * baseline")

    def outcome(measure: Measure, known: Variation) -> Outcome:
        before, after = measure(0), measure(1, shift=math.log(1.02))
        return _decide(assertion, known_level(after, known), known_level(before, known))

    yield from _wrong("against a baseline", trials, seed, outcome)


def _wrong(
    gate: str, trials: int, seed: int, outcome: Callable[[Measure, Variation], Outcome]
) -> Iterator[Cell]:
    """False PASS and FAIL of one gate by the variation of days, the number of runs and the history."""
    for name, (days, runs_a_day) in HISTORIES.items():
        for day in DAYS:
            for runs in RUNS:
                rng, truth = random.Random(seed), Truth(day)
                measure = partial(session, rng, truth, runs, history=days > 0)
                found: dict[Outcome, int] = dict.fromkeys(get_args(Outcome), 0)
                for _ in range(trials):
                    known = earlier(rng, truth, days, runs_a_day) if days else ASSUMED
                    found[outcome(measure, known)] += 1
                where = f"days {day:.1%}, {runs} runs of one day, {name}"
                yield Cell(f"false PASS {gate}", where, found["PASS"] / trials, most=WRONG)
                yield Cell(f"false FAIL {gate}", where, found["FAIL"] / trials, most=WRONG)


def iterations_alone(trials: int, seed: int) -> Iterator[Cell]:
    """What a gate would do that took the interval of one run's iterations for all that varies."""
    for day in DAYS:
        rng, truth, wrong = random.Random(seed), Truth(day), 0
        for _ in range(trials):
            estimate = session(rng, truth, 1, 0)[0].estimate
            assert estimate is not None
            alone = estimate.interval()
            wrong += not alone.low <= 100 <= alone.high
        title = "false PASS or FAIL: the interval of one run's iterations"
        yield Cell(title, f"days {day:.1%}, one run", wrong / trials)


def deciding_bounds(trials: int, seed: int) -> Iterator[Cell]:
    """How often a gate decides: unchanged runs held against a bound that is some percent away."""
    for day, days, text, title in (
        (0.003, 4, "latency_ms < 1.03 * baseline", "4 earlier days"),
        (0.003, 8, "latency_ms < 1.03 * baseline", "8 earlier days"),
        (0.005, 20, "latency_ms < 1.03 * baseline", "20 earlier days"),
        (0.01, 20, "latency_ms < 1.05 * baseline", "20 earlier days"),
        (0.01, 0, "latency_ms < 1.1 * baseline", "no history"),
        (0.005, 20, "latency_ms < 102", "20 earlier days"),
        (0.01, 20, "latency_ms < 104", "20 earlier days"),
        (0.01, 0, "latency_ms < 108", "no history"),
    ):
        rng, truth, assertion = random.Random(seed), Truth(day), parse_assertion(text)
        found: dict[Outcome, int] = dict.fromkeys(get_args(Outcome), 0)
        for _ in range(trials):
            known = earlier(rng, truth, days) if days else ASSUMED
            sides = [session(rng, truth, 1, number, history=days > 0) for number in (0, 1)]
            levels = [known_level(side, known) for side in sides]
            found[_decide(assertion, *levels[: len(assertion.quantities)])] += 1
        where = f"{text}, one run, days {day:.1%}, {title}"
        yield Cell("an unchanged run passes", where, found["PASS"] / trials, least=0.8 if days != 4 else None)
        yield Cell("an unchanged run fails (false alarm)", where, found["FAIL"] / trials, most=WRONG)


def _decide(assertion: Assertion, checked: KnownValue, before: KnownValue | None = None) -> Outcome:
    known = {
        quantity: before if quantity.baseline and before is not None else checked
        for quantity in assertion.quantities
    }
    return decide(assertion, "", known).outcome


SIMULATIONS = (plain_bounds, baseline_bounds, iterations_alone, deciding_bounds)
