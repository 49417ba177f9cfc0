"""A sweep on disk: making its directory, finding sweeps, and the log that grows in it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from runner import paths
from runner.errors import UserError
from runner.events.journal import LineReader, append_whole
from runner.history.lookup import find_run, the_one
from runner.plan import redaction
from runner.plan.plan import Configuration
from runner.profile.file import parse_yaml
from runner.run import layout
from runner.run.layout import list_sweeps
from runner.sweep.spec import SCHEMA, Sweep
from runner.util.files import read, write_atomically

if TYPE_CHECKING:
    from runner.history import run_entry

SPEC = "sweep.json"
LOG = "log.jsonl"
FAILED_TOO = "failed-too"
"""file that is there when the next conductor is to repeat what failed"""

Outcome = Literal["done", "memory", "failed", "stopped", "lost"]
"""of a configuration in a run: measured, out of memory, or how its run ended before it was measured"""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """One line of the log."""

    wall: float
    """seconds since 1970"""


class Begun(Entry, frozen=True, kw_only=True, tag="begun"):
    """A conductor took the sweep up: at first, or again. What was stopped or lost is open again."""

    failed_too: bool = False
    """what failed is open again as well"""
    spec: str = ""
    """fingerprint of what the sweep consists of: numbers of cells mean nothing in another"""


class Started(Entry, frozen=True, kw_only=True, tag="started"):
    """A run was started for these configurations of a cell."""

    cell: int
    repeat: int
    run: str
    configurations: list[Configuration]


class Refused(Entry, frozen=True, kw_only=True, tag="refused"):
    """A run could not be started."""

    cell: int
    repeat: int
    why: str
    configurations: list[Configuration]


class Measured(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one configuration came out of a run."""

    configuration: Configuration
    outcome: Outcome
    why: str = ""


class Settled(Entry, frozen=True, kw_only=True, tag="settled"):
    """A run ended. Configurations that it was asked for and are not named here are still to be measured."""

    cell: int
    repeat: int
    run: str
    seconds: float
    """how long it took"""
    preparing: float = 0.0
    """how much of that went into what is kept and shared: requests, checkpoint, engine"""
    unmade: str = ""
    """which command failed to make one of those, as `making.failed_making` says it"""
    measured: list[Measured]


class Stopping(Entry, frozen=True, kw_only=True, tag="stopping"):
    by: str


class Ended(Entry, frozen=True, kw_only=True, tag="ended"):
    status: Literal["finished", "stopped", "failed"]
    why: str = ""


AnyEntry = Begun | Started | Refused | Settled | Stopping | Ended
_decoder = msgspec.json.Decoder(AnyEntry)


def create(sweep: Sweep) -> Path:
    """Make the directory of a new sweep.

    Raises:
        UserError: the directory cannot be made (no permission, disk full).
    """
    directory = paths.sweeps_dir() / layout.new_run_id(sweep.name, sweep.created)
    try:
        directory.mkdir(parents=True, mode=0o755)
        # As of a run: what holds a secret is for its owner alone.
        profiles = (parse_yaml(cell.profile, SPEC)[0] for cell in sweep.cells if cell.profile)
        mode = 0o600 if any(map(redaction.is_in, profiles)) else 0o644
        write_atomically(directory / SPEC, msgspec.json.format(msgspec.json.encode(sweep)), mode=mode)
    except OSError as error:
        shutil.rmtree(directory, ignore_errors=True)
        raise UserError(
            f"{directory}: cannot make the directory of the sweep: {error.strerror}",
            hint="sweeps are kept under $TRTBENCH_HOME, else ~/.local/state/trtbench; it needs room",
        ) from None
    return directory


