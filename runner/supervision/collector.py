"""From files to events: the records of the ranks and the output of a stage, read while they grow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from runner import events as ev
from runner.engines.diagnosis import Diagnosis
from runner.engines.output import OutputReader, Told
from runner.events.journal import LineReader
from runner.run.layout import UNREADABLE

RECORD_MARK = b"\x1e"
"""Begins a record that a rank had to print because it could not reach its file."""

LONGEST = 1 << 14
"""Bytes of a line that are looked at; a progress bar that is drawn over and over ends where it stands."""

# A rank may say these and nothing else: junk on stdout must not end a run.
Record = ev.Hello | ev.Bye | ev.ConfigurationStarted | ev.Iteration | ev.Notice
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


@dataclass(slots=True)
class Collector:
    """Follows one stage: every call of `collect` yields the events that arrived since."""

    stage: int
    records: Path
    """folder of the ranks' files"""
    log: LineReader
    output: OutputReader
    diagnosis: Diagnosis = field(init=False)
    iterations: LineReader | None = None
    """the file in which the stage's program logs its iterations; None: it has none that is seen here"""
    hanging: str = ""
    """why the stage will never end by itself; empty while nothing says so"""
    ending: str = ""
    """what the program must come to now that it has measured; empty while it has not"""
    bad_records: int = 0
    _files: dict[str, LineReader] = field(default_factory=dict)
    _said: set[str] = field(default_factory=set)
    _progress: Told | None = field(init=False)

    def __post_init__(self) -> None:
        self.diagnosis = Diagnosis(self.output.known_failures)
        self._progress = self.output.progress() if self.output.progress is not None else None

    def collect(self, now: int) -> list[ev.AnyEvent]:
        """Events of complete lines; `now` stamps what carries no time of its own."""
        return [*self._from_files(), *self._from_log(now), *self._from_iterations(now)]

    def finish(self, now: int) -> list[ev.AnyEvent]:
        """Everything that is left after the stage ended, an unfinished last line too."""
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
        """Bytes read so far; stands still while the stage is silent."""
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
            # A progress bar is one line that is written over and over.
            yield from _said(self._progress(self.log.pending().decode("utf-8", "replace"), now, self.stage))

    def _from_iterations(self, now: int) -> Iterator[ev.AnyEvent]:
        if self.iterations is not None:
            yield from self._iterations(self.iterations.read(), now)

    def _iterations(self, chunk: bytes, now: int) -> Iterator[ev.AnyEvent]:
        for line in chunk.splitlines():
            yield from _said(
                self.output.iteration_of(_looked_at(line).decode("utf-8", "replace"), now, self.stage)
            )

    def _lines(self, chunk: bytes, now: int) -> Iterator[ev.AnyEvent]:
        for line in chunk.split(b"\n"):
            if RECORD_MARK in line:
                # Launchers put prefixes such as "[1,3]<stdout>: " before it; the record starts at the mark.
                record = line.rpartition(RECORD_MARK)[2]
                if record.startswith(b"{"):
                    yield from self._record(record)
                continue
            text = _looked_at(line).decode("utf-8", "replace")
            self.diagnosis.feed(text)
            self.hanging = self.hanging or self.output.hang_after(text) or ""
            ending = self.output.ends_after(text)
            self.ending = self.ending if ending is None else ending
            if self._progress is not None:
                yield from _said(self._progress(text, now, self.stage))
            said = self.output.notice_of(text)
            if said is not None and said not in self._said:
                self._said.add(said)
                yield ev.Notice(t=now, level="warning", text=said)
            result = self.output.result_of(text)
            if result is not None:
                yield ev.Result(t=now, stage=self.stage, values=result)

    def _record(self, line: bytes) -> Iterator[ev.AnyEvent]:
        body, brace, _ = line.rpartition(b"}")
        try:
            yield _decoder.decode(body + b',"stage":%d}' % self.stage if brace else line)
        except UNREADABLE:
            self.bad_records += 1


def _looked_at(line: bytes) -> bytes:
    """A line, or beginning and end of one so long that looking for words in it would take seconds."""
    return line if len(line) <= LONGEST else line[: LONGEST // 2] + line[-LONGEST // 2 :]


def _said(event: ev.AnyEvent | None) -> Iterator[ev.AnyEvent]:
    if event is not None:
        yield event
