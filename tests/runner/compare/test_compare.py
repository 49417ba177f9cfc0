"""Comparing recorded runs: what differs, whether it is comparable, and the numbers."""

from __future__ import annotations

import math
import random
import subprocess
import sys

import pytest
from msgspec.structs import replace

from runner.compare import as_text, load_sides, run_variation
from runner.compare.comparison import ConfigurationComparison, MetricChange
from runner.compare.comparison_markdown import as_markdown
from runner.compare.measuring_sessions import find_sessions
from runner.compare.run_variation import Repeats
from runner.compare.sides import ComparedRun
from runner.plan.plan import Configuration, SweepMembership
from runner.stats.variation import ASSUMED
from runner.util import paths
from tests.support.compared_runs import PROFILE, compared, repeats, run, some
from tests.support.simulated import latencies

SWEEP = "20260101T000000Z_p_77aa"


def test_sides_are_compared_by_their_ceilings() -> None:
    change = MetricChange(
        metric="decode_ceiling_percent", unit="%", first=62.2, second=81.0, first_n=9, second_n=9, change=0.3
    )
    shape = ConfigurationComparison(
        batch_size=1, input_len=8, output_len=8, gpu_weights_percent=1.0, changes=(change,)
    )
    assert shape.ceiling_sentence("A", "B") == "A reaches 62 % of its ceiling, B 81 %"
    assert replace(shape, changes=()).ceiling_sentence("A", "B") == ""


def test_weights_that_differ_are_named() -> None:
    for name, fingerprint in (("a001", "1f"), ("a002", "2e"), ("a003", "")):
        run({1: some()}, name=name, fingerprint=fingerprint)
    (found,) = compared("a001", "a002").differences
    assert (found.name, found.values) == ("fingerprint of the weights", ("1f", "2e"))
    (found,) = compared("a001", "a003").differences
    assert found.values == ("1f", "–")


def test_serious_warnings_follow_the_answer() -> None:
    run({1: some()}, name="aaaa")
    run({1: [100.0 + n for n in range(40)]}, name="bbbb", second=1)
    found = compared("aaaa", "bbbb")
    assert [len(side.warnings) for side in found.sides] == [0, 1]
    _, warning = as_text(found, width=300).splitlines()[:2]
    assert warning.startswith("! B has 1 serious warning: the latency drifts by +")
    assert f"- {warning.removeprefix('! ')[:40]}" in as_markdown(found)


