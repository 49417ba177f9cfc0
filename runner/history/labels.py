"""Names, tags and notes of runs.

The directory of an ended run never changes, so labels are stored outside of it: one log for all runs, one
line a change. A change is one appended line with only the changed fields, so two writers never undo each
other's changes; an incomplete or unknown line is skipped.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from runner.events.journal import LineReader, append_line
from runner.run import layout
from runner.util import paths
from runner.util.bounds import Wall
from runner.util.errors import UserError
from runner.util.files import make_folders

TAG = re.compile(r"[^\W_][\w.:/=@%-]{0,39}")
TAG_RULE = "a tag starts with a letter or digit, contains only these and . _ : / = @ % -, and has at most 40"
MAX_NAME = 80
MAX_NOTE = 4000


class Label(msgspec.Struct, frozen=True):
    """Name, tags and note of one run."""

    name: str = ""
    tags: tuple[str, ...] = ()
    """sorted, each once"""
    note: str = ""


class LabelChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the log: the changed fields of one run; other fields keep their values."""

    run: str
    wall: Wall
    """seconds since 1970"""
    name: str | None = None
    note: str | None = None
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    forget: bool = False
    """remove all labels: the run was deleted permanently"""


UNLABELLED = Label()
_decoder = msgspec.json.Decoder(LabelChange)


class Labels:
    """Reader of the log that can be called often: without new lines it costs one `stat`."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or paths.labels_file()
        self._reset()

    def _reset(self) -> None:
        self._lines = LineReader(self._path)
        self._file: tuple[int, int] | None = None
        self.by_run: dict[str, Label] = {}
        """labels of the runs that have any"""

    def read(self) -> bool:
        """Read new lines; return whether anything changed."""
        try:
            status = os.stat(self._path)
        except OSError:
            had_labels = bool(self.by_run)
            self._reset()
            return had_labels
        file = (status.st_dev, status.st_ino)
        replaced = file != self._file or status.st_size < self._lines.offset
        if replaced:
            self._reset()
            self._file = file
        changed = False
        while chunk := self._lines.read():
            for line in chunk.splitlines():
                changed |= self._apply_line(line)
        return changed or replaced

    def _apply_line(self, line: bytes) -> bool:
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
        """Return the label of a run."""
        return self.by_run.get(run, UNLABELLED)


def _applied(label: Label, change: LabelChange) -> Label:
    if change.forget:
        return UNLABELLED
    return Label(
        name=label.name if change.name is None else change.name,
        note=label.note if change.note is None else change.note,
        tags=tuple(sorted((set(label.tags) | set(change.add)) - set(change.remove))),
    )


def label_of(run: str) -> Label:
    """Return the label of one run."""
    labels = Labels()
    labels.read()
    return labels.of(run)


# --- changes -----------------------------------------------------------------------------------------------


def rename(run: str, name: str) -> None:
    """Set the display name of a run; an empty name removes it. The id of the run does not change.

    Raises:
        UserError: the name is invalid, or the log cannot be written.
    """
    if problem := name_problem(name):
        raise UserError(problem)
    _append(LabelChange(run=run, wall=time.time(), name=name.strip()))


def annotate(run: str, note: str) -> None:
    """Set the note of a run; an empty note removes it.

    Raises:
        UserError: the note is too long, or the log cannot be written.
    """
    if problem := note_problem(note):
        raise UserError(problem)
    _append(LabelChange(run=run, wall=time.time(), note=note.strip()))


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
        _append(LabelChange(run=run, wall=time.time(), add=added, remove=removed))


def put(run: str, label: Label) -> None:
    """Give a run without labels a whole label, completely or not at all.

    Raises:
        UserError: a part of it is invalid, or the log cannot be written.
    """
    if problem := label_problem(label):
        raise UserError(problem)
    if label != UNLABELLED:
        _append(LabelChange(run=run, wall=time.time(), name=label.name, note=label.note, add=label.tags))


def forget(runs: Iterable[str]) -> None:
    """Remove the labels of permanently deleted runs."""
    labels = Labels()
    labels.read()
    for run in runs:
        if labels.of(run) != UNLABELLED:
            _append(LabelChange(run=run, wall=time.time(), forget=True))


def tag_changes(words: Iterable[str]) -> tuple[list[str], list[str]]:
    """Split arguments into tags to add (`+fast`, `fast`) and tags to remove (`-slow`)."""
    add, remove = [], []
    for word in words:
        if word.startswith("-"):
            remove.append(word[1:])
        else:
            add.append(word.removeprefix("+"))
    return add, remove


def name_problem(name: str) -> str:
    """Return why a name is invalid; empty: it is valid."""
    if len(name.strip()) > MAX_NAME:
        return f"a run name has at most {MAX_NAME} characters, this one has {len(name.strip())}"
    if name.strip() == "last":
        return "'last' cannot be the name of a run: it always means the newest run"
    return "" if name.isprintable() else "a run name has only printable characters, on one line"


def note_problem(note: str) -> str:
    """Return why a note is invalid; empty: it is valid."""
    if len(note) > MAX_NOTE:
        return f"a note has at most {MAX_NOTE} characters, this one has {len(note)}"
    if not all(char.isprintable() or char in "\n\t" for char in note):
        return "a note has only printable characters, tabs and newlines"
    return ""


def label_problem(label: Label) -> str:
    """Return why a label is invalid; empty: it is valid."""
    problem = name_problem(label.name) or note_problem(label.note)
    return problem or ("" if all(map(TAG.fullmatch, label.tags)) else TAG_RULE)


def _append(change: LabelChange) -> None:
    path = paths.labels_file()
    try:
        line = msgspec.json.encode(change) + b"\n"
    except UnicodeEncodeError:
        raise UserError(f"{change.run!r}: a run whose name is not valid text cannot have labels") from None
    try:
        make_folders(path.parent)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            # Appending is atomic on a local disk; the lock also covers network disks and the incomplete line.
            fcntl.flock(file, fcntl.LOCK_EX)
            end = os.fstat(file).st_size
            torn = end > 0 and os.pread(file, 1, end - 1) != b"\n"
            append_line(file, b"\n" * torn + line, end)
            os.fdatasync(file)
        finally:
            os.close(file)
    except OSError as error:
        raise UserError(f"{path}: cannot write the labels: {error.strerror}") from None
