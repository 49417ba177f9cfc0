"""Runs of light ranks as jobs on two nodes of a real Slurm."""

from __future__ import annotations

from pathlib import Path

from runner.report.files import read_state
from tests.support.cluster import Slurm, product
from tests.support.runs import wait_for


def submit(slurm: Slurm, mode: str, options: str = "") -> Path:
    """Start a run with one light rank on each of two nodes, on the login host."""
    light = product.light_python(slurm.folder, mode)
    return product.start(slurm.login, product.with_slurm(f"mpi: pmi2, {options}", python=light), slurm.folder)


def submit_endless(slurm: Slurm, options: str = "") -> Path:
    """The same with ranks that do not end by themselves; wait until they measure."""
    run_dir = submit(slurm, "endless", options)
    wait_for(lambda: len(read_state(run_dir).ranks) == 2, "both ranks", pause=0.2)
    return run_dir
