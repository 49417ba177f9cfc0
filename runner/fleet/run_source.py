"""What a run directory of this machine has for the other side: its files and what they gain, less secrets.

Logs are sent by byte offset of the original, in whole lines, so the other side can continue after a cut at
exactly the place that it has. The report comes after the log that it was computed from.
"""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import chain
from pathlib import Path

from runner.archive.pack import public_files
from runner.events import decode_lines
from runner.events.job import JobQueued
from runner.events.journal import LineReader
from runner.fleet.wire import CaughtUp, Piece, Place, Refused, Reply, Restart, Stamp, Whole
from runner.history.job_watch import waiting_job
from runner.history.recovery import recover
from runner.history.run_feed import LIVENESS_S
from runner.plan.masking import Mask, line_mask, mask_of
from runner.run import layout
from runner.util.errors import UserError
from runner.util.files import read_file

PIECE = 1 << 17
"""most bytes of a piece of a log, but for one longer line"""
LOG_TAIL = 4 << 20
"""bytes of the output of a stage that are sent; of a longer one only its end"""
MOST_WHOLE = 16 << 20
"""a larger plan, profile or report is not sent"""
STAGE_LOG = re.compile(r"[0-9]{1,3}-[a-z_]{1,32}\.log")
WHOLE_FILES = (layout.PLAN, layout.PROFILE, layout.REPRO)
SENT_WHOLE = frozenset({*WHOLE_FILES, layout.REPORT})


def is_growing(name: str) -> bool:
    """Check for the name of a file that is sent in pieces."""
    return name == layout.EVENTS or STAGE_LOG.fullmatch(name) is not None


class RunSource:
    """Reads one run for one connection."""

    def __init__(
        self, run_dir: Path, at: Mapping[str, int], have: Mapping[str, Stamp], *, place: bool = False
    ) -> None:
        """Start where the other side is.

        Args:
            run_dir: the run.
            at: offsets of the growing files that it has.
            have: versions of the other files that it has.
            place: send the place of its job in the queue of Slurm until the run starts.

        Raises:
            UserError: the directory is not a run that this version can read.
        """
        self.run = run_dir.name
        self._run_dir = run_dir
        self._plan = layout.load_plan(run_dir)
        self._mask = line_mask(mask_of(self._plan).values)
        self._have = dict(have)
        self._readers: dict[str, LineReader] = {}
        self._at = {name: at for name, at in at.items() if is_growing(name) and at >= 0}
        self._caught_up = False
        self._looked = self._asked = -math.inf
        self._wants_place = place
        self._place: JobQueued | None = None

    @cached_property
    def _public(self) -> Mapping[str, bytes] | None:
        """The files that must not be sent as they are; None: the profile and its like cannot be checked."""
        try:
            return public_files(self._run_dir, self._plan)
        except UserError:
            return None

    def news(self) -> Iterator[Reply]:
        """Yield what the other side does not have yet; ends when there is no more for now."""
        if not self._run_dir.is_dir():
            yield Refused(self.run, "the run was deleted there")
            return
        self._look_after()
        ended = (self._run_dir / layout.REPORT).exists()  # before its log is read: nothing follows a report
        found = False
        for message in chain(
            *map(self._whole, WHOLE_FILES),
            *(self._pieces(name, ended=ended) for name in (layout.EVENTS, *self._stage_logs())),
            self._whole(layout.REPORT) if ended else (),
        ):
            found = True
            yield message
        if not found and self._wants_place:
            yield from self._changed_place()
        if not found and not self._caught_up:
            self._caught_up = True
            yield CaughtUp(self.run)

    def _look_after(self) -> None:
        """Finalise the run if its supervisor died: the other side sees only its log."""
        now = time.monotonic()
        if now - self._looked > LIVENESS_S and not (self._run_dir / layout.REPORT).exists():
            self._looked = now
            recover(self._run_dir, wait=False)

    def _changed_place(self) -> Iterator[Place]:
        """Yield the place of its job in the queue of Slurm if it has changed, until the log begins."""
        now = time.monotonic()
        if now - self._asked < LIVENESS_S or (self._run_dir / layout.EVENTS).exists():
            return
        self._asked = now
        place = waiting_job(self._run_dir, wait=False)
        if place is not None and place != self._place:
            self._place = place
            yield Place(self.run, place)

    def _stage_logs(self) -> list[str]:
        try:
            return sorted(name for name in os.listdir(self._run_dir) if STAGE_LOG.fullmatch(name))
        except OSError:
            return []

    def _whole(self, name: str) -> Iterator[Whole]:
        path = self._run_dir / name
        try:
            status = path.stat()
            stamp = status.st_size, status.st_mtime_ns
            if self._have.get(name) == stamp or status.st_size > MOST_WHOLE:
                return
            content = read_file(path)
        except OSError:
            return
        self._have[name] = stamp
        if name in WHOLE_FILES:
            if self._public is None and name != layout.PLAN:
                return
            content = (self._public or {}).get(name, content)
        yield Whole(self.run, name, stamp, self._mask.apply(content))

    def _pieces(self, name: str, *, ended: bool) -> Iterator[Piece | Restart]:
        reader = self._readers.get(name)
        if reader is None:
            reader = self._readers[name] = LineReader(self._run_dir / name, limit=PIECE)
            reader.offset = self._at.get(name, 0)
        is_log = name != layout.EVENTS
        while True:
            if is_log:
                _skip_middle(reader)
            start = reader.offset
            lines = reader.read()
            if reader.shrunk:
                reader.offset = 0
                yield Restart(self.run, name)
                continue
            if not lines and ended and reader.size > reader.offset:
                lines = reader.rest()
            if not lines:
                return
            data = self._mask.apply(lines) if is_log else _masked_events(self._mask, lines)
            yield Piece(self.run, name, start, reader.offset, data)


def _skip_middle(reader: LineReader) -> None:
    """Move a reader that is far behind to a line near the end of its file."""
    try:
        tail = reader.path.stat().st_size - LOG_TAIL
    except OSError:
        return
    if tail > reader.offset:
        reader.offset = tail
        lines = reader.read()
        reader.offset = tail + lines.find(b"\n") + 1


def _masked_events(mask: Mask, lines: bytes) -> bytes:
    """Return lines of the event log without secrets; a line that would lose its event stays as it is."""
    masked = mask.apply(lines)
    if masked == lines:
        return lines
    return b"".join(_masked_event(mask, line) for line in lines.splitlines(keepends=True))


def _masked_event(mask: Mask, line: bytes) -> bytes:
    masked = mask.apply(line)
    return masked if masked == line or len(decode_lines(masked)) == len(decode_lines(line)) else line
