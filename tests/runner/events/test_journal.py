"""The event log on disk: torn lines, strange lines, full disks, deleted files."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from runner import events as ev
from runner.events import journal
from runner.events.journal import EventReader, JournalWriter, LineReader


def notice(number: int) -> ev.Notice:
    return ev.Notice(t=number, level="info", text=f"number {number}")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    writer = JournalWriter(path)
    written = [notice(1), ev.RunEnded(t=2, status="finished", wall=3.5)]
    for event in written:
        writer.write(event)
    assert EventReader(path).read() == written


def test_incomplete_last_line_is_ignored_and_repaired(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(ev.encode(notice(1)) + b'{"kind":"notice","t":2,"le')
    reader = EventReader(path)
    assert reader.read() == [notice(1)]

    JournalWriter(path).write(notice(3))

    assert reader.read() == [notice(3)]
    assert path.read_bytes() == ev.encode(notice(1)) + ev.encode(notice(3))


def test_a_torn_only_line_is_repaired_too(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"kind":"no')
    JournalWriter(path).write(notice(1))
    assert path.read_bytes() == ev.encode(notice(1))


def test_unknown_kinds_and_broken_lines_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    lines = [
        ev.encode(notice(1)),
        b'{"kind":"from the future","t":2}\n',
        b"not json\n",
        b"\xff\xfe\n",
        b"[]\n",
        b'{"kind":"notice","t":3}\n',
        b'{"kind":"notice","t":4,"level":"info","text":"a new field","new":[1]}\n',
        b"\n",
        ev.encode(notice(5)),
    ]
    path.write_bytes(b"".join(lines))
    assert [event.t for event in EventReader(path).read()] == [1, 4, 5]


def test_a_reader_takes_up_what_is_appended_later(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    reader = EventReader(path)
    assert reader.read() == []
    writer = JournalWriter(path)
    for number in range(3):
        writer.write(notice(number))
        assert reader.read() == [notice(number)]
    assert reader.progress == 1.0


def test_a_long_log_is_read_in_bounded_pieces(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(ev.encode(notice(number)) for number in range(1000)))
    reader = EventReader(path, limit=4096)
    sizes = []
    while events := reader.read():
        sizes.append(len(events))
    assert sum(sizes) == 1000
    assert max(sizes) < 100


def test_many_lines_without_events_do_not_end_reading(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"kind":"of_a_newer_version","t":1}\n' * 500 + ev.encode(notice(2)))
    assert EventReader(path, limit=4096).read() == [notice(2)]


def test_a_line_longer_than_the_limit_comes_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 10_000 + b"\nshort\n")
    reader = LineReader(path, limit=4096)
    pieces = []
    while piece := reader.read():
        pieces.append(piece)
    assert b"".join(pieces) == path.read_bytes()
    assert max(map(len, pieces)) <= 4096


def test_deleted_file_differs_from_a_quiet_one(tmp_path: Path) -> None:
    path = tmp_path / "log"
    reader = LineReader(path)
    assert reader.read() == b""
    assert not reader.gone
    path.write_bytes(b"line\n")
    assert reader.read() == b"line\n"
    path.unlink()
    assert reader.read() == b""
    assert reader.gone


class TestFullDisk:
    """`os.write` as a full disk answers it: a short write first, then ENOSPC."""

    @pytest.fixture
    def room(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
        """How many bytes the disk still takes; raise it to make room."""
        room = {"bytes": 1 << 30}
        real_write = os.write

        def write(file: int, data: bytes) -> int:
            if room["bytes"] <= 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            written = real_write(file, data[: room["bytes"]])
            room["bytes"] -= written
            return written

        monkeypatch.setattr("os.write", write)
        return room

    def test_events_wait_for_room_and_the_log_stays_whole(self, tmp_path: Path, room: dict[str, int]) -> None:
        path = tmp_path / "events.jsonl"
        writer = JournalWriter(path)
        writer.write(notice(1))
        room["bytes"] = 10
        writer.write(notice(2))
        writer.write(notice(3))
        assert path.read_bytes() == ev.encode(notice(1))
        assert not writer.flush()

        room["bytes"] = 1 << 30

        assert writer.flush()
        assert EventReader(path).read() == [notice(1), notice(2), notice(3)]

    def test_what_does_not_fit_in_memory_is_dropped_and_counted(
        self, tmp_path: Path, room: dict[str, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(journal, "BACKLOG", 5)
        path = tmp_path / "events.jsonl"
        writer = JournalWriter(path)
        room["bytes"] = 0
        for number in range(8):
            writer.write(notice(number))

        room["bytes"] = 1 << 30
        writer.flush()

        first, *rest = EventReader(path).read()
        assert isinstance(first, ev.Gap)
        assert first.lost == 3
        assert [event.t for event in rest] == [3, 4, 5, 6, 7]
