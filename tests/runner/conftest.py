"""Fixtures of tests without a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.slurm import SlurmPrograms


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SlurmPrograms:
    """Slurm, whose programs answer what a test says."""
    for name in ("SLURM_JOB_ID", "SLURMD_NODENAME", "SLURM_JOB_NODELIST"):
        monkeypatch.delenv(name, raising=False)
    return SlurmPrograms(tmp_path / "slurm", monkeypatch)
