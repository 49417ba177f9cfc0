"""Programs that answer as those of Slurm did."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

Answering = Callable[..., None]


@pytest.fixture
def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answering:
    """Install a program with a recorded answer: `answering("sbatch", "17\\n", error="", code=0)`."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def install(name: str, output: str = "", *, error: str = "", code: int = 0) -> None:
        program = folder / name
        program.write_text(
            f'#!/bin/sh\necho "$@" >> {folder}/{name}.calls\n'
            f"printf %s {shlex.quote(output)}\nprintf %s {shlex.quote(error)} >&2\nexit {code}\n"
        )
        program.chmod(0o755)

    return install
