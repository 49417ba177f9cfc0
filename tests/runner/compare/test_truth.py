"""Verdicts on simulated runs whose truth is known.

Iterations are correlated, with a heavy tail, drift and warm-up, and runs of the same differ from each other.
"""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runner.compare import compare, load_sides
from runner.compare.run_difference import RunValue
from runner.compare.verdict import Judgement, judge
from runner.metrics import LATENCY, TOKENS_PER_SEC
from runner.stats.intervals import Mapped, MeanEstimate, mean_of
from runner.stats.variation import ASSUMED, Spread, Variation, estimate_variation
from tests.support.compared_runs import run
from tests.support.simulated import latencies

ITERATIONS = 30


def run_of(rng: random.Random, *, level: float, spread: float, n: int = ITERATIONS) -> RunValue:
    """One run: its own level, drift and warm-up, then iterations with a heavy tail."""
    mean = 100 * level * math.exp(rng.gauss(0, spread))
    drift, warm_up = rng.gauss(0, 0.003), abs(rng.gauss(0, 0.02))
    values = latencies(n, rng, mean=mean, drift=drift, warm_up=warm_up, tail=0.1)
    estimate = mean_of(values)
    return RunValue(estimate.value, estimate)


def trial(
    rng: random.Random,
    repeats: int,
    *,
    shift: float,
    spread: float,
    known: Variation = ASSUMED,
    n: int = ITERATIONS,
) -> Judgement:
    first = [run_of(rng, level=1.0, spread=spread, n=n) for _ in range(repeats)]
    second = [run_of(rng, level=1.0 + shift, spread=spread, n=n) for _ in range(repeats)]
    return judge(LATENCY, first, second, variation=known)


def verdicts(trials: int, repeats: int, *, seed: int = 1, **truth: object) -> Counter[str | None]:
    rng = random.Random(seed)
    return Counter(trial(rng, repeats, **truth).verdict for _ in range(trials))  # type: ignore[arg-type]


@pytest.mark.parametrize("repeats", [1, 3, 10])
@pytest.mark.parametrize("spread", [0.0, 0.003, 0.02])
def test_the_same_is_called_the_same_or_undecided(repeats: int, spread: float) -> None:
    """A = A: wrong in fewer than 5 of 100."""
    found = verdicts(200, repeats, shift=0.0, spread=spread)
    assert found["FASTER"] + found["SLOWER"] <= 10, found


@pytest.mark.parametrize("repeats", [2, 5])
def test_repeats_see_how_much_runs_vary_however_much_that_is(repeats: int) -> None:
    found = verdicts(200, repeats, shift=0.0, spread=0.1)
    assert found["FASTER"] + found["SLOWER"] <= 10, found


@pytest.mark.parametrize("repeats", [1, 3])
def test_a_slow_run_in_ten_makes_no_false_call(repeats: int) -> None:
    """A = A where every tenth run as a whole is 4 % slower: a neighbour, a hot GPU."""
    rng = random.Random(21)

    def one() -> RunValue:
        return run_of(rng, level=1.04 if rng.random() < 0.1 else 1.0, spread=0.003)

    found = Counter(
        judge(LATENCY, [one() for _ in range(repeats)], [one() for _ in range(repeats)]).verdict
        for _ in range(200)
    )
    assert found["FASTER"] + found["SLOWER"] <= 10, found


@pytest.mark.parametrize("earlier", [4, 10])
@pytest.mark.parametrize("spread", [0.003, 0.03])
def test_single_runs_beside_earlier_ones_are_as_careful(earlier: int, spread: float) -> None:
    """A = A, one run each, where few earlier runs are all that tells how much runs vary."""
    rng = random.Random(23)
    found: Counter[str | None] = Counter()
    for _ in range(200):
        sessions = [[math.log(run_of(rng, level=1, spread=spread).value)] for _ in range(earlier)]
        known = estimate_variation([sessions])
        found[trial(rng, 1, shift=0.0, spread=spread, known=known).verdict] += 1
    assert found["FASTER"] + found["SLOWER"] <= 10, found


def test_the_same_from_log_to_verdict() -> None:
    """A = A by the command's own way: logs, reports, a history that tells how much runs vary, comparisons."""
    rng = random.Random(25)
    names = []
    for index in range(50):
        values = latencies(ITERATIONS, rng, mean=100 * math.exp(rng.gauss(0, 0.01)), tail=0.1, warm_up=0.02)
        names.append(run({1: values}, name=f"{index:04x}", second=index).name)
    found = Counter(
        change.verdict
        for first, second in itertools.pairwise(names[-21:])
        for change in compare(load_sides([first, second])).pairs[0].configurations[0].changes
    )
    assert sum(found.values()) >= 20 * 8
    assert found["FASTER"] + found["SLOWER"] <= 0.05 * sum(found.values()), found
    slower = [value * 1.06 for value in latencies(ITERATIONS, rng, tail=0.1, warm_up=0.02)]
    run({1: slower}, name="ffff", second=59)
    headline = compare(load_sides(["0000", "ffff"])).pairs[0].configurations[0].headline
    assert headline is not None
    assert headline.verdict == "SLOWER"