def load(directory: Path) -> Sweep:
    """The frozen part of a sweep.

    Raises:
        UserError: the directory holds no sweep that this version can read.
    """
    try:
        sweep = msgspec.json.decode(read(directory / SPEC), type=Sweep)
    except OSError as error:
        raise UserError(f"{directory}: not a sweep: {SPEC}: {error.strerror}") from None
    except layout.UNREADABLE as error:
        raise UserError(f"{directory / SPEC}: cannot be read as a sweep: {error}") from None
    if sweep.schema > SCHEMA:
        raise UserError(
            f"{directory / SPEC}: written by a newer version of trtbench-tui (schema {sweep.schema})"
        )
    return sweep


def fingerprint(directory: Path) -> str:
    """What tells the frozen part of a sweep from every other; empty: it cannot be read."""
    try:
        return hashlib.sha256(read(directory / SPEC)).hexdigest()[:16]
    except OSError:
        return ""


def find(name: str) -> Path:
    """A sweep by `last`, its id, a unique part of its id, or its directory.

    Raises:
        UserError: none or several match.
    """
    as_path = Path(os.path.expanduser(name))
    with contextlib.suppress(OSError):  # a name may be longer than any file's
        if (as_path / SPEC).is_file():
            return as_path.resolve()
    known = list_sweeps() if name else []  # nothing is a part of every id, and names no sweep
    if name == "last" and known:
        return known[0]
    exact = [path for path in known if path.name == name or path.name.endswith(f"_{name}")]
    found = exact or [path for path in known if name in path.name]
    where = "`trtbench-tui sweeps ls` lists all sweeps; `last` is the newest"
    if not found:
        _refuse_a_run(name)
    return the_one(found, name, "sweep", where)


def _refuse_a_run(name: str) -> None:
    try:
        run_dir = find_run(name)
        sweep = layout.load_plan(run_dir).sweep
    except UserError:
        return
    whose = f", of the sweep {sweep.sweep}" if sweep else ""
    raise UserError(
        f"{run_dir.name} is a run{whose}, and this takes a sweep",
        hint="`trtbench-tui show`, `stop` and `attach` take a run",
    )


def runs_of(sweep: str) -> list[run_entry.Entry]:
    """The runs of this machine that belong to a sweep, newest first."""
    from runner.history.reader import read_entries  # a sweep is shown without the history

    return [one for one in read_entries() if one.sweep is not None and one.sweep.sweep == sweep]


def unnoted(directory: Path, known: Container[str]) -> list[Started]:
    """Runs that a conductor started and was killed before it could note it, noted as it would have been.

    Args:
        directory: the sweep.
        known: ids of the runs that its log tells of.
    """
    return [
        Started(
            wall=time.time(),
            cell=one.sweep.cell,
            repeat=one.sweep.repeat,
            run=one.run,
            configurations=layout.load_plan(one.run_dir).configurations,
        )
        for one in reversed(runs_of(directory.name))
        if one.sweep is not None and one.run not in known
    ]


class LogWriter:
    """Appends entries; the caller holds the sweep's lock, so there is only one."""

    def __init__(self, directory: Path) -> None:
        """Opens the log, and ends a line that a crash tore, which readers then pass over.

        Raises:
            OSError: the file cannot be opened.
        """
        self._file = os.open(directory / LOG, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")

    def write(self, entry: AnyEntry) -> None:
        """Append an entry, wholly or not at all, and make it survive a power cut.

        Raises:
            OSError: the disk is full or gone.
        """
        append_whole(self._file, msgspec.json.encode(entry) + b"\n", os.fstat(self._file).st_size)
        os.fdatasync(self._file)

    def close(self) -> None:
        os.close(self._file)


class LogReader:
    """Follows the log of a sweep; lines that are no entry of ours are passed over."""

    def __init__(self, directory: Path) -> None:
        self._lines = LineReader(directory / LOG)

    def read(self) -> list[AnyEntry]:
        """Entries that arrived since the last call."""
        found: list[AnyEntry] = []
        while chunk := self._lines.read():
            for line in chunk.splitlines():
                try:
                    found.append(_decoder.decode(line))
                except layout.UNREADABLE:
                    continue
        return found
