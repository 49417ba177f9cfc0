"""What this machine knows of another one and wants from it, across any number of connections.

`RemoteHost` keeps the list, the copies and the stops; a `Connection` is one attempt that may be cut at any
byte. Neither moves bytes: `runner.fleet.link` does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec

from runner import VERSION
from runner.fleet.mirror import DiskFullError, Mirror
from runner.fleet.wire import (
    PROTOCOL,
    CaughtUp,
    FileNews,
    Greeting,
    GreetingReader,
    Listing,
    ListRuns,
    Piece,
    Ping,
    Place,
    Pong,
    Receiver,
    Refused,
    Reply,
    Request,
    Restart,
    Resume,
    ResumeAnswer,
    Sender,
    Stop,
    StopAnswer,
    SweepState,
    Unfollow,
    Whole,
    WireError,
    sweep_of_key,
)
from runner.run import layout
from runner.util.bounds import LAST_WALL
from runner.util.foreign_text import one_line

LIST_EVERY_S = 5.0
PING_EVERY_S = 5.0
_LOOK_EVERY_S = 0.5
"""how often the requests for a stop in the directories of the copies are looked for"""
_MOST_TEXT = 300
MOST_FOLLOWED = 64
"""copies of a host that are kept up to date; sweeps add none beyond"""
MOST_GPUS = 256
"""of a machine that are shown"""


class VersionError(Exception):
    """The other side speaks another protocol; trying again does not help. One sentence."""


@dataclass
class StopState:
    """A stop that was asked for."""

    by: str
    sent: bool = False
    answer: str | None = None
    """why it failed; empty: the run was asked to stop; None: no answer yet"""


@dataclass
class ResumeState:
    """A sweep that is to be resumed."""

    failed_too: bool
    sent: bool = False
    answer: str | None = None
    """why it failed; empty: it was resumed; None: no answer yet"""


@dataclass
class RemoteHost:
    """One host; all attributes are changed under `lock`."""

    name: str
    """as the user writes it"""
    newest: int = 200
    """number of ended runs to list"""
    list_every_s: float = LIST_EVERY_S
    """infinite: once, and when `refresh_list` asks"""
    lists_sweeps: bool = False
    """its lists have its sweeps, too"""
    lock: threading.RLock = field(default_factory=threading.RLock)
    listing: Listing | None = None
    listed_at: float | None = None
    """when `listing` arrived, on CLOCK_MONOTONIC in seconds"""
    version: str = ""
    """of the program there; empty: it has not answered"""
    sends_sweeps: bool = True
    """the program there knows sweeps; until it has answered, this is assumed"""
    mirrors: dict[str, Mirror] = field(default_factory=dict)
    stops: dict[str, StopState] = field(default_factory=dict)
    resumes: dict[str, ResumeState] = field(default_factory=dict)
    broken: int = 0
    """connections in a row that ended because of what arrived"""
    wants_survey: bool = False
    wants_listing: bool = True

    def follow(self, run: str) -> Mirror:
        """Copy a run or a sweep from now on.

        Args:
            run: the id of a run, or `sweep_key` of a sweep; so for all methods.

        Raises:
            OSError: the directory of the copy cannot be made.
            WireError: the name is neither.
        """
        with self.lock:
            mirror = self.mirrors.get(run)
            if mirror is None:
                mirror = self.mirrors[run] = Mirror(self.name, run)
            return mirror

    def unfollow(self, run: str) -> None:
        """Keep a copy up to date no longer."""
        with self.lock:
            if (mirror := self.mirrors.pop(run, None)) is not None:
                mirror.close()

    def stop(self, run: str, by: str) -> StopState:
        """Ask a run to stop; the answer arrives in the returned state."""
        with self.lock:
            state = self.stops[run] = StopState(by)
            return state

    def resume(self, run: str, *, failed_too: bool) -> ResumeState:
        """Ask to resume a sweep; the answer arrives in the returned state."""
        with self.lock:
            state = self.resumes[run] = ResumeState(failed_too)
            return state

    @property
    def too_old(self) -> str:
        """Why its sweeps cannot be shown; empty: they can."""
        if self.sends_sweeps:
            return ""
        return too_old_text(self.name, self.version, "send sweeps", "sweeps show ID")

    def refresh(self) -> None:
        """Ask for the machine and its runs at once."""
        with self.lock:
            self.wants_listing = self.wants_survey = True

    def refresh_list(self, newest: int) -> None:
        """Ask for the list of runs at once, with fewer ended ones from now on."""
        with self.lock:
            self.wants_listing, self.newest = True, newest

    def tell_readers(self, reason: str) -> None:
        """Tell the readers of the copies why there is no connection; empty: there is one."""
        with self.lock:
            for mirror in self.mirrors.values():
                mirror.set_problem(mirror.problem or (reason and f"{self.name}: {reason}"))

    def close(self) -> None:
        with self.lock:
            for mirror in self.mirrors.values():
                mirror.close()
            self.mirrors.clear()


def too_old_text(host: str, version: str, task: str, words: str) -> str:
    """Return that the program of a host is too old for a task, and the words of the command that does it."""
    return (
        f"trtbench-tui {version} there is too old to {task}: install the version of this machine there, or"
        f" use `ssh {host} trtbench-tui {words}`"
    )


class Connection:
    """One connection: bytes in, bytes out."""

    def __init__(self, host: RemoteHost, clock: Callable[[], float] = time.monotonic) -> None:
        self.host = host
        self.is_open = False
        """the other side has answered with its versions"""
        self.unanswered_since: float | None = None
        """when the oldest question without an answer was sent"""
        self._clock = clock
        self._greeting = GreetingReader()
        self._receiver: Receiver[Reply] = Receiver(Reply)  # type: ignore[arg-type]
        self._sender = Sender()
        self._following: set[str] = set()
        self._listed = self._pinged = self._looked = -float("inf")
        self._pings = 0
        with host.lock:
            host.wants_listing |= host.listing is None
            for stop in host.stops.values():
                stop.sent = stop.answer is not None
            for resume in host.resumes.values():
                # One that was sent may have been done: it is not repeated.
                if resume.sent and resume.answer is None:
                    resume.answer = "the connection was cut before the answer; look again"

    def receive(self, data: bytes) -> None:
        """Take bytes of the other side; everything that is complete is written.

        Raises:
            WireError: they are not what this version sends.
            VersionError: the other side has another protocol.
            OSError: a copy cannot be written.
        """
        if not self.is_open:
            found = self._greeting.feed(data)
            if found is None:
                return
            greeting, data = found
            self._open(greeting)
        with self.host.lock:
            try:
                for reply in self._receiver.feed(data):
                    self._take(reply)
            finally:
                for mirror in self.host.mirrors.values():
                    mirror.save()

    def send(self) -> bytes:
        """Return the bytes of all requests that are due."""
        if not self.is_open:
            return b""
        with self.host.lock:
            return self._sender.pack(list(self._due(self._clock())))

    def _open(self, greeting: Greeting) -> None:
        version = one_line(greeting.version)[:40]
        if greeting.protocol != PROTOCOL:
            raise VersionError(
                f"trtbench-tui {version} there speaks fleet protocol {greeting.protocol}, and {VERSION} here"
                f" {PROTOCOL}: install the same version on both machines"
            )
        self.is_open = True
        with self.host.lock:
            self.host.version, self.host.sends_sweeps = version, greeting.sweeps

    def _due(self, now: float) -> Iterator[Request]:
        host = self.host
        if host.wants_listing or now - self._listed > host.list_every_s:
            self._listed = now
            yield ListRuns(host.newest, host.wants_survey, host.lists_sweeps)
            host.wants_listing = host.wants_survey = False
        if now - self._looked > _LOOK_EVERY_S:
            self._looked = now
            self._read_stop_requests()
        for run, mirror in host.mirrors.items():
            if sweep_of_key(run) and host.too_old:
                mirror.problem = host.too_old
            if run not in self._following and not mirror.problem and mirror.take_over():
                self._following.add(run)
                yield mirror.request()
        for run in self._following - host.mirrors.keys():
            self._following.discard(run)
            yield Unfollow(run)
        for run, stop in host.stops.items():
            if not stop.sent:
                stop.sent = True
                if sweep_of_key(run) and host.too_old:
                    stop.answer = host.too_old
                else:
                    yield Stop(run, stop.by)
        for run, resume in host.resumes.items():
            if not resume.sent:
                resume.sent = True
                if host.too_old:
                    resume.answer = host.too_old
                else:
                    yield Resume(run, resume.failed_too)
        if now - self._pinged > PING_EVERY_S:
            self._pinged = now
            self._pings += 1
            if self.unanswered_since is None:
                self.unanswered_since = now
            yield Ping(self._pings)

    def _read_stop_requests(self) -> None:
        """Pass on the stops that readers of the copies asked for: they wrote the usual file."""
        for run, mirror in self.host.mirrors.items():
            if mirror.is_writer and (by := mirror.stop_request()) is not None:
                mirror.forget_stop_request()
                self.host.stop(run, f"{one_line(by)}, from another machine")

    def _take(self, reply: Reply) -> None:
        host = self.host
        self.unanswered_since = None
        match reply:
            case Listing():
                host.listing, host.listed_at = _checked(reply), self._clock()
            case Piece() | Whole() | Place() | SweepState() | Restart() | CaughtUp():
                mirror = host.mirrors.get(reply.run)
                if mirror is not None and reply.run in self._following:
                    self._write(mirror, reply)
                    if isinstance(reply, SweepState):
                        self._follow_current_run(reply.current)
                    elif mirror.is_over():
                        host.unfollow(reply.run)
            case Refused():
                if (mirror := host.mirrors.get(reply.run)) is not None:
                    mirror.problem = one_line(reply.reason)[:_MOST_TEXT]
                    mirror.set_problem(mirror.problem)
                    self._following.discard(reply.run)
            case StopAnswer():
                if (stop := host.stops.get(reply.run)) is not None:
                    stop.answer = one_line(reply.problem)[:_MOST_TEXT]
            case ResumeAnswer():
                if (resume := host.resumes.get(reply.run)) is not None:
                    resume.answer = one_line(reply.problem)[:_MOST_TEXT]
            case Pong():
                pass

    def _follow_current_run(self, run: str) -> None:
        """Copy the run of a sweep that is under way: its board shows what it does."""
        if layout.RUN_ID.fullmatch(run) and len(self.host.mirrors) < MOST_FOLLOWED:
            self.host.follow(run)

    def _write(self, mirror: Mirror, reply: FileNews) -> None:
        try:
            mirror.apply(reply)
        except DiskFullError as full:
            mirror.problem = str(full)
            mirror.set_problem(mirror.problem)
            self._following.discard(mirror.run)
        except WireError as error:
            raise WireError(f"run {reply.run[-4:]}: {error}") from None


def _checked(listing: Listing) -> Listing:
    """Return a listing whose names and numbers can be used.

    Raises:
        WireError: a number of the machine is not one.
    """
    try:
        # JSON has neither NaN nor infinity, which no reader here expects.
        plain = msgspec.json.decode(msgspec.json.encode(listing), type=Listing)
    except layout.UNREADABLE as error:
        raise WireError(f"the list of runs cannot be read: {error}") from None
    runs = [run for run in plain.runs if _is_usable(run.run, run.started, run.seconds)]
    machine = msgspec.structs.replace(plain.machine, gpus=plain.machine.gpus[:MOST_GPUS])
    sweeps = plain.sweeps
    if sweeps is not None:
        usable = [one for one in sweeps.sweeps if _is_usable(one.sweep, one.created, one.seconds)]
        sweeps = msgspec.structs.replace(sweeps, sweeps=usable)
    return msgspec.structs.replace(plain, machine=machine, runs=runs, sweeps=sweeps)


def _is_usable(name: str, start: float, seconds: float) -> bool:
    """Check the id and the times of a run or a sweep."""
    times = 0 <= start <= LAST_WALL and 0 <= seconds <= LAST_WALL
    return layout.RUN_ID.fullmatch(name) is not None and times
