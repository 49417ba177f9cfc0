"""Collect events of a stage from files that grow: the records of its ranks and its output."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from runner import events as ev
from runner.engines.diagnosis import Diagnosis
from runner.engines.output import LineParser, OutputNotice, OutputReader
from runner.events.journal import LineReader
from runner.plan.plan import MOST_CONFIGURATIONS
from runner.run.layout import UNREADABLE
from runner.supervision import raw_output

RECORD_MARK = b"\x1e"
"""Starts a record that a rank printed because it could not write its file."""

MAX_LINE_BYTES = 1 << 14
"""Bytes of a line that are parsed; the end of a long progress bar has its current state."""

PIECE = 1 << 12
"""Bytes of output that are parsed between two looks at the clock."""
SHARE = 0.2
"""Maximum share of time spent on parsing output, so that a program that prints a lot is not slowed down."""
BUDGET_S = 0.005
"""How long output is parsed before other work is due."""
MAX_LAG = 16 << 20
"""Unread bytes of output beyond which most are skipped; a program can print faster than lines are parsed."""
SKIP_S = 0.25
"""How long skipped output is searched for lines that a run needs, before other work is due."""
LAST_SKIP_S = 10.0
"""The same after the stage has ended; less than a stop waits for a supervisor."""
RECENT = 1 << 18
"""Bytes at the end of skipped output that are parsed all the same."""
CATCH_UP_S = 3.0
"""How long output is parsed after its stage has ended; the rest is skipped."""
MOST_FILES = 128
"""Files of ranks that are read in a call: each of 1,024 is read every 0.2 s, at an eighth of the cost."""
LIST_S = 1.0
"""How often the folder of the records is listed when all ranks have a file."""
MARKED_LINES = 100
"""Maximum number of marked lines that are parsed in a megabyte of skipped output."""
_SKIPPED = OutputNotice(
    "the program prints faster than its output can be read: parts of it were not searched for progress or"
    " errors"
)
_TOO_MANY = OutputNotice(
    f"the program printed more than {MOST_CONFIGURATIONS} results: the further ones are only in its log"
)
_DROPPED = OutputNotice(
    f"the program printed more than {raw_output.LIMIT >> 20} MiB: its log keeps the first"
    f" {raw_output.HEAD >> 20} MiB and the end"
)


@dataclass(slots=True)
class Collector:
    """Follow one stage; every call of `collect` returns the new events."""

    stage: int
    records: Path
    """folder of the ranks' files"""
    log: LineReader
    output: OutputReader
    diagnosis: Diagnosis = field(init=False)
    ranks: int = 1
    """of the stage"""
    convert: Callable[[str, int], int] = lambda _host, t: t
    """turns a time of a rank's host into one of this machine (CLOCK_MONOTONIC, ns)"""
    iterations: LineReader | None = None
    """the iteration log of the stage's program; None: it has none, or none on this machine"""
    hanging: str = ""
    """why the stage will never end by itself; empty: no sign of that"""
    ending: str = ""
    """what the program must finish after its measurement; empty: it has not measured yet"""
    no_result_reason: str = ""
    """why the program measured nothing although it succeeded; empty while it gave no reason"""
    bad_records: int = 0
    _results: int = 0
    _files: dict[str, LineReader] = field(default_factory=dict)
    _turn: int = 0
    """place of the next file of a rank to read"""
    _list_at: float = 0.0
    """when the folder of the records is listed again (monotonic, s), once all ranks have a file"""
    _hosts: dict[int, str] = field(default_factory=dict)
    """rank -> its host, as its first record names it"""
    _forwarded: list[bytes] = field(default_factory=list)
    """lines of ranks whose files only another node sees"""
    _forwarded_bytes: int = 0
    _resume_at: float = 0.0
    """when output may be parsed again (monotonic, s)"""
    _notices: set[str] = field(default_factory=set)
    _progress: LineParser | None = field(init=False)
    _memory: LineParser | None = field(init=False)

    def __post_init__(self) -> None:
        self.diagnosis = Diagnosis(self.output.known_failures)
        self._progress = self.output.progress_parser() if self.output.progress_parser is not None else None
        self._memory = self.output.memory_parser() if self.output.memory_parser is not None else None

    def collect(self, now: int) -> list[ev.AnyEvent]:
        """Return the events of complete lines; `now` is the time of events without one."""
        return [*self._from_files(), *self._from_log(now), *self._from_iterations(now)]

    def finish(self, now: int) -> list[ev.AnyEvent]:
        """Return the remaining events after the stage ended, including an incomplete last line."""
        # A result belongs to a configuration that the records of the ranks announce, so these come first.
        events = [*self._from_files(every=True), *self._catch_up(now)]
        before = -1
        while (position := self.position()) != before:
            before = position
            events += [*self._from_files(every=True), *self._from_iterations(now)]
        events += self._lines(self.log.rest(), now)
        if self.iterations is not None:
            events += self._iterations(self.iterations.rest(), now)
        return events

    def limit_output(self, now: int) -> list[ev.AnyEvent]:
        """Limit the size of the log on disk; return the events in what is dropped from it."""
        if raw_output.size(self.log.path) <= raw_output.LIMIT:
            return []
        events = list(self._skip(now, SKIP_S))
        try:
            self.log.offset = raw_output.drop_middle(self.log.path, self.log.offset)
        except OSError:
            return events  # the next call tries again
        return [*events, *self.notify(_DROPPED, now)]

    def forward(self, lines: bytes) -> None:
        """Take complete lines of a rank that another node has sent."""
        self._forwarded.append(lines)
        self._forwarded_bytes += len(lines)

    def position(self) -> int:
        """Return the number of bytes read so far; constant while the stage is silent."""
        own = [self.log, *self._files.values(), *([self.iterations] if self.iterations is not None else [])]
        return self._forwarded_bytes + sum(reader.offset for reader in own)

    def _from_files(self, *, every: bool = False) -> Iterator[ev.AnyEvent]:
        """Read what the ranks wrote; of more than `MOST_FILES` ranks some in each call, unless `every`."""
        forwarded, self._forwarded = self._forwarded, []
        for line in b"".join(forwarded).splitlines():
            yield from self._record(line)
        if every or len(self._files) < self.ranks or time.monotonic() > self._list_at:
            self._list_files()
        readers = list(self._files.values())
        if not every and len(readers) > MOST_FILES:
            self._turn %= len(readers)
            readers = (readers + readers)[self._turn : self._turn + MOST_FILES]
            self._turn += MOST_FILES
        for reader in readers:
            for line in reader.read().splitlines():
                yield from self._record(line)

    def _list_files(self) -> None:
        self._list_at = time.monotonic() + LIST_S
        try:
            names = os.listdir(self.records)
        except OSError:
            return
        for name in names:
            if name.endswith(".jsonl") and name not in self._files:
                self._files[name] = LineReader(self.records / name)

    def _from_log(self, now: int) -> Iterator[ev.AnyEvent]:
        began = time.monotonic()
        if began < self._resume_at:
            return
        yield from self._parse(now, deadline=began + BUDGET_S)
        if self.log.size - self.log.offset > MAX_LAG:
            yield from self._skip(now, SKIP_S)
        ended = time.monotonic()
        if ended - began > BUDGET_S:
            self._resume_at = ended + (ended - began) * (1 / SHARE - 1)
        if self._progress is not None:
            # A progress bar is one line that is rewritten repeatedly.
            yield from _optional(
                self._progress(self.log.pending().decode("utf-8", "replace"), now, self.stage)
            )

    def _catch_up(self, now: int) -> Iterator[ev.AnyEvent]:
        """Parse the rest of the output, for a limited time."""
        yield from self._parse(now, deadline=time.monotonic() + CATCH_UP_S)
        yield from self._skip(now, LAST_SKIP_S)
        yield from self._parse(now, deadline=math.inf)

    def _parse(self, now: int, *, deadline: float) -> Iterator[ev.AnyEvent]:
        """Parse unread output, at least a piece of it, until a time (monotonic, s)."""
        while chunk := self.log.read():
            start = 0
            while start < len(chunk):
                end = chunk.find(b"\n", start + PIECE) + 1 or len(chunk)
                yield from self._lines(chunk[start:end], now)
                start = end
                if time.monotonic() > deadline:
                    self.log.offset -= len(chunk) - start
                    return

    def _skip(self, now: int, seconds: float) -> Iterator[ev.AnyEvent]:
        """Skip unread output except its end; parse only the lines in it that a run cannot do without.

        A program can write faster than these are found. Then the supervisor would only search, and neither
        stop the run nor limit its log; so after `seconds` the rest is skipped without a look.
        """
        end = raw_output.size(self.log.path) - RECENT
        deadline = time.monotonic() + seconds
        while self.log.offset < end and (chunk := self.log.read()):
            yield from self._lines(self._marked(chunk), now)
            yield from self.notify(_SKIPPED, now)
            if time.monotonic() > deadline:
                self.log.offset = max(self.log.offset, end)

    def _marked(self, chunk: bytes) -> bytes:
        """Return the lines with records of ranks, and the first of those with marks of the engine."""
        lines: list[tuple[int, int]] = []
        for mark in (RECORD_MARK, *self.output.marks):
            most = len(lines) + (len(chunk) if mark == RECORD_MARK else MARKED_LINES)
            at = chunk.find(mark)
            while at >= 0 and len(lines) < most:
                end = chunk.find(b"\n", at)
                end = len(chunk) if end < 0 else end
                lines.append((chunk.rfind(b"\n", 0, at) + 1, end))
                at = chunk.find(mark, end)
        return b"\n".join(chunk[start:end] for start, end in sorted(set(lines)))

    def _from_iterations(self, now: int) -> Iterator[ev.AnyEvent]:
        if self.iterations is not None:
            yield from self._iterations(self.iterations.read(), now)

    def _iterations(self, chunk: bytes, now: int) -> Iterator[ev.AnyEvent]:
        for line in chunk.splitlines():
            yield from _optional(
                self.output.parse_iteration(_shortened(line).decode("utf-8", "replace"), now, self.stage)
            )

    def _lines(self, chunk: bytes, now: int) -> Iterator[ev.AnyEvent]:
        for line in chunk.split(b"\n"):
            if RECORD_MARK in line:
                # Launchers add prefixes such as "[1,3]<stdout>: "; the record starts at the mark.
                record = line.rpartition(RECORD_MARK)[2]
                if record.startswith(b"{"):
                    yield from self._record(record)
                continue
            text = _shortened(line).decode("utf-8", "replace")
            self.diagnosis.feed(text)
            self.hanging = self.hanging or self.output.hang_reason(text, self.ranks) or ""
            ending = self.output.shutdown_step(text)
            self.ending = self.ending if ending is None else ending
            if self._progress is not None:
                yield from _optional(self._progress(text, now, self.stage))
            if self._memory is not None:
                yield from _optional(self._memory(text, now, self.stage))
            notice = self.output.parse_notice(text)
            if notice is not None:
                yield from self.notify(notice, now)
            result = self.output.parse_result(text)
            if result is not None:
                self._results += 1
                if self._results <= MOST_CONFIGURATIONS:
                    yield ev.Result(t=now, stage=self.stage, values=result)
                else:
                    yield from self.notify(_TOO_MANY, now)

    def notify(self, notice: OutputNotice, now: int) -> Iterator[ev.Notice]:
        """Turn a notice of the engine into an event, once a stage."""
        if notice.explains_missing_result:
            self.no_result_reason = self.no_result_reason or notice.text
        if notice.text not in self._notices:
            self._notices.add(notice.text)
            yield ev.Notice(t=now, level="warning", text=notice.text, out_of_memory=notice.out_of_memory)

    def _record(self, line: bytes) -> Iterator[ev.AnyEvent]:
        try:
            event = ev.decode_record(line, self.stage)
        except UNREADABLE:
            self.bad_records += 1
            return
        if isinstance(event, ev.Hello):
            self._hosts[event.rank] = event.host
        # Records without a rank are of rank 0.
        t = self.convert(self._hosts.get(getattr(event, "rank", None) or 0, ""), event.t)
        yield event if t == event.t else msgspec.structs.replace(event, t=t)


def _shortened(line: bytes) -> bytes:
    """Return a line, or the beginning and end of one that is too long to be searched quickly."""
    return line if len(line) <= MAX_LINE_BYTES else line[: MAX_LINE_BYTES // 2] + line[-MAX_LINE_BYTES // 2 :]


def _optional(event: ev.AnyEvent | None) -> Iterator[ev.AnyEvent]:
    if event is not None:
        yield event
