"""The torture in short: every part for a moment, with a new seed each time, which is printed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.torture.parts import parts

SECONDS = {"damage": 0.5, "fuzz": 0.5, "crowd": 0.0, "web": 0.5, "flood": 1.0, "storm": 3.0}
"""How long each part lasts at least."""


@pytest.mark.mpi
@pytest.mark.parametrize(
    "part", [pytest.param(part, marks=[pytest.mark.slow] if part == "crowd" else []) for part in SECONDS]
)
def test_nothing_is_found(part: str, home: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"python -m tests.torture --only {part} --seed {seed}")
    outcome = parts([])[part](seed, SECONDS[part])
    assert outcome.problems == []
