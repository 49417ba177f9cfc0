"""The stream between two machines: a line that names the versions, then compressed frames.

Each direction is one zlib stream, flushed after every write. A frame is its length (4 bytes, big endian) and
one message in msgpack. The other side is not trusted: noise before the first line, frames and what they
unpack to are bounded. A frame that a cut left incomplete is never seen.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

import msgspec

from runner import VERSION
from runner.events.job import JobQueued
from runner.fleet.machine import Machine
from runner.history.run_entry import RunFacts
from runner.run.layout import UNREADABLE
from runner.sweep.sweep_list import SweepList

PROTOCOL = 1
"""changes when an older program would misunderstand the messages"""
MARK = b"\x1etrtbench-fleet "
"""start of the first line; a shell's start-up files may print before it"""
MOST_NOISE = 1 << 16
"""bytes before the end of the first line"""
MOST_FRAME = 32 << 20
"""bytes of one message"""
_UNPACKED = 1 << 20
_LENGTH = 4
_LEVEL = 6

Stamp = tuple[int, int]
"""identity of a version of a file: size in bytes, modification time in ns"""


_SWEEP = "sweep:"


def sweep_key(sweep: str) -> str:
    """Return how messages name a sweep; a program that does not know sweeps finds no run of this name."""
    return f"{_SWEEP}{sweep}"


def sweep_of_key(key: str) -> str:
    """Return the id of the sweep that a message is about; empty: it is about a run."""
    return key.removeprefix(_SWEEP) if key.startswith(_SWEEP) else ""


class WireError(Exception):
    """What arrived is not what this version sends; one sentence."""


class Greeting(msgspec.Struct, frozen=True):
    """The first line of the serving side, as JSON that every version can read."""

    protocol: int
    version: str
    """of the program"""
    sweeps: bool = False
    """it sends sweeps, and resumes them"""


class ListRuns(msgspec.Struct, frozen=True, tag="list"):
    """Asks for the machine and its runs."""

    newest: int
    """at most this many ended runs"""
    survey: bool = False
    """read the GPUs again, if no run holds a device"""
    sweeps: bool = False
    """and the sweeps; a program that does not know this sends none"""


class Follow(msgspec.Struct, frozen=True, tag="follow"):
    """Asks for the files of a run or a sweep, and for what they gain."""

    run: str
    """its id, or `sweep_key` of a sweep; so in all messages"""
    at: dict[str, int]
    """growing files that are here already: bytes of the original that were read"""
    have: dict[str, Stamp]
    """other files that are here already"""
    place: bool = False
    """send its place in the queue of Slurm; a program that does not know this message does not ask for it"""


class Unfollow(msgspec.Struct, frozen=True, tag="unfollow"):
    run: str


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    run: str
    by: str
    """who asks, for the log of the run"""


class Resume(msgspec.Struct, frozen=True, tag="resume"):
    """Asks to resume a sweep; only for a program whose greeting says that it has sweeps."""

    run: str
    failed_too: bool
    """measure again what failed"""


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    number: int


Request = ListRuns | Follow | Unfollow | Stop | Resume | Ping


class RemoteRun(RunFacts, frozen=True, kw_only=True, array_like=False):
    """A run of the list of the other machine, by the names of the fields: versions may have different ones.

    `waiting` is what it waits for, a device or Slurm.
    """

    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    where: str = ""
    """its job and the nodes of it, of one that runs in a job of Slurm: `job 7 on node[1-2]`"""


class Listing(msgspec.Struct, frozen=True, tag="listing"):
    machine: Machine
    runs: list[RemoteRun]
    """newest first: all that are active, and the newest ended ones"""
    left_out: int = 0
    """ended runs beyond those"""
    sweeps: SweepList | None = None
    """None: they were not asked for, or the program does not list them"""


class Piece(msgspec.Struct, frozen=True, tag="piece"):
    """More of a file that grows."""

    run: str
    name: str
    start: int
    """offset of the first byte in the original"""
    end: int
    """offset after the last byte in the original, where the next piece starts"""
    data: bytes
    """the bytes between them, without secrets"""


class Whole(msgspec.Struct, frozen=True, tag="whole"):
    """A file that is written at once."""

    run: str
    name: str
    stamp: Stamp
    data: bytes


class Place(msgspec.Struct, frozen=True, tag="place"):
    """The place of a run that has not started in the queue of Slurm."""

    run: str
    queued: JobQueued


