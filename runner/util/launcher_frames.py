"""Messages of processes on other nodes: numbered lines on the standard output of their launcher.

Launchers merge the output of all nodes, add prefixes, cut lines of more than 1 KiB (`srun -l`) and may lose
the end of the output (Open MPI 5, at exit). So a line is short and has a checksum; what is not acknowledged
is sent again; and the receiver puts the numbers in order. One frame:

    0x1e SESSION ' ' NUMBER ('+' | '.') ' ' CRC32 ' ' PAYLOAD newline

`+`: the message continues in the next frame. Number 0: the frame is not acknowledged and may be lost, as an
answer to a measurement of the clock, which would be of no use later.
"""

from __future__ import annotations

import re
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

MARK = b"\x1e"
MOST_BYTES = 900
"""of a line; Slurm's `srun -l` cuts at 1 KiB, prefix included"""
WINDOW = 256
"""Most frames on their way; further ones wait for acknowledgements."""
EARLY = 4 * WINDOW
"""Most frames that wait for one before them."""
RESEND_S, LONGEST_RESEND_S = 1.0, 16.0
"""Time until a frame is sent again; it doubles at every try, up to the longest."""
_HEADER_BYTES = 48
_FRAME = re.compile(rb"([0-9a-f]{8}) (\d{1,15})([+.]) ([0-9a-f]{8}) (.*)", re.DOTALL)


class Frame(NamedTuple):
    """One line."""

    session: str
    """8 hex digits that each process chooses at its start"""
    number: int
    """from 1; 0: not acknowledged"""
    more: bool
    """the message continues in the next frame"""
    payload: bytes


def encode(frame: Frame) -> bytes:
    """Return a frame as a line."""
    head = b"%s %d%s" % (frame.session.encode(), frame.number, b"+" if frame.more else b".")
    checksum = zlib.crc32(head + frame.payload)
    return b"%s%s %08x %s\n" % (MARK, head, checksum, frame.payload)


def frames_in(line: bytes) -> Iterator[Frame]:
    """Yield the intact frames of a line, which may have prefixes, or be two lines that were merged."""
    for piece in line.split(MARK)[1:]:
        found = _FRAME.fullmatch(piece.rstrip(b"\r\n"))
        if found is None:
            continue
        session, number, more, checksum, payload = found.groups()
        if zlib.crc32(b"%s %s%s" % (session, number, more) + payload) == int(checksum, 16):
            yield Frame(session.decode(), int(number), more == b"+", payload)


def frames_of(session: str, first: int, message: bytes) -> list[Frame]:
    """Return a message without newlines as frames, which are numbered from `first`."""
    size = MOST_BYTES - _HEADER_BYTES
    payloads = [message[start : start + size] for start in range(0, len(message), size)] or [b""]
    last = first + len(payloads) - 1
    return [Frame(session, number, number < last, payload) for number, payload in enumerate(payloads, first)]


@dataclass(slots=True)
class _Waiting:
    """A frame that is not acknowledged."""

    number: int
    line: bytes
    due: float = 0.0
    """when it is sent (again), CLOCK_MONOTONIC in seconds"""
    tries: int = 0


@dataclass(slots=True)
class Sender:
    """The side of a node: keeps every message until it is acknowledged."""

    session: str
    _waiting: deque[_Waiting] = field(default_factory=deque)
    _next: int = 1

    def put(self, message: bytes) -> None:
        """Add a message, which has no newline."""
        frames = frames_of(self.session, self._next, message)
        self._waiting.extend(_Waiting(frame.number, encode(frame)) for frame in frames)
        self._next += len(frames)

    def acknowledge(self, number: int) -> None:
        """Forget all frames up to a number."""
        while self._waiting and self._waiting[0].number <= number:
            self._waiting.popleft()

    def due(self, now: float) -> list[bytes]:
        """Return the lines to write now (monotonic, s): new ones, and those that need another try."""
        lines = []
        for index, frame in enumerate(self._waiting):
            if index == WINDOW:
                break
            if frame.due <= now:
                frame.due = now + min(RESEND_S * 2**frame.tries, LONGEST_RESEND_S)
                frame.tries += 1
                lines.append(frame.line)
        return lines

    @property
    def backlog(self) -> int:
        """The number of frames that are not acknowledged."""
        return len(self._waiting)


@dataclass(slots=True)
class Receiver:
    """The side that started the launcher, for one session: returns each message once, in order."""

    received: int = 0
    """all frames up to this number have arrived"""
    _early: dict[int, Frame] = field(default_factory=dict)
    _parts: list[bytes] = field(default_factory=list)

    def take(self, frame: Frame) -> list[bytes]:
        """Return the messages that a frame completes."""
        if frame.number == 0:
            return [] if frame.more else [frame.payload]
        if self.received < frame.number <= self.received + EARLY:
            self._early[frame.number] = frame
        messages = []
        while (current := self._early.pop(self.received + 1, None)) is not None:
            self.received += 1
            self._parts.append(current.payload)
            if not current.more:
                messages.append(b"".join(self._parts))
                self._parts.clear()
        return messages


@dataclass(slots=True)
class LineBuffer:
    """Turns pieces of a stream into lines."""

    limit: int = 1 << 20
    """bytes of an unfinished line; a longer one is returned in pieces"""
    _rest: bytes = b""

    def take(self, piece: bytes) -> list[bytes]:
        """Return the lines that a piece completes, without newlines."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        if len(self._rest) > self.limit:
            lines.append(self._rest)
            self._rest = b""
        return lines
