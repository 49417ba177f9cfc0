"""Names, tags and notes that people give to runs.

A run's directory stays as it is once the run has ended, so these lie beside the runs: one log for all of
them, a line a change. A change is one appended line and says only what it changes, so two writers never undo
each other; a torn or foreign line costs nothing but itself.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from runner import paths
from runner.errors import UserError
from runner.events.journal import LineReader, append_whole
from runner.run import layout

TAG = re.compile(r"[^\W_][\w.:/=@%-]{0,39}")
TAG_RULE = (
    "a tag starts with a letter or digit, goes on with those or one of . _ : / = @ % -, and has at most 40"
)
MAX_NAME = 80
MAX_NOTE = 4000


class Label(msgspec.Struct, frozen=True):
    """What people said about one run."""

    name: str = ""
    tags: tuple[str, ...] = ()
    """from A to Z, each once"""
    note: str = ""


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the log: what is said anew about a run; what is left out stays as it is."""

    run: str
    wall: float
    """seconds since 1970"""
    name: str | None = None
    note: str | None = None
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    forget: bool = False
    """everything that was said is taken back: the run is gone for good"""


UNLABELLED = Label()
_decoder = msgspec.json.Decoder(Change)


class Labels:
    """Reads the log again and again; costs one look at the file when nothing was added."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or paths.labels_file()
        self._start_anew()

    def _start_anew(self) -> None:
        self._lines = LineReader(self._path)
        self._file: tuple[int, int] | None = None
        self.by_run: dict[str, Label] = {}
        """of the runs about which anything was said"""

    def read(self) -> bool:
        """Take in what was added; whether that was anything."""
        try:
            status = os.stat(self._path)
        except OSError:
            known = bool(self.by_run)
            self._start_anew()
            return known
        file = (status.st_dev, status.st_ino)
        replaced = file != self._file or status.st_size < self._lines.offset
        if replaced:
            self._start_anew()
            self._file = file
        changed = False
        while chunk := self._lines.read():
            for line in chunk.splitlines():
                changed |= self._take(line)
        return changed or replaced

    def _take(self, line: bytes) -> bool:
        try:
            change = _decoder.decode(line)
        except layout.UNREADABLE:
            return False
        label = _applied(self.by_run.get(change.run, UNLABELLED), change)
        if label == UNLABELLED:
            self.by_run.pop(change.run, None)
        else:
            self.by_run[change.run] = label
        return True

    def of(self, run: str) -> Label:
        return self.by_run.get(run, UNLABELLED)


def _applied(label: Label, change: Change) -> Label:
    if change.forget:
        return UNLABELLED
    return Label(
        name=label.name if change.name is None else change.name,
        note=label.note if change.note is None else change.note,
        tags=tuple(sorted((set(label.tags) | set(change.add)) - set(change.remove))),
    )


def of(run: str) -> Label:
    """What was said about one run."""
    labels = Labels()
    labels.read()
    return labels.of(run)


# --- saying something --------------------------------------------------------------------------------------


def rename(run: str, name: str) -> None:
    """Give a run a name to be shown by; an empty one takes it back. The run's id stays what it is.

    Raises:
        UserError: this cannot be a name, or the log cannot be written.
    """
    if refused := name_refusal(name):
        raise UserError(refused)
    if name.strip() == "last":
        raise UserError("'last' cannot be the name of a run: it always means the newest one")
    _say(Change(run=run, wall=time.time(), name=name.strip()))


def annotate(run: str, note: str) -> None:
    """Write a note on a run in place of the one there is; an empty one takes it back.

    Raises:
        UserError: the note is too long, or the log cannot be written.
    """
    if refused := note_refusal(note):
        raise UserError(refused)
    _say(Change(run=run, wall=time.time(), note=note.strip()))


def tag(run: str, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
    """Put tags on a run and take others off; one that is there, or not there, already is no error.

    Raises:
        UserError: something cannot be a tag, or the log cannot be written.
    """
    added, removed = tuple(add), tuple(remove)
    for word in (*added, *removed):
        if not TAG.fullmatch(word):
            raise UserError(f"{word!r} cannot be a tag: {TAG_RULE}")
    both = set(added) & set(removed)
    if both:
        raise UserError(f"tag {min(both)!r} is to be added and removed; say one of the two")
    if added or removed:
        _say(Change(run=run, wall=time.time(), add=added, remove=removed))


def forget(runs: Iterable[str]) -> None:
    """Drop what was said about runs that are gone for good."""
    known = Labels()
    known.read()
    for run in runs:
        if known.of(run) != UNLABELLED:
            _say(Change(run=run, wall=time.time(), forget=True))


def tag_changes(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """The tags to add and to remove, from words like `+fast`, `fast` (both add) and `-slow` (removes)."""
    add, remove = [], []
    for word in words:
        if word.startswith("-"):
            remove.append(word[1:])
        else:
            add.append(word.removeprefix("+"))
    return add, remove


def name_refusal(name: str) -> str:
    """Why a run cannot be called this; empty when it can."""
    if len(name.strip()) > MAX_NAME:
        return f"a name of a run has at most {MAX_NAME} characters, this one has {len(name.strip())}"
    return "" if name.isprintable() else "a name of a run has letters and signs that can be seen, on one line"


def note_refusal(note: str) -> str:
    """Why this cannot be a note; empty when it can."""
    if len(note) > MAX_NOTE:
        return f"a note has at most {MAX_NOTE} characters, this one has {len(note)}"
    if not all(char.isprintable() or char in "\n\t" for char in note):
        return "a note has letters and signs that can be seen, tabs and new lines"
    return ""


def _say(change: Change) -> None:
    path = paths.labels_file()
    try:
        line = msgspec.json.encode(change) + b"\n"
    except UnicodeEncodeError:
        raise UserError(f"{change.run!r}: nothing can be said about a run whose name is no text") from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            # Appending is atomic on a local disk; the lock also covers a network's, and the torn line below.
            fcntl.flock(file, fcntl.LOCK_EX)
            end = os.fstat(file).st_size
            torn = end > 0 and os.pread(file, 1, end - 1) != b"\n"
            append_whole(file, b"\n" * torn + line, end)
            os.fdatasync(file)
        finally:
            os.close(file)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from None