class SweepState(msgspec.Struct, frozen=True, tag="sweep_state"):
    """What is not in the log of a sweep."""

    run: str
    running: bool
    """a sweep runner is alive"""
    waiting: str
    """why the next run cannot start yet; empty: it can"""
    current: str
    """id of the run that is under way; empty: none"""
    wall: float
    """the time there when this was sent, in seconds since 1970"""


class Restart(msgspec.Struct, frozen=True, tag="restart"):
    """A growing file became shorter; its pieces start at 0 again."""

    run: str
    name: str


class CaughtUp(msgspec.Struct, frozen=True, tag="caught_up"):
    """Everything that the run had written was sent."""

    run: str


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """A run cannot be followed any more; one sentence."""

    run: str
    reason: str


class StopAnswer(msgspec.Struct, frozen=True, tag="stop_answer"):
    run: str
    problem: str
    """why it cannot be stopped; empty: it was asked to stop"""


class ResumeAnswer(msgspec.Struct, frozen=True, tag="resume_answer"):
    run: str
    problem: str
    """why it cannot be resumed; empty: it was resumed"""


class Pong(msgspec.Struct, frozen=True, tag="pong"):
    number: int


FileNews = Piece | Whole | Place | SweepState | Restart | CaughtUp
"""what changes a copy"""
Reply = Listing | FileNews | Refused | StopAnswer | ResumeAnswer | Pong

Incoming = TypeVar("Incoming")


def greeting() -> bytes:
    """Return the first line of the serving side."""
    return MARK + msgspec.json.encode(Greeting(PROTOCOL, VERSION, sweeps=True)) + b"\n"


class GreetingReader:
    """Finds the first line of the serving side in what arrives."""

    def __init__(self) -> None:
        self._seen = b""

    def feed(self, data: bytes) -> tuple[Greeting, bytes] | None:
        """Return the greeting and the bytes after it; None: it is not complete yet.

        Raises:
            WireError: what arrives is something else.
        """
        self._seen += data
        _, mark, rest = self._seen.partition(MARK)
        line, newline, after = rest.partition(b"\n")
        if not mark or not newline:
            if len(self._seen) > MOST_NOISE:
                raise WireError("something else than trtbench-tui answers there")
            return None
        try:
            return msgspec.json.decode(line, type=Greeting), after
        except UNREADABLE:
            raise WireError("the versions in the first line of the answer cannot be read") from None


class Sender:
    """Packs messages for one direction of a connection."""

    def __init__(self) -> None:
        self._stream = zlib.compressobj(_LEVEL)

    def pack(self, messages: Iterable[Request | Reply]) -> bytes:
        """Return the bytes of messages; the other side can read all of them."""
        bodies = [msgspec.msgpack.encode(message) for message in messages]
        if not bodies:
            return b""
        frames = b"".join(len(body).to_bytes(_LENGTH, "big") + body for body in bodies)
        return self._stream.compress(frames) + self._stream.flush(zlib.Z_SYNC_FLUSH)


class Receiver(Generic[Incoming]):
    """Unpacks the messages of one direction of a connection."""

    def __init__(self, kind: type[Incoming]) -> None:
        self._stream = zlib.decompressobj()
        self._decoder: msgspec.msgpack.Decoder[Incoming] = msgspec.msgpack.Decoder(kind)
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Incoming]:
        """Yield the messages that are complete.

        Raises:
            WireError: damaged, too large, or of another version.
        """
        while data:
            try:
                self._rest += self._stream.decompress(data, _UNPACKED)
            except zlib.error as error:
                raise WireError(f"the stream is damaged ({error})") from None
            data = self._stream.unconsumed_tail
            yield from self._complete()

    def _complete(self) -> Iterator[Incoming]:
        while len(self._rest) >= _LENGTH:
            size = int.from_bytes(self._rest[:_LENGTH], "big")
            if size > MOST_FRAME:
                raise WireError(f"a message of {size} bytes; allowed: {MOST_FRAME}")
            if len(self._rest) < _LENGTH + size:
                return
            body = bytes(self._rest[_LENGTH : _LENGTH + size])
            del self._rest[: _LENGTH + size]
            try:
                yield self._decoder.decode(body)
            except UNREADABLE as error:
                raise WireError(f"a message cannot be read: {error}") from None
