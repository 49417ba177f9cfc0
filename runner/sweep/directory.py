"""The directory of a sweep: create it, find sweeps, read and write the log."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import time
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from runner.events.journal import LineReader, append_line
from runner.plan import redaction
from runner.plan.plan import Configuration
from runner.profile.yaml_file import parse_yaml
from runner.run import layout
from runner.sweep.spec import SCHEMA, SweepCell, SweepSpec, values_at
from runner.sweep.tune_terms import MOST_POINTS
from runner.util import paths
from runner.util.bounds import Count, Duration, Repeat, Wall
from runner.util.errors import UserError
from runner.util.files import FOLDER_MODE, make_folders, read_file, write_atomically

if TYPE_CHECKING:
    pass

SPEC = layout.SWEEP
LOG = "log.jsonl"
MOST_RUNS = 100_000
"""of a sweep; readers look at each"""
FAILED_TOO = "failed-too"
"""marker file: the next sweep runner measures failed configurations again"""
RUNNER_LOG = "conductor.log"
"""output of the sweep runner; the name is that of earlier versions"""

Outcome = Literal["done", "decided", "memory", "failed", "stopped", "lost"]
"""outcome of a configuration: measured, measured until its interval decided, out of memory, or how its run
ended before it was measured"""


RunName = Annotated[str, Meta(pattern=r"\A(?!\.)[A-Za-z0-9._-]+\Z")]
"""the name of the directory of a run, which is joined to the path of the others"""


class LogEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """One line of the log."""

    wall: Wall
    """seconds since 1970"""


class SweepBegun(LogEntry, frozen=True, kw_only=True, tag="begun"):
    """A sweep runner started or resumed the sweep. What was stopped or lost is measured again."""

    failed_too: bool = False
    """failed configurations are measured again, too"""
    spec: str = ""
    """fingerprint of `sweep.json`: cell numbers are only valid with this content"""


class SweepRunStarted(LogEntry, frozen=True, kw_only=True, tag="started"):
    """A run was started for these configurations of a cell."""

    cell: Count
    repeat: Repeat
    run: RunName
    configurations: list[Configuration]


class SweepRunRefused(LogEntry, frozen=True, kw_only=True, tag="refused"):
    """A run could not be started."""

    cell: Count
    repeat: Repeat
    why: str
    configurations: list[Configuration]


class MeasuredConfiguration(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The outcome of one configuration in a run."""

    configuration: Configuration
    outcome: Outcome
    why: str = ""


class SweepRunEnded(LogEntry, frozen=True, kw_only=True, tag="settled"):
    """A run ended. Configurations that were requested and are not listed here are not measured yet."""

    cell: Count
    repeat: Repeat
    run: RunName
    seconds: Duration
    """how long it took"""
    preparing: Duration = 0.0
    """the part of it that was spent on shared artifacts: requests, checkpoint, engine"""
    unmade: str = ""
    """key of the artifact that it failed to make, of `known_failures.failed_artifact_key`; empty: none"""
    measured: list[MeasuredConfiguration]


class SweepCellAdded(LogEntry, frozen=True, kw_only=True, tag="cell"):
    """A tuning chose a cell."""

    added: SweepCell
    purpose: str = ""
    """what for, of `runner.sweep.tune.search`"""


class SweepConfirming(LogEntry, frozen=True, kw_only=True, tag="confirming"):
    """The search of a tuning is over; its winner is measured alternately with the baseline."""

    baseline: Count
    winner: Count
    repeats: Repeat
    """runs of each"""
    before: tuple[Repeat, Repeat]
    """repeats of both that the search measured"""
    why: str = ""
    """why the search ended, of `runner.sweep.tune.search`"""


class SweepStopping(LogEntry, frozen=True, kw_only=True, tag="stopping"):
    """A stop was requested."""

    by: str


class SweepEnded(LogEntry, frozen=True, kw_only=True, tag="ended"):
    """The sweep ended, or its sweep runner did."""

    status: Literal["finished", "stopped", "failed"]
    why: str = ""


AnyLogEntry = (
    SweepBegun
    | SweepCellAdded
    | SweepRunStarted
    | SweepRunRefused
    | SweepRunEnded
    | SweepConfirming
    | SweepStopping
    | SweepEnded
)
_decoder = msgspec.json.Decoder(AnyLogEntry)


def decode_entry(line: bytes) -> AnyLogEntry | None:
    """Return the entry in a line of the log; None: it is no valid entry."""
    try:
        entry: AnyLogEntry = _decoder.decode(line)
        return entry
    except layout.UNREADABLE:
        return None