def test_the_same_is_even_found_to_be_the_same_when_runs_agree() -> None:
    assert verdicts(100, 10, shift=0.0, spread=0.003)["SAME"] >= 95


@pytest.mark.parametrize(("repeats", "spread", "least"), [(5, 0.003, 95), (5, 0.005, 80), (10, 0.01, 80)])
def test_two_percent_are_found_when_there_are_enough_runs(repeats: int, spread: float, least: int) -> None:
    assert verdicts(100, repeats, shift=0.02, spread=spread)["SLOWER"] >= least
    assert verdicts(100, repeats, shift=-0.02, spread=spread)["FASTER"] >= least


def test_history_of_repeats_helps_single_runs() -> None:
    known = Variation(Spread(0.003, 9, 10), None, 1.0)
    found = verdicts(100, 1, shift=0.02, spread=0.003, known=known, n=200)
    assert found["SLOWER"] >= 85
    assert found["FASTER"] == 0


def test_single_runs_alone_say_what_it_would_take() -> None:
    """Without repeats and without history, 2 % between two runs proves nothing."""
    rng = random.Random(3)
    found = [trial(rng, 1, shift=0.02, spread=0.01) for _ in range(50)]
    undecided = [one for one in found if one.verdict == "INCONCLUSIVE"]
    assert len(undecided) >= 40
    assert all("repeat" in one.why for one in undecided)
    assert all(one.repeats is None for one in undecided), "how much runs vary is only assumed"


@pytest.mark.parametrize("repeats", [1, 3])
@pytest.mark.parametrize("spread", [0.005, 0.01])
def test_two_percent_are_never_called_the_wrong_way(repeats: int, spread: float) -> None:
    """500 trials for each number of repeats, half of them slower and half faster by 2 %."""
    slower = verdicts(250, repeats, seed=5, shift=0.02, spread=spread)
    faster = verdicts(250, repeats, seed=6, shift=-0.02, spread=spread)
    assert (slower["FASTER"], faster["SLOWER"]) == (0, 0)
    assert slower["SAME"] + faster["SAME"] <= 5, "nor the same, but by chance of two runs that agree"


MIRRORED = {"FASTER": "SLOWER", "SLOWER": "FASTER"}


@given(
    st.lists(st.floats(min_value=99, max_value=101), min_size=1, max_size=5),
    st.lists(st.floats(min_value=99, max_value=101), min_size=1, max_size=5),
    st.sampled_from([0.0, 0.001, 0.02]),
)
@example([100.0, 100.0], [101.0, 101.0], 0.0)  # the threshold itself
@example([100.0], [99.005], 0.0)  # 0.995 % less time, 1.005 % more tokens per second
def test_a_time_and_its_rate_get_the_same_verdict(
    first: list[float], second: list[float], error: float
) -> None:
    def times(values: list[float]) -> list[RunValue]:
        return [RunValue(value, MeanEstimate(value, value * error, 9)) for value in values]

    def rates(values: list[float]) -> list[RunValue]:
        estimates = (Mapped(MeanEstimate(value, value * error, 9), lambda ms: 1000 / ms) for value in values)
        return [RunValue(one.value, one) for one in estimates]

    known = Variation(Spread(0.001, 9, 10), None, 1.0)
    forth = judge(LATENCY, times(first), times(second), variation=known)
    assert judge(TOKENS_PER_SEC, rates(first), rates(second), variation=known).verdict == forth.verdict
    back = judge(LATENCY, times(second), times(first), variation=known)
    assert forth.verdict is not None
    assert back.verdict == MIRRORED.get(forth.verdict, forth.verdict)


@pytest.mark.parametrize("order", ["ABABABABAB", "ABBAABBAAB"])
def test_a_machine_that_slows_down_makes_no_false_call(order: str) -> None:
    """A machine that loses 1.2 % a run: the line over the order of measuring takes the drift out."""
    rng = random.Random(8)
    found: Counter[tuple[str | None, float]] = Counter()
    for shift in (1.0, 1.02):
        for _ in range(100):
            sides: dict[str, list[RunValue]] = {"A": [], "B": []}
            for at, side in enumerate(order):
                level = (shift if side == "B" else 1.0) * 1.012**at
                sides[side].append(RunValue(run_of(rng, level=level, spread=0.002).value, order=at))
            found[judge(LATENCY, sides["A"], sides["B"]).verdict, shift] += 1
    assert found["SLOWER", 1.0] + found["FASTER", 1.0] <= 2
    assert found["SLOWER", 1.02] >= 95


def test_how_many_repeats_it_says_are_needed_is_about_right() -> None:
    rng = random.Random(11)
    undecided = [
        one
        for _ in range(60)
        if (one := trial(rng, 3, shift=0.02, spread=0.01)).verdict == "INCONCLUSIVE" and one.repeats
    ]
    said = sorted(3 + (one.repeats or 0) for one in undecided)
    needed = said[len(said) // 2]
    assert 4 <= needed <= 20
    assert verdicts(100, 2 * needed, shift=0.02, spread=0.01)["SLOWER"] >= 70
