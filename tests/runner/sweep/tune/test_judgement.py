"""Levels of points: blocks cancel, and what is not known has no interval."""

from __future__ import annotations

import math

import pytest

from runner.stats.variation import ASSUMED_SPREAD
from runner.sweep.tune.judgement import fit_levels
from runner.sweep.tune.surrogate import Sample


def test_the_level_of_a_block_cancels_in_a_difference() -> None:
    samples = [Sample(0, 0, 1.0), Sample(1, 0, 1.1), Sample(0, 1, 1.5), Sample(2, 1, 1.8)]
    levels = fit_levels(samples)
    value, interval = levels.difference(2, 1)
    assert value == pytest.approx(0.2)
    assert interval.low < 0.2 < interval.high
    assert math.isinf(levels.spread.df)
    assert levels.spread.deviation == ASSUMED_SPREAD


def test_points_without_a_common_block_have_no_interval() -> None:
    levels = fit_levels([Sample(0, 0, 1.0), Sample(1, 1, 1.5)])
    assert not levels.difference(0, 1)[1].closed


def test_repeats_replace_the_assumed_variation() -> None:
    samples = [Sample(point, 0, point + 0.001 * number) for point in (0, 1) for number in range(3)]
    levels = fit_levels(samples)
    assert levels.spread.runs == 4
    assert levels.spread.deviation == pytest.approx(0.001)
    assert levels.difference(1, 0)[1].low > 0.99


def test_another_day_may_be_worse_than_this_one() -> None:
    levels = fit_levels([Sample(0, 0, 0.03), Sample(0, 0, 0.03), Sample(0, 0, 0.03)])
    assert levels.level(0) > 0
    assert levels.bound(0) < 0  # days are assumed to vary by 2 %


def test_a_bound_rests_on_all_blocks_that_common_points_connect() -> None:
    days = [0.01, -0.01, 0.01, -0.01, 0.01, -0.01]
    anchors = [Sample(0, block, 0.5 + level) for block, level in enumerate(days) for _ in range(2)]
    connected = fit_levels([*anchors, Sample(1, 0, 0.11), Sample(1, 0, 0.11)])
    alone = fit_levels([*anchors, Sample(1, 9, 0.11), Sample(1, 9, 0.11)])
    assert connected.level(1) == pytest.approx(0.1)
    assert connected.bound(1) > 0.08
    assert alone.level(1) - alone.bound(1) > 2 * (connected.level(1) - connected.bound(1))