class TestFairness:
    def test_nothing_differs(self) -> None:
        run({1: some()}, name="aaaa")
        run({1: some(seed=2)}, name="bbbb", second=1)
        found = compared("aaaa", "bbbb")
        assert found.differences == ()
        assert found.pairs[0].fair

    def test_what_is_compared_is_no_reason_against_it(self) -> None:
        run({1: some()}, name="aaaa")
        run({1: some()}, name="bbbb", profile=PROFILE.replace("float16", "bfloat16"), second=1)
        found = compared("aaaa", "bbbb")
        (difference,) = found.differences
        assert (difference.name, difference.values, difference.kind) == (
            "model.dtype",
            ("float16", "bfloat16"),
            "subject",
        )
        assert found.pairs[0].fair

    def test_a_field_at_its_default_has_the_value_of_that(self) -> None:
        run({1: some()}, name="aaaa", profile=PROFILE + "parallel: {tp: 1}\n")
        run({1: some()}, name="bbbb", profile=PROFILE.replace("num_runs: 40", "warm_up: 5"), second=1)
        found = compared("aaaa", "bbbb")
        assert [(one.name, one.values) for one in found.differences] == [
            ("benchmark.num_runs", ("40", "10 (default)")),
            ("benchmark.warm_up", ("2 (default)", "5")),
        ]
        assert found.pairs[0].fair

    def test_repeats_may_leave_out_what_others_state(self) -> None:
        run({1: some()}, name="aaaa", profile=PROFILE + "parallel: {tp: 1}\n")
        run({1: some()}, name="bbbb", second=1)
        run({1: some()}, name="cccc", profile=PROFILE + "parallel: {tp: 2}\n", second=2)
        found = compared("aaaa,bbbb", "cccc")
        assert [(one.name, one.values) for one in found.differences] == [("parallel.tp", ("1", "2"))]
        assert found.pairs[0].fair

    def test_another_machine_or_another_model_is_not_fair(self) -> None:
        run({1: some()}, name="aaaa")
        other = PROFILE.replace("hidden_size: 64", "hidden_size: 128")
        run({1: some()}, name="bbbb", host="bench02", gpu="NVIDIA A10", profile=other, second=1)
        (pair,) = compared("aaaa", "bbbb").pairs
        assert not pair.fair
        assert pair.unfair_because == (
            "not the same machine: bench01 and bench02, device",
            "not the same work: model.shape",
        )

    def test_more_gpus_are_by_design(self) -> None:
        run({1: some()}, name="aaaa", profile=PROFILE + "parallel: {tp: 4}\n", ranks=4)
        run({1: some()}, name="bbbb", profile=PROFILE + "parallel: {tp: 1}\n", second=1)
        (pair,) = compared("aaaa", "bbbb").pairs
        assert pair.fair
        assert pair.notes == ("by design: 1 GPU instead of 4",)
        assert "A → B: comparable, as far as known\n  · by design: 1 GPU instead of 4" in as_text(
            compared("aaaa", "bbbb")
        )

    def test_what_a_sweep_varies_is_by_design(self) -> None:
        for cell, name in enumerate(("aaaa", "bbbb")):
            size = str(64 * (cell + 1))
            member = SweepMembership(sweep="s", cell=cell, values=(("model.shape.hidden_size", size),))
            profile = PROFILE.replace("hidden_size: 64", f"hidden_size: {size}")
            run({1: some()}, name=name, profile=profile, sweep=member, second=cell)
        (pair,) = compared("aaaa", "bbbb").pairs
        assert pair.fair

    def test_what_is_not_known_is_not_different(self) -> None:
        run({1: some()}, name="aaaa", host="")
        run({1: some()}, name="bbbb", second=1)
        found = compared("aaaa", "bbbb")
        assert [(one.name, one.values, one.kind) for one in found.differences] == [
            ("machine", ("not known", "bench01"), "unknown")
        ]
        assert found.pairs[0].fair
        assert found.pairs[0].notes == ("not known for A: machine",)

    def test_a_run_that_did_not_end_and_repeats_that_are_none(self) -> None:
        run({1: some()}, name="aaaa")
        run({1: some()}, name="bbbb", profile=PROFILE.replace("float16", "bfloat16"), second=1)
        run({1: some()}, name="cccc", status="stopped", second=2)
        (pair,) = compared("aaaa,bbbb", "cccc").pairs
        assert (
            "the runs of A are not repeats of each other: model.dtype is float16 / bfloat16"
            in pair.unfair_because
        )
        assert any("did not finish: it is stopped" in reason for reason in pair.unfair_because)


