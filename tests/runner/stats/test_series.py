"""Series for the eye and batches for statistics: bounded, and nothing that matters is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.stats import Batches, Series


@given(st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=500))
def test_a_series_never_loses_a_spike(values: list[float]) -> None:
    series = Series(capacity=16)
    for t, value in enumerate(values):
        series.add(t, value)
    assert series.n == len(values)
    assert len(series.buckets) <= 16
    for start, bucket in zip(range(0, len(values), series.width), series.buckets, strict=True):
        part = values[start : start + series.width]
        assert (bucket.t, bucket.low, bucket.high) == (start, min(part), max(part))


@given(st.lists(st.floats(min_value=0, max_value=1e6), min_size=1, max_size=500))
def test_batches_are_means_of_neighbours_in_order(values: list[float]) -> None:
    batches = Batches(capacity=16)
    for value in values:
        batches.add(value)
    assert batches.n == len(values)
    assert len(batches.means) < 16
    whole = len(values) // batches.width
    assert len(batches.means) == whole
    for index, mean in enumerate(batches.means):
        part = values[index * batches.width : (index + 1) * batches.width]
        assert mean == pytest.approx(sum(part) / len(part), rel=1e-9, abs=1e-9)


def test_few_values_are_batches_of_their_own() -> None:
    batches = Batches()
    for value in (3.0, 1.0, 2.0):
        batches.add(value)
    assert batches.means == [3.0, 1.0, 2.0]


@pytest.mark.parametrize("step", [1, 3, 7, 100])
def test_many_points_at_once_are_the_same_as_each(step: int) -> None:
    values = [(i * 7919 % 1000) / 7 for i in range(500)]
    series, batches = Series(capacity=16), Batches(capacity=16)
    for i, value in enumerate(values):
        series.add(i, value)
        batches.add(value)
    many, means = Series(capacity=16), Batches(capacity=16)
    for first in range(0, len(values), step):
        part = values[first : first + step]
        many.extend(range(first, first + len(part)), part)
        means.extend(part)
    assert many == series
    assert means == batches
