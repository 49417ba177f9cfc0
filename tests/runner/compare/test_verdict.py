"""What a difference leads to, alone and among others."""

from __future__ import annotations

from runner.compare.run_difference import RunValue
from runner.compare.verdict import allowed_chances, judge
from runner.metrics import BY_NAME, JOULES_PER_TOKEN, VARIATION
from runner.stats.variation import Spread, Variation

SHOWN_ONLY = {
    "latency_sd_ms", "latency_cv_percent", "latency_min_ms", "latency_max_ms",
    "percentile95_ms", "percentile99_ms", "decode_step_slowest_ms",
    "request_latency_min_ms", "request_latency_max_ms",
    "decode_ceiling_percent", "prefill_flop_utilisation_percent", "requests_ceiling_percent",
}  # fmt: skip
"""scatter, extremes, and shares of a bound that follow from a time"""


def test_one_change_needs_one_percent() -> None:
    assert allowed_chances([0.009]) == [0.01]
    assert allowed_chances([]) == []


def test_many_changes_share_five_percent() -> None:
    """Holm: 5 % / 10 for the smallest, then 5 % / 9; after the first that fails, none is a change."""
    chances = [0.0001, 0.0052, 0.0056, *(0.5 + 0.01 * at for at in range(7))]
    allowed = allowed_chances(chances)
    assert [chance <= most for chance, most in zip(chances, allowed, strict=True)] == [True, True, True] + [
        False
    ] * 7
    assert allowed_chances([0.006, *chances[3:], 0.9, 0.91])[0] == 0.005


def test_a_time_and_its_rate_count_once() -> None:
    assert allowed_chances([0.009, 0.009 * (1 + 1e-9), 0.02]) == allowed_chances([0.009, 0.009, 0.02])
    assert allowed_chances([0.009] * 20)[0] == 0.01


def test_all_with_a_direction_are_judged_with_a_history() -> None:
    one, other = [RunValue(1.0)], [RunValue(1.2, session=1)]
    assert judge(JOULES_PER_TOKEN, one, other).verdict == "NOT JUDGED"
    known = Variation(Spread(0.01, 12, 20), None, 1.0)
    for metric in BY_NAME.values():
        if metric.better != "neither" and metric.name not in SHOWN_ONLY:
            found = judge(metric, one, other, variation=known).verdict
            assert found in ({"FASTER", "BETTER"} if metric.better == "higher" else {"SLOWER", "WORSE"})


def test_scatter_is_shown_without_a_verdict() -> None:
    found = judge(VARIATION, [RunValue(1.0)] * 5, [RunValue(3.0)] * 5)
    assert (found.change, found.verdict) == (2.0, None)
