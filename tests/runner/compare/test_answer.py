"""The answer of a comparison in one sentence, and its bars."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from runner.compare.answer import answer_pair, bar_limit, bar_lines, draw_bar, scale_line, warning_sentences
from runner.compare.comparison import Comparison, ConfigurationComparison, MetricChange, Pair, SideSummary
from runner.compare.verdict import Verdict


def change(share: float, verdict: Verdict, metric: str = "latency_ms", **more: object) -> MetricChange:
    fields: dict[str, object] = {
        "metric": metric, "unit": "ms", "first": 100.0, "second": 100.0 * (1 + share), "first_n": 10,
        "second_n": 10, "change": share, "low": share - 0.01, "high": share + 0.01, "verdict": verdict,
    }  # fmt: skip
    return MetricChange(**{**fields, **more})  # type: ignore[arg-type]


def pair(*changes: MetricChange, because: tuple[str, ...] = ()) -> Pair:
    configurations = tuple(
        ConfigurationComparison(
            batch_size=number, input_len=8, output_len=8, gpu_weights_percent=1.0, changes=(one,)
        )
        for number, one in enumerate(changes, start=1)
    )
    return Pair(
        first="A",
        second="B",
        fair=not because,
        unfair_because=because,
        method="",
        configurations=configurations,
    )


def answer(*changes: MetricChange, because: tuple[str, ...] = ()) -> tuple[str, str]:
    one = pair(*changes, because=because)
    found = answer_pair(Comparison(sides=(), differences=(), pairs=(one,)), one)
    return found.outcome, found.sentence


def test_serious_warnings_of_a_side_are_repeated_with_the_worst() -> None:
    sides = [
        SideSummary(label=label, profile="p", summary="", runs=(), warnings=warnings)
        for label, warnings in (("A", ()), ("B", ("no CPU", "it drifts")), ("C", ("other",)), ("D", ("x",)))
    ]
    found = Comparison(sides=tuple(sides), differences=(), pairs=())
    assert warning_sentences(found, pair(FASTER)) == ["B has 2 serious warnings, the worst: no CPU"]
    last = replace(pair(FASTER), first="C", second="D")
    assert warning_sentences(found, last) == ["C has 1 serious warning: other", "D has 1 serious warning: x"]


FASTER, SLOWER = change(-0.301, "FASTER"), change(0.052, "SLOWER")
SAME, OPEN = change(0.001, "SAME"), change(0.02, "INCONCLUSIVE", why="needs about 3 more repeats of each")


@pytest.mark.parametrize(
    ("changes", "outcome", "sentence"),
    [
        ((FASTER,), "better", "B is faster than A: latency, mean -30.1 %, 95 % interval -31.1 % to -29.1 %."),
        ((SAME,), "same", "B is the same as A: latency, mean +0.10 %, 95 % interval -0.90 % to +1.10 %."),
        (
            (OPEN,),
            "inconclusive",
            "Inconclusive: B against A, latency, mean +2.00 %, 95 % interval +1.00 % to +3.00 %;"
            " needs about 3 more repeats of each.",
        ),
        (
            (FASTER, change(-0.1, "FASTER")),
            "better",
            "B is faster than A in all 2 configurations (latency, mean -30.1 % to -10.0 %).",
        ),
        (
            (FASTER, SAME, OPEN),
            "better",
            "B is faster than A in 1 of 3 configurations (latency, mean -30.1 %), the same as A in 1 of 3"
            " (+0.10 %), inconclusive in 1 of 3 (+2.00 %).",
        ),
        (
            (FASTER, SLOWER),
            "mixed",
            "B is faster than A in 1 of 2 configurations (latency, mean -30.1 %), slower than A in 1 of 2"
            " (+5.20 %).",
        ),
        (
            (OPEN, OPEN),
            "inconclusive",
            "B against A: inconclusive in all 2 configurations (latency, mean +2.00 %).",
        ),
        ((), "none", "A and B have no configuration in common: there is nothing to compare."),
    ],
    ids=["faster", "same", "open", "all", "some", "mixed", "all-open", "nothing"],
)
def test_the_answer_is_one_sentence(changes: tuple[MetricChange, ...], outcome: str, sentence: str) -> None:
    assert answer(*changes) == (outcome, sentence)


def test_sides_that_are_not_comparable_get_the_reason() -> None:
    found = answer(FASTER, because=("not the same machine: device", "b", "c"))
    assert found == ("none", "A and B are not comparable: not the same machine: device, and 2 more reasons.")


def test_bars_have_one_scale_and_show_the_interval() -> None:
    lines = bar_lines(pair(change(-0.1, "FASTER", low=-0.15, high=-0.05), SLOWER))
    assert [line.configuration for line in lines] == ["batch 1 8→8", "batch 2 8→8"]
    limit = bar_limit(lines)
    assert limit == 0.2
    assert draw_bar(lines[0], limit, 21) == "   ━━●━━━█│          "
    wide, unfair = bar_lines(
        pair(change(0.9, "SLOWER", low=0.1, high=3.0), change(0.0, "NOT JUDGED", low=-0.1, high=0.1))
    )
    assert draw_bar(wide, limit, 21) == "          │████━━━━━>"
    assert draw_bar(unfair, limit, 21) == "          ●          ", "what is not judged has no interval"
    assert scale_line(limit, 21) == "-20 %     0     +20 %"
    assert bar_limit([]) == 0.02
