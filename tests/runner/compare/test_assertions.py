"""Assertions: their language, and PASS, FAIL or INCONCLUSIVE on runs whose numbers are known."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner import metrics
from runner.cli import assertions
from runner.cli.main import main
from runner.compare.assertion_grammar import (
    NumberLiteral,
    Operation,
    Quantity,
    Term,
    evaluate,
    parse_assertion,
)
from runner.events import RunStatus
from runner.history import baseline
from runner.history.lookup import find_run
from runner.run import layout
from runner.util.errors import UserError
from tests.support import characters
from tests.support.compared_runs import PROFILE, run, some

ANY = st.floats(min_value=0.5, max_value=100)


class TestLanguage:
    def test_names_aliases_and_the_baseline(self) -> None:
        found = parse_assertion("latency_ms.p50 < 60")
        assert (found.left, found.comparison, found.right) == (
            Quantity(metrics.P50),
            "<",
            NumberLiteral(60.0),
        )
        found = parse_assertion("tokens_per_sec>=0.98*baseline")
        assert found.right == Operation(
            "*", NumberLiteral(0.98), Quantity(metrics.TOKENS_PER_SEC, baseline=True)
        )
        assert found.needs_baseline
        found = parse_assertion("latency_ms < baseline.latency_ms.p95")
        assert found.quantities == (Quantity(metrics.LATENCY), Quantity(metrics.P95, baseline=True))

    @given(ANY, ANY, ANY, ANY)
    def test_arithmetic_is_pythons(self, a: float, b: float, c: float, d: float) -> None:
        text = f"{a} + {b} * {c} - (-{d} - {a}) / {b} / {c}"
        term = parse_assertion(f"latency_ms < {text}").right
        assert evaluate(term, lambda _: 0.0) == pytest.approx(eval(text))

    @given(st.text(characters.ANY, max_size=40))
    def test_whatever_is_written_is_an_assertion_or_a_sentence(self, text: str) -> None:
        said = ""
        try:
            parse_assertion(text)
        except UserError as error:
            said = str(error.args[0])
        assert said == "" or said.startswith("assertion ")

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "it is empty"),
            ("latncy_ms < 3", "column 1: there is no metric 'latncy_ms' (did you mean latency_ms?)"),
            ("latency_ms.p5 < 3", "did you mean latency_ms.p"),
            ("latency_ms", "it needs one of < <= > >="),
            ("latency_ms < 3 < 4", "column 16: only one comparison is allowed"),
            ("latency_ms < (3", "column 14: a ( is not closed"),
            ("latency_ms < 3 4", "column 16: unexpected '4'"),
            ("latency_ms <", "a number or a metric is missing at the end"),
            ("latency_ms < * 3", "column 14: expected a number or a metric, not '*'"),
            ("latency_ms == 3", "column 12: '=' is not allowed here"),
            ("latency_ms < 1e999", "column 14: 1e999 is too large"),
            ("latency_ms < ３", "column 14: '３' is not allowed here"),
            ("(" * 5000 + "latency_ms", "it has more than 100 numbers, names and signs"),
            ("latency_ms < 1" + " + 1" * 5000, "it has more than 100 numbers, names and signs"),
            ("3 < 4", "it contains no metric of the run"),
            ("baseline < 4", "it contains no metric of the run"),
            ("latency_ms < tokens_per_sec * baseline", "baseline of which metric? write baseline.NAME"),
        ],
    )
    def test_what_is_wrong_is_said_with_its_place(self, text: str, said: str) -> None:
        with pytest.raises(UserError) as error:
            parse_assertion(text)
        assert said in str(error.value)

    def test_the_longest_that_is_read_is_worked_out(self) -> None:
        deep = parse_assertion("(" * 45 + "latency_ms" + ")" * 45 + " < 60")
        assert evaluate(deep.left, lambda _: 7.0) == 7.0
        long = parse_assertion("latency_ms < 1" + " + 1" * 48)
        assert evaluate(long.right, lambda _: 0.0) == 49.0

    def test_terms_are_values(self) -> None:
        term: Term = parse_assertion("latency_ms / 2 < 3").left
        assert evaluate(term, lambda quantity: 10.0 if quantity.metric is metrics.LATENCY else 0.0) == 5.0


class TestCheck:
    @pytest.mark.parametrize(
        ("assertion", "outcome", "code"),
        [
            ("latency_ms < 110", "PASS", 0),
            ("latency_ms < 90", "FAIL", 5),
            ("latency_ms > 90", "PASS", 0),
            ("latency_ms >= 110", "FAIL", 5),
            ("latency_ms < 100.15", "INCONCLUSIVE", 6),
            ("latency_ms.p99 < 110", "INCONCLUSIVE", 6),
            ("latency_ms.p99 < 50", "FAIL", 5),
            ("latency_ms.p50 / latency_ms < 1.1", "PASS", 0),
            ("latency_ms.max < 200", "PASS", 0),
            ("iterations >= 40", "PASS", 0),
            ("iterations > 40", "FAIL", 5),
            ("latency_ms / (iterations - 40) < 1", "INCONCLUSIVE", 6),
            ("latency_ms < 1e300 * 1e300", "INCONCLUSIVE", 6),
            ("gpu_energy_j < 5", "INCONCLUSIVE", 6),
        ],
    )
    def test_outcomes_and_exit_codes(
        self, assertion: str, outcome: str, code: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run({1: some(100)}, name="aaaa")
        assert main(["check", "aaaa", "--assert", assertion]) == code
        line = capsys.readouterr().out
        assert line.startswith(f"{outcome:<13} batch 1 64→16: {assertion}")
        assert (": " in line.partition(assertion)[2]) == (outcome == "INCONCLUSIVE"), "which says why"

    def test_every_configuration_is_looked_at(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        run({1: some(100), 8: some(200)}, name="aaaa")
        args = ["check", "aaaa", "--assert", "latency_ms < 150", "--assert", "latency_ms > 10"]
        assert main(args) == 5
        outcomes = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
        assert outcomes == ["PASS", "FAIL", "PASS", "PASS"]
        junit, summary = tmp_path / "junit.xml", tmp_path / "summary.md"
        assert main([*args, "--json", "--junit", str(junit), "--summary", str(summary)]) == 5
        assert '<testsuite name="trtbench-tui' in junit.read_text()
        assert summary.read_text().count("| PASS") == 3
        findings = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [finding["outcome"] for finding in findings] == outcomes
        assert {finding["kind"] for finding in findings} == {"assertion"}

    def test_a_run_that_measured_nothing_decides_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        run({}, name="aaaa")
        assert main(["check", "aaaa", "--assert", "latency_ms < 150"]) == 6
        assert "no configuration was measured" in capsys.readouterr().out

    @pytest.mark.parametrize("status", ["stopped", "failed", "lost"])
    @pytest.mark.parametrize("bound", [110, 90])
    def test_a_run_that_did_not_finish_decides_nothing(
        self, status: RunStatus, bound: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run_dir = run({1: some(100)}, name="aaaa", status=status)
        assert main(["check", "aaaa", "--assert", f"latency_ms < {bound}"]) == 6
        said = capsys.readouterr()
        assert said.out.startswith("INCONCLUSIVE")
        assert f"against {bound}" in said.out
        assert said.out.endswith(f"only finished runs decide, and this run is {status}\n")
        (doubt,) = said.err.splitlines()
        assert doubt == (f"trtbench-tui: {run_dir.name} of this check did not finish: it is {status}")

    def test_a_run_under_way_decides_nothing_either(self, capsys: pytest.CaptureFixture[str]) -> None:
        run_dir = run({1: some(100)}, name="aaaa")
        (run_dir / layout.REPORT).unlink()
        log = run_dir / layout.EVENTS
        log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:-2]))
        lock = layout.try_lock(run_dir)
        assert lock is not None
        try:
            assert main(["check", "aaaa", "--assert", "latency_ms < 110"]) == 6
        finally:
            os.close(lock)
        assert "only finished runs decide, and this run is running" in capsys.readouterr().out

    def test_runs_that_are_no_repeats_are_named(self, capsys: pytest.CaptureFixture[str]) -> None:
        run({1: some(100)}, name="aaaa")
        other = PROFILE.replace("float16", "bfloat16")
        run({1: some(100, seed=2)}, name="bbbb", second=1, profile=other)
        run({1: some(100, seed=3)}, name="cccc", second=2)
        assert main(["check", "aaaa,bbbb,cccc", "--assert", "latency_ms < 120"]) == 0
        assert "the runs of this check are not repeats of each other: model.dtype" in capsys.readouterr().err

    def test_a_baseline_from_elsewhere_is_named(self, capsys: pytest.CaptureFixture[str]) -> None:
        run({1: some(100)}, name="aaaa", host="bench02")
        run({1: some(100, seed=2)}, name="bbbb", second=1)
        baseline.set_baseline([find_run("aaaa")])
        assert main(["check", "bbbb", "--assert", "latency_ms < 2 * baseline"]) == 0
        said = capsys.readouterr().err.removeprefix("trtbench-tui: not comparable with the baseline: ")
        assert said == "not the same machine: bench02 and bench01\n"

    def test_a_run_of_the_baseline_is_held_against_itself(self, capsys: pytest.CaptureFixture[str]) -> None:
        run_dir = run({1: some(100)}, name="aaaa")
        baseline.set_baseline([run_dir])
        main(["check", "aaaa", "--assert", "latency_ms < 2 * baseline"])
        assert (
            f"{run_dir.name} is itself part of the baseline, so the comparison says nothing"
            in capsys.readouterr().err
        )

    def test_repeats_count_together(self, capsys: pytest.CaptureFixture[str]) -> None:
        for index in range(5):
            run({1: some(100 + index, seed=index)}, name=f"a00{index}", second=index)
        names = ",".join(f"a00{index}" for index in range(5))
        assert main(["check", names, "--assert", "latency_ms < 107"]) == 0
        assert main(["check", names, "--assert", "latency_ms < 105", "--json"]) == 6, "one session"
        (finding,) = map(json.loads, capsys.readouterr().out.splitlines()[1:])
        assert finding["assumed"]
        assert "runs are assumed to vary by 2 %, until four sessions" in finding["why"]
        assert main(["check", names, "--assert", "iterations >= 40", "--assert", "latency_ms.max > 1"]) == 0
        assert main(["check", names, "--assert", "latency_ms.min < 102"]) == 6
        assert "it does not hold in every run: latency_min_ms" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("assertion", "outcome", "said"),
        [
            ("latency_drift_percent < 5", "PASS", "against 5, difference "),
            ("latency_drift_percent > -5", "PASS", "against -5, difference "),
            ("latency_drift_percent < 0", "INCONCLUSIVE", "it does not hold in every run"),
            ("warm_up < 1", "PASS", "(0 against 1)"),
        ],
    )
    def test_repeats_of_numbers_that_may_be_0_or_negative(
        self, assertion: str, outcome: str, said: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for index in range(4):
            run({1: some(100, seed=index)}, name=f"a00{index}", second=index)
        main(["check", "a000,a001,a002,a003", "--assert", assertion])
        line = capsys.readouterr().out
        assert line.startswith(outcome)
        assert said in line

    def test_against_the_baseline(self, capsys: pytest.CaptureFixture[str]) -> None:
        assertion = "tokens_per_sec > 0.97 * baseline"
        for index in range(5):
            run({1: some(100 + index / 10, seed=index)}, name=f"a00{index}", second=index)
        run({1: some(100, seed=7)}, name="b000", second=10)
        run({1: some(120, seed=8)}, name="b001", second=11)
        assert main(["check", "b000", "--assert", assertion]) == 2
        assert "an assertion needs a baseline, and p has none" in capsys.readouterr().err
        baseline.set_baseline([find_run(f"a00{index}") for index in range(5)])
        assert main(["check", "b000", "--assert", assertion]) == 0
        assert main(["check", "b001", "--assert", assertion]) == 5
        assert main(["check", "b000", "--assert", "latency_ms < baseline"]) == 6

    def test_the_readme_example_passes_where_runs_are_known(self, capsys: pytest.CaptureFixture[str]) -> None:
        rng = random.Random(4)
        for day in range(1, 9):
            run({1: some(100 + rng.gauss(0, 0.3), seed=day)}, name=f"a00{day}", day=day, boot=f"b{day}")
        run({1: some(100, seed=9)}, name="b000", day=10, boot="b10")
        baseline.set_baseline([find_run("a008")])
        asserted = ["--assert", "tokens_per_sec > 0.98 * baseline", "--assert", "latency_ms.p50 < 102"]
        assert main(["check", "b000", *asserted]) == 0
        assert main(["check", "b000", "--assert", "percentile95_ms < 60"]) == 5
        assert main(["check", "b000", "--assert", "tokens_per_sec > baseline"]) == 6
        assert "more runs of other sessions" in capsys.readouterr().out
        run({1: some(104, seed=10)}, name="c000", day=11, boot="b11")
        assert main(["check", "c000", *asserted]) == 5


class TestRun:
    def test_a_bad_assertion_is_said_before_anything_starts(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["run", "quickstart", "--assert", "latency_ms <"]) == 2
        assert "a number or a metric is missing at the end" in capsys.readouterr().err
        assert main(["run", "quickstart", "--assert", "latency_ms < baseline"]) == 2
        assert "and quickstart has none" in capsys.readouterr().err
        assert layout.list_runs() == []

    @pytest.mark.parametrize(
        ("assertion", "ended", "code"), [("latency_ms < 110", 0, 0), ("latency_ms < 90", 0, 5)]
    )
    def test_the_exit_code_of_a_run_that_ended(self, assertion: str, ended: int, code: int) -> None:
        run_dir = run({1: some(100)}, name="aaaa")
        assert (
            assertions.check_ended_runs([parse_assertion(assertion)], [run_dir], ended, as_json=False) == code
        )
        assert assertions.check_ended_runs([], [run_dir], ended, as_json=False) == ended

    def test_a_baseline_deleted_during_the_run_is_reported(self) -> None:
        run_dir = run({1: some(100)}, name="aaaa")
        with pytest.raises(UserError, match="needs a baseline, and p has none"):
            assertions.check_ended_runs(
                [parse_assertion("latency_ms < baseline")], [run_dir], 0, as_json=False
            )

    def test_a_failed_run_is_not_judged(self, capsys: pytest.CaptureFixture[str]) -> None:
        run_dir = run({1: some(100)}, name="aaaa", status="failed")
        assert (
            assertions.check_ended_runs([parse_assertion("latency_ms < 110")], [run_dir], 0, as_json=False)
            == 1
        )
        assert "assertions are not checked: the run is failed" in capsys.readouterr().err

    def test_a_run_that_goes_on_is_not_judged(self, capsys: pytest.CaptureFixture[str]) -> None:
        run_dir = run({1: some(100)}, name="aaaa")
        (run_dir / layout.REPORT).unlink()
        assert (
            assertions.check_ended_runs([parse_assertion("latency_ms < 110")], [run_dir], 0, as_json=False)
            == 0
        )
        assert "the run continues; its assertions are not checked" in capsys.readouterr().err
