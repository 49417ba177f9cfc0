"""From files to events: the records of the ranks and the output of a stage, read while they grow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from runner import events as ev
from runner.diagnosis import Diagnosis
from runner.engines.output import OutputReader
from runner.journal import LineReader

RECORD_MARK = b"\x1e"
"""Begins a record that a rank had to print because it could not reach its file."""

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
    hanging: str = ""
    """why the stage will never end by itself; empty while nothing says so"""
    bad_records: int = 0
    _files: dict[str, LineReader] = field(default_factory=dict)
    _said: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.diagnosis = Diagnosis(self.output.known_failures)

    def collect(self, now: int) -> list[ev.AnyEvent]:
        """Events of complete lines; `now` stamps what carries no time of its own."""
        return [*self._from_files(), *self._from_log(now)]

    def finish(self, now: int) -> list[ev.AnyEvent]:
        """Everything that is left after the stage ended, an unfinished last line too."""
        events: list[ev.AnyEvent] = []
        before = -1
        while (position := self.position()) != before:
            before = position
            events += self.collect(now)
        events += self._lines(self.log.rest(), now)
        return events

    def position(self) -> int:
        """Bytes read so far; stands still while the stage is silent."""
        return self.log.offset + sum(reader.offset for reader in self._files.values())

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

    def _lines(self, chunk: bytes, now: int) -> Iterator[ev.AnyEvent]:
        for line in chunk.split(b"\n"):
            if RECORD_MARK in line:
                # Launchers put prefixes such as "[1,3]<stdout>: " before it; the record starts at the mark.
                record = line.rpartition(RECORD_MARK)[2]
                if record.startswith(b"{"):
                    yield from self._record(record)
                continue
            text = line.decode("utf-8", "replace")
            self.diagnosis.feed(text)
            self.hanging = self.hanging or self.output.hang_after(text) or ""
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
        except (msgspec.DecodeError, UnicodeDecodeError):
            self.bad_records += 1
