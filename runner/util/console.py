"""Standard output and standard error of the commands: what is printed does not control the terminal."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, TextIO

from runner.util.foreign_text import ascii_json, terminal_lines


class CleanStream(io.TextIOBase):
    """A text stream that cleans everything that is written to it.

    It has no `buffer`: bytes are written with `print_json` and `binary_output`.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.stream = stream
        # Programs that read the output need file names as they are, even if these are not UTF-8.
        self._keep_bytes = stream.errors == "surrogateescape" and not stream.isatty()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self.stream.errors

    def write(self, text: str) -> int:
        self.stream.write(terminal_lines(text, keep_bytes=self._keep_bytes))
        return len(text)

    def flush(self) -> None:
        self.stream.flush()

    def fileno(self) -> int:
        return self.stream.fileno()

    def isatty(self) -> bool:
        return self.stream.isatty()

    def writable(self) -> bool:
        return True


@contextmanager
def clean_output() -> Iterator[None]:
    """Clean everything that is printed in the block, by the commands and by the libraries that they call."""
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(CleanStream, streams)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = streams


def binary_output() -> BinaryIO:
    """Return standard output for a document that is already clean by the rules of its format."""
    sys.stdout.flush()
    return _inner(sys.stdout).buffer


def print_json(documents: Iterable[bytes]) -> None:
    """Print each JSON document as one line of ASCII on standard output."""
    out = binary_output()
    out.writelines(ascii_json(document) + b"\n" for document in documents)
    out.flush()


def control_terminal(sequence: str, stream: TextIO) -> None:
    """Write an escape sequence of this program to a stream."""
    stream.flush()
    _inner(stream).write(sequence)
    stream.flush()


def _inner(stream: TextIO) -> TextIO:
    return stream.stream if isinstance(stream, CleanStream) else stream
