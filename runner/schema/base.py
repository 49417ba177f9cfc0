"""What profiles of every engine share: the base of their sections, problems, and how ranks are started."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

# Annotated types, each with what the form and the schema show about it.
PositiveInt = Annotated[int, Meta(ge=1)]
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
VARIABLE_PATTERN = r"[A-Za-z_][A-Za-z0-9_]*"


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of every part of a profile: immutable, and a key it does not know is an error."""


class Problem(msgspec.Struct, frozen=True):
    """One reason why a profile cannot be used, at a dotted path like `parallel.tp`."""

    path: str
    message: str


class Mpirun(Section, frozen=True):
    """How ranks are started."""

    path: Annotated[
        str | None, Meta(description="the mpirun to use; null: the one on PATH, else the bundled one")
    ] = None
    args: Annotated[list[str], Meta(description="further arguments for mpirun, before the program")] = (
        msgspec.field(default_factory=list)
    )


class Launch(Section, frozen=True):
    """The surroundings of the measured processes."""

    python: Annotated[
        str | None,
        Meta(description="interpreter of the measured processes; null: the one trtbench-tui runs in"),
    ] = None
    mpirun: Mpirun = msgspec.field(default_factory=Mpirun)
    env: Annotated[dict[str, str], Meta(description="environment variables of the measured processes")] = (
        msgspec.field(default_factory=dict)
    )


class Benchmark(Section, frozen=True):
    """What is measured. The loop is the reference's: it goes on until num_runs *and* duration are reached."""

    batch_size: Annotated[
        list[PositiveInt], Meta(min_length=1, description="batch sizes; every one with every length pair")
    ] = msgspec.field(default_factory=lambda: [8])
    input_output_len: Annotated[
        list[tuple[PositiveInt, PositiveInt]],
        Meta(min_length=1, description="pairs of input and output length in tokens"),
    ] = msgspec.field(default_factory=lambda: [(128, 20)])
    num_runs: Annotated[
        int, Meta(ge=0, description="at least this many timed iterations a configuration")
    ] = 10
    duration: Annotated[
        int,
        Meta(
            ge=0,
            description="at least this many seconds a configuration; 0: exactly num_runs",
            extra={"unit": "s"},
        ),
    ] = 60
    warm_up: Annotated[int, Meta(ge=0, description="iterations before timing starts, a configuration")] = 2


def loop_problems(num_runs: int, duration: int) -> list[Problem]:
    """The timed loop ends when both minima are reached, so they cannot both be nothing."""
    if num_runs or duration:
        return []
    return [
        Problem(
            "benchmark.num_runs",
            "num_runs and duration are both 0, so nothing would be timed; set one of them",
        )
    ]


def env_problems(names: Iterable[str]) -> list[Problem]:
    """Names in `launch.env` that no shell takes for a variable."""
    return [
        Problem(f"launch.env.{name}", "not a name for a variable; allowed: letters, digits and underscores")
        for name in names
        if not re.fullmatch(VARIABLE_PATTERN, name)
    ]
