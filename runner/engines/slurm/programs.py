"""Call the programs of Slurm, with a time limit and without settings that change their output."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

ANSWER_S = 15.0
"""How long a program may take; a busy or restarted controller answers after seconds."""
_SETTINGS = re.compile(r"(SQUEUE|SACCT|SCONTROL|SINFO)_\w+")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program of Slurm answered."""

    output: str
    problem: str
    """why there is no answer, in the words of the program; empty: there is one"""
    notes: str = ""
    """what it wrote to stderr"""
    missing: bool = False
    """the program is not installed here"""


def ask(argv: Sequence[str], timeout: float = ANSWER_S, *, stdin: str = "") -> Answer:
    """Run a program of Slurm with an input, and return its output; times in it are seconds since 1970."""
    env = {name: value for name, value in os.environ.items() if not _SETTINGS.fullmatch(name)}
    try:
        done = subprocess.run(
            list(argv),
            input=stdin.encode(),
            capture_output=True,
            timeout=timeout,
            check=False,
            env={**env, "SLURM_TIME_FORMAT": "%s"},
        )
    except FileNotFoundError:
        return Answer("", f"there is no {argv[0]} on PATH", missing=True)
    except subprocess.TimeoutExpired:
        return Answer("", f"{argv[0]} did not answer within {timeout:.0f} s")
    except OSError as error:
        return Answer("", f"{argv[0]}: {error.strerror}")
    output = done.stdout.decode("utf-8", "replace")
    notes = done.stderr.decode("utf-8", "replace")
    if done.returncode == 0:
        return Answer(output, "", notes)
    return Answer(output, _reasons(notes, argv[0], done.returncode), notes)


def _reasons(stderr: str, program: str, code: int) -> str:
    """Return the errors of a program on one line, without its name: `Invalid partition name specified`."""
    prefix = re.compile(rf"^{re.escape(os.path.basename(program))}: (error: |fatal: )?")
    lines = [prefix.sub("", line.strip()) for line in stderr.splitlines() if line.strip()]
    return "; ".join(dict.fromkeys(lines)) or f"{program} ended with exit code {code}"
