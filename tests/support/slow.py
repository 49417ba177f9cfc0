"""Cases of a test of which the first few are enough for each run of the suite."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def first_of(cases: Iterable[Any], fast: int = 1) -> list[Any]:
    """Return the cases as parameters; those after the first `fast` ones are marked as slow."""
    return [
        case if number < fast else pytest.param(case, marks=pytest.mark.slow)
        for number, case in enumerate(cases)
    ]
