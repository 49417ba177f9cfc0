"""Programs of Slurm that answer what the real ones answered, and their recorded answers."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from runner.engines.slurm import queue
from tests.support.paths import TESTS

RECORDED = TESTS / "data" / "slurm"
"""Answers of Slurm 22.05 with two nodes and accounting"""


class SlurmPrograms:
    """A folder in front of PATH; without a program in it, Slurm has none of them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir()
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        monkeypatch.setattr(queue, "_queues", {})
        for name in ("sbatch", "squeue", "scontrol", "sacct", "scancel", "sinfo"):
            self.answer(name, error=f"{name}: error: not expected in this test\n", code=1)

    def answer(
        self, name: str, output: str = "", *, error: str = "", code: int = 0, until: str = "sleep"
    ) -> None:
        """Let a program print an answer and end with an exit code; print nothing once `until` was called."""
        program = self.folder / name
        program.write_text(
            f'#!/bin/sh\necho "$@" >> {self.folder}/{name}.calls\n'
            f"[ -e {self.folder}/{until}.calls ] || printf %s {shlex.quote(output)}\n"
            f"printf %s {shlex.quote(error)} >&2\nexit {code}\n"
        )
        program.chmod(0o755)
        queue.forget()

    def calls(self, name: str) -> list[str]:
        """Return the arguments of each call of a program."""
        log = self.folder / f"{name}.calls"
        return log.read_text().splitlines() if log.exists() else []


def recorded(name: str) -> str:
    """Return a recorded answer."""
    return (RECORDED / f"{name}.txt").read_text()
