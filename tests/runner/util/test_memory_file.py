"""A file in memory."""

from __future__ import annotations

import os

from runner.events.journal import LineReader
from runner.util.memory_file import memory_file


def test_what_was_read_takes_no_memory() -> None:
    with memory_file("test") as shared:
        writer = os.open(shared.path, os.O_WRONLY | os.O_APPEND)
        reader = LineReader(shared.path)
        line = b"x" * 65535 + b"\n"
        for _ in range(20):
            os.write(writer, line)
            assert reader.read() == line
            shared.forget(reader.offset)
        os.close(writer)
        assert os.fstat(shared.file).st_blocks * 512 <= os.sysconf("SC_PAGE_SIZE")