class TestNumbers:
    def test_repeats_find_two_percent(self) -> None:
        first, second = repeats(100, "a"), repeats(102, "b", seed=50)
        (pair,) = compared(first, second).pairs
        changes = {change.metric: change for change in pair.configurations[0].changes}
        latency, rate = changes["latency_ms"], changes["tokens_per_sec"]
        assert (latency.verdict, rate.verdict) == ("SLOWER", "SLOWER")
        assert latency.change == pytest.approx(0.02, abs=0.004)
        assert latency.low is not None
        assert latency.high is not None
        assert latency.low < 0.02 < latency.high
        assert 1 + rate.change == pytest.approx(1 / (1 + latency.change))
        assert latency.second / latency.first - 1 == pytest.approx(latency.change, abs=0.002)
        assert (latency.first_n, latency.second_n) == (200, 200)
        assert "5 and 5 runs of the same sessions, each counted once" in pair.method

    def test_three_sides_are_each_held_against_the_first(self) -> None:
        for index, name in enumerate(("aaaa", "bbbb", "cccc")):
            run({1: some(seed=index), 4: some(200, seed=index)}, name=name, second=index)
        found = compared("aaaa", "bbbb", "cccc")
        assert [(pair.first, pair.second) for pair in found.pairs] == [("A", "B"), ("A", "C")]
        assert [one.shape for one in found.pairs[0].configurations] == [
            Configuration(1, 64, 16),
            Configuration(4, 64, 16),
        ]

    @pytest.mark.parametrize("repeated", [0, 5])
    @pytest.mark.parametrize("third", ["the same", "another profile", "another machine"])
    def test_what_stands_beside_a_pair_changes_nothing_of_it(self, third: str, repeated: int) -> None:
        for index in range(repeated):
            run({1: some(100 + index / 5, seed=index)}, name=f"e00{index}", second=index)
        run({1: some(100, seed=1)}, name="aaaa", second=20)
        run({1: some(102, seed=2)}, name="bbbb", second=21)
        noisy = latencies(40, random.Random(3), mean=150, spread=0.2)
        run(
            {1: noisy},
            name="cccc",
            second=22,
            profile=PROFILE + "description: other\n" if third == "another profile" else PROFILE,
            host="bench02" if third == "another machine" else "bench01",
        )
        alone, beside = compared("aaaa", "bbbb"), compared("aaaa", "bbbb", "cccc")
        assert beside.pairs[0] == alone.pairs[0]
        assert compared("aaaa", "cccc", "bbbb").pairs[1] == replace(beside.pairs[0], second="C")

    def test_only_equal_configurations_are_compared(self) -> None:
        run({1: some(), 2: some()}, name="aaaa")
        run({2: some(), 4: some()}, name="bbbb", second=1)
        (pair,) = compared("aaaa", "bbbb").pairs
        assert [one.batch_size for one in pair.configurations] == [2]
        assert (pair.only_first, pair.only_second) == (
            ((1, 64, 16, 1.0, 0, 0),),
            ((4, 64, 16, 1.0, 0, 0),),
        )
        assert list(pair.unmatched()) == [("A", "batch 1 64→16"), ("B", "batch 4 64→16")]

    def test_runs_that_alternated_are_compared_in_pairs(self) -> None:
        (paths.sweeps_dir() / SWEEP).mkdir(parents=True)
        for index in range(4):
            for cell, (letter, level) in enumerate((("a", 100.0), ("b", 102.0))):
                place = SweepMembership(sweep=SWEEP, cell=cell, repeat=index)
                # The machine loses 1 % from run to run.
                at = 2 * index + (1 - cell if index % 2 else cell)
                values = some(level * 1.01**at, seed=10 * cell + index)
                run({1: values}, name=f"{letter}00{index}", sweep=place, second=at)
        assert compared("a000,a001,a002,a003", "b000,b001,b002,b003") == compared(SWEEP)
        (pair,) = compared("sweep:77aa").pairs
        assert pair.method.startswith("4 and 4 runs of the same sessions")
        headline = pair.configurations[0].headline
        assert headline is not None
        assert headline.verdict == "SLOWER"

    def test_earlier_repeats_say_how_much_runs_vary(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(run_variation, "MOST_RUNS", 6)
        run({1: some(100)}, name="aaaa", second=40)
        run({1: some(102, seed=9)}, name="bbbb", second=41)
        method = compared("aaaa", "bbbb").pairs[0].method
        assert "the variation between runs is not known and assumed to be 2 %" in method
        repeats(100, "c")
        for index in range(6):  # a machine with the same home folder, whose newer runs hide none of these
            run({1: some(200)}, name=f"e00{index}", host="elsewhere", second=44 + index)
        run({1: some(300)}, name="d001", profile=PROFILE + "description: x\n", second=51)
        known = Repeats([one for side in load_sides(["aaaa", "bbbb"]) for one in side.runs])
        variation = known.variation(Configuration(1, 64, 16), "latency_ms")
        assert variation.run is not None
        assert (variation.run.runs, variation.run.df) == (5, 4)
        assert variation.run.deviation == pytest.approx(0.0024, abs=0.0015)
        assert not variation.known, "one session says nothing about others"
        assert known.variation(Configuration(7, 64, 16), "latency_ms") == ASSUMED
        (pair,) = compared("aaaa", "bbbb").pairs
        assert "in 5 earlier runs" in pair.method

    def test_runs_of_different_sessions_are_assumed_to_differ(self) -> None:
        first = repeats(100, "a")
        for index in range(5):
            run({1: some(104, seed=70 + index)}, name=f"b0{index}0", second=index, day=2)
        change = compared(first, ",".join(f"b0{index}0" for index in range(5))).pairs[0]
        assert "of different sessions: these are assumed to vary by 2 %" in change.method
        headline = change.configurations[0].headline
        assert headline is not None
        assert (headline.verdict, headline.assumed) == ("INCONCLUSIVE", True)
        assert "measured in different sessions: interleave them with `ab`" in headline.why

    def test_sessions_end_with_a_break_a_boot_or_a_sweep(self) -> None:
        (paths.sweeps_dir() / SWEEP).mkdir(parents=True)
        of_sweep = [SweepMembership(sweep=SWEEP, cell=0, repeat=index) for index in range(2)]
        found = [
            ComparedRun(one)
            for one in (
                run({1: some(n=4)}, name="a000"),
                run({1: some(n=4)}, name="a001", second=50),
                run({1: some(n=4)}, name="a002", second=55, boot="another"),
                run({1: some(n=4)}, name="a003", day=2, boot="another", sweep=of_sweep[0]),
                run({1: some(n=4)}, name="a004", day=3, boot="another", sweep=of_sweep[1]),
            )
        ]
        sessions = find_sessions(found)
        assert [sessions[one.run_dir] for one in found] == [0, 0, 1, 2, 2]

    def test_a_configuration_without_a_number_on_both_sides_says_so(self) -> None:
        run({1: []}, name="aaaa")
        run({1: some()}, name="bbbb", second=1)
        found = compared("aaaa", "bbbb")
        assert found.pairs[0].configurations[0].changes == ()
        said = "the sides have no compared metric in common"
        assert f"batch 1 64→16\n  {said}\n" in as_text(found)
        assert f"batch 1 64→16: {said}.\n" in as_markdown(found)

    def test_what_has_no_interval_is_not_judged(self) -> None:
        run({1: [10.0, 10.1]}, name="aaaa")
        run({1: [11.0, 11.1]}, name="bbbb", second=1)
        latency = compared("aaaa", "bbbb").pairs[0].configurations[0].headline
        assert latency is not None
        assert latency.verdict == "INCONCLUSIVE"
        assert latency.why == "too few iterations to bound it; measure more"
        assert math.isfinite(latency.change)


def test_as_markdown() -> None:
    run({1: some(100)}, name="aaaa")
    run({1: some(130, seed=2), 4: some()}, name="bbbb", second=1, host="a|b <c>")
    text = as_markdown(compared("aaaa", "bbbb"))
    assert "- **B** p (a decoder): `20260101T000001Z_p_bbbb`" in text
    assert "| machine      | bench01 | a\\|b &lt;c> |" in text
    assert "**A → B**: **not comparable**." in text
    assert "| NOT JUDGED" in text
    assert "Only B measured batch 4 64→16." in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count(" | ") for line in tables} == {2, 5}


def test_it_needs_no_numerical_library() -> None:
    """The light install compares, too: nothing imports numpy or scipy, which it does not bring along."""
    program = (
        "import sys, runner.compare, runner.compare.assertions, runner.metrics.explain\n"
        "from runner.stats import steady_state, intervals, student\n"
        "print([name for name in ('numpy', 'scipy', 'textual', 'torch') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"