def create_sweep(sweep: SweepSpec) -> Path:
    """Create the directory of a new sweep.

    Raises:
        UserError: the directory cannot be created (no permission, disk full).
    """
    directory = paths.sweeps_dir() / layout.new_run_id(sweep.name, sweep.created)
    try:
        make_folders(directory.parent)
        directory.mkdir(mode=FOLDER_MODE)
        # As for a run: only the owner may read a file that contains a secret.
        profiles = (parse_yaml(cell.profile, SPEC)[0] for cell in sweep.cells if cell.profile)
        mode = 0o600 if any(map(redaction.has_secrets, profiles)) else 0o644
        write_atomically(directory / SPEC, msgspec.json.format(msgspec.json.encode(sweep)), mode=mode)
    except OSError as error:
        shutil.rmtree(directory, ignore_errors=True)
        raise UserError(
            f"{directory}: cannot create the directory of the sweep: {error.strerror}",
            hint="sweeps are kept under $TRTBENCH_HOME, else ~/.local/state/trtbench; make room there",
        ) from None
    return directory


def load_sweep(directory: Path) -> SweepSpec:
    """Return the contents of `sweep.json`.

    Raises:
        UserError: the directory holds no sweep that this version can read.
    """
    try:
        sweep = msgspec.json.decode(read_file(directory / SPEC), type=SweepSpec)
    except OSError as error:
        raise UserError(f"{directory}: not a sweep: {SPEC}: {error.strerror}") from None
    except layout.UNREADABLE as error:
        raise UserError(f"{directory / SPEC}: cannot be read as a sweep: {error}") from None
    if sweep.schema > SCHEMA:
        raise UserError(
            f"{directory / SPEC}: written by a newer version of trtbench-tui (schema {sweep.schema})"
        )
    if problem := _contradiction(sweep):
        raise UserError(f"{directory / SPEC}: cannot be read as a sweep: {problem}")
    return sweep


def _contradiction(sweep: SweepSpec) -> str:
    """Return what no sweep of this program has, so that readers need not check it; empty: nothing."""
    if any(cell.number != place for place, cell in enumerate(sweep.cells)):
        return "its cells are not numbered in their order"
    if len(sweep.cells) * sweep.repeat > MOST_RUNS:
        return f"more than {MOST_RUNS} runs"
    if sweep.tune is None:
        odd = (cell.number for cell in sweep.cells if not _is_on_axes(sweep, cell))
        return next((f"cell {number} is not on its axes" for number in odd), "")
    if not sweep.cells:
        return "a tuning without a baseline"
    lengths = [(axis.path, len(axis.values)) for axis in sweep.axes]
    if lengths != [(axis.path, len(axis.values)) for axis in sweep.tune.axes]:
        return "its axes are not those of its search"
    if math.prod(length for _, length in lengths) > MOST_POINTS:
        return f"a search of more than {MOST_POINTS} points"
    return ""


def _is_on_axes(sweep: SweepSpec, cell: SweepCell) -> bool:
    """Check that each axis has the values of all configurations of a cell, or of any if it has none."""
    measured = cell.configurations or [one for other in sweep.cells for one in other.configurations][:1]
    values = [values_at(cell, one) for one in measured]
    return all(one.get(axis.path) in axis.values for one in values for axis in sweep.axes if axis.values)


def fingerprint(directory: Path) -> str:
    """Return a hash of `sweep.json`; empty if it cannot be read."""
    try:
        return hashlib.sha256(read_file(directory / SPEC)).hexdigest()[:16]
    except OSError:
        return ""


def find_unlogged_runs(directory: Path, known: Container[str]) -> list[SweepRunStarted]:
    """Return log entries for runs whose sweep runner was killed before it could log their start.

    Args:
        directory: the sweep.
        known: ids of the runs in its log.
    """
    from runner.history.sweep_lookup import runs_of_sweep  # reading a sweep does not need it

    return [
        SweepRunStarted(
            wall=time.time(),
            cell=one.sweep.cell,
            repeat=one.sweep.repeat,
            run=one.run,
            configurations=layout.load_plan(one.run_dir).configurations,
        )
        for one in reversed(runs_of_sweep(directory.name))
        if one.sweep is not None and one.run not in known
    ]


class LogWriter:
    """Append entries to the log; the caller holds the lock of the sweep, so there is only one writer."""

    def __init__(self, directory: Path) -> None:
        """Open the log, and terminate an incomplete last line, which readers then skip.

        Raises:
            OSError: the file cannot be opened.
        """
        self._file = os.open(directory / LOG, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")

    def write(self, entry: AnyLogEntry) -> None:
        """Append an entry completely or not at all, and flush it to disk.

        Raises:
            OSError: the disk is full or gone.
        """
        append_line(self._file, msgspec.json.encode(entry) + b"\n", os.fstat(self._file).st_size)
        os.fdatasync(self._file)

    def close(self) -> None:
        os.close(self._file)


class LogReader:
    """Follow the log of a sweep; lines that are no valid entry are skipped."""

    def __init__(self, directory: Path) -> None:
        self._lines = LineReader(directory / LOG)

    def read(self) -> list[AnyLogEntry]:
        """Return the entries that were added since the last call."""
        found: list[AnyLogEntry] = []
        while chunk := self._lines.read():
            for line in chunk.splitlines():
                if (entry := decode_entry(line)) is not None:
                    found.append(entry)
        return found
