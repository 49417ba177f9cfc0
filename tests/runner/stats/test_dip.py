"""The dip: published values, and its limits."""

from __future__ import annotations

import pytest

from runner.stats.dip import dip

STATFACULTY = (
    "30 33 35 36 37 37 39 39 39 39 39 40 40 40 40 41 42 43 43 43 44 44 45 45 46 46 47 47 48 48 48 49 50 50 51"
    " 52 52 53 53 53 53 53 54 54 57 57 59 60 60 60 61 61 61 61 62 62 62 62 63 66 70 72 72"
)
"""quality of 63 statistics departments, the example of Hartigan & Hartigan (1985)"""


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([float(one) for one in STATFACULTY.split()], 0.05952381),
        ([1.0] * 8 + [2.0] * 8, 0.25),
        ([float(one) for one in range(10)], 1 / 20),
        ([3.0] * 5, 1 / 10),
    ],
    ids=["published", "two values", "uniform", "one value"],
)
def test_dip_is_as_published_or_at_its_limit(values: list[float], expected: float) -> None:
    assert dip(values) == pytest.approx(expected, abs=1e-8)
