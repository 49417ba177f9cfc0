"""Collect events of a stage from files that grow: the records of its ranks and its output."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from runner import events as ev
from runner.engines.diagnosis import Diagnosis
from runner.engines.output import LineParser, OutputNotice, OutputReader
from runner.events.journal import LineReader
from runner.run.layout import UNREADABLE

RECORD_MARK = b"\x1e"
"""Starts a record that a rank printed because it could not write its file."""

MAX_LINE_BYTES = 1 << 14
"""Bytes of a line that are parsed; the end of a long progress bar has its current state."""

# Events that a rank may send; anything else is ignored, because junk on stdout must not end a run.
Record = ev.Hello | ev.Bye | ev.ConfigurationStarted | ev.Iteration | ev.Notice
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


@dataclass(slots=True)
class Collector:
    """Follow one stage; every call of `collect` returns the new events."""

    stage: int
    records: Path
    """folder of the ranks' files"""
    log: LineReader
    output: OutputReader
    diagnosis: Diagnosis = field(init=False)
    iterations: LineReader | None = None
    """the iteration log of the stage's program; None: it has none, or none on this machine"""
    hanging: str = ""
    """why the stage will never end by itself; empty: no sign of that"""
    ending: str = ""
    """what the program must finish after its measurement; empty: it has not measured yet"""
    no_result_reason: str = ""
    """why the program measured nothing although it succeeded; empty while it gave no reason"""
    bad_records: int = 0
    _files: dict[str, LineReader] = field(default_factory=dict)
    _notices: set[str] = field(default_factory=set)
    _progress: LineParser | None = field(init=False)

    def __post_init__(self) -> None:
        self.diagnosis = Diagnosis(self.output.known_failures)
        self._progress = self.output.progress_parser() if self.output.progress_parser is not None else None

    def collect(self, now: int) -> list[ev.AnyEvent]:
        """Return the events of complete lines; `now` is the time of events without one."""
        return [*self._from_files(), *self._from_log(now), *self._from_iterations(now)]

    def finish(self, now: int) -> list[ev.AnyEvent]:
        """Return the remaining events after the stage ended, including an incomplete last line."""
        events: list[ev.AnyEvent] = []
        before = -1
        while (position := self.position()) != before:
            before = position
            events += self.collect(now)
        events += self._lines(self.log.rest(), now)
        if self.iterations is not None:
            events += self._iterations(self.iterations.rest(), now)
        return events

    def position(self) -> int:
        """Return the number of bytes read so far; constant while the stage is silent."""
        own = [self.log, *self._files.values(), *([self.iterations] if self.iterations is not None else [])]
        return sum(reader.offset for reader in own)

    def _from_files(self) -> Iterator[ev.AnyEvent]:
        try:
            names = os.listdir(self.records)
        except OSError:
            return
        for name in names:
            if name.endswith(".jsonl") and name not in self._files:
                self._files[name] = LineReader(self.records / name)
        for reader in self._files.values():
            for line in reader.read().splitlines():
                yield from self._record(line)

    def _from_log(self, now: int) -> Iterator[ev.AnyEvent]:
        yield from self._lines(self.log.read(), now)
        if self._progress is not None:
            # A progress bar is one line that is rewritten repeatedly.
            yield from _optional(
                self._progress(self.log.pending().decode("utf-8", "replace"), now, self.stage)
            )

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
            self.hanging = self.hanging or self.output.hang_reason(text) or ""
            ending = self.output.shutdown_step(text)
            self.ending = self.ending if ending is None else ending
            if self._progress is not None:
                yield from _optional(self._progress(text, now, self.stage))
            notice = self.output.parse_notice(text)
            if notice is not None:
                yield from self.notify(notice, now)
            result = self.output.parse_result(text)
            if result is not None:
                yield ev.Result(t=now, stage=self.stage, values=result)

    def notify(self, notice: OutputNotice, now: int) -> Iterator[ev.Notice]:
        """Turn a notice of the engine into an event, once a stage."""
        if notice.explains_missing_result:
            self.no_result_reason = self.no_result_reason or notice.text
        if notice.text not in self._notices:
            self._notices.add(notice.text)
            yield ev.Notice(t=now, level="warning", text=notice.text, out_of_memory=notice.out_of_memory)

    def _record(self, line: bytes) -> Iterator[ev.AnyEvent]:
        body, brace, _ = line.rpartition(b"}")
        try:
            yield _decoder.decode(body + b',"stage":%d}' % self.stage if brace else line)
        except UNREADABLE:
            self.bad_records += 1


def _shortened(line: bytes) -> bytes:
    """Return a line, or the beginning and end of one that is too long to be searched quickly."""
    return line if len(line) <= MAX_LINE_BYTES else line[: MAX_LINE_BYTES // 2] + line[-MAX_LINE_BYTES // 2 :]


def _optional(event: ev.AnyEvent | None) -> Iterator[ev.AnyEvent]:
    if event is not None:
        yield event
