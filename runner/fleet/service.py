"""Answers one connection of another machine: bytes in, bytes out.

It reads runs and sweeps of this machine, asks them to stop, and resumes sweeps; it starts nothing else and
writes nothing else. A stop is done exactly as `trtbench-tui stop` and `sweeps stop` do it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from runner.fleet.machine import MachineWatch
from runner.fleet.run_source import RunSource
from runner.fleet.sweep_source import SweepSource
from runner.fleet.wire import (
    Follow,
    Listing,
    ListRuns,
    Ping,
    Pong,
    Receiver,
    Refused,
    RemoteRun,
    Reply,
    Request,
    Resume,
    ResumeAnswer,
    Sender,
    Stop,
    StopAnswer,
    Unfollow,
    greeting,
    sweep_of_key,
)
from runner.history.reader import RunHistory
from runner.history.run_entry import RunEntry, RunFacts
from runner.history.stop import stop_run
from runner.plan.masking import Mask
from runner.plan.redaction import values_in_environment
from runner.report.files import read_head
from runner.run import layout, liveness
from runner.state.waiting import waiting_text
from runner.sweep import control
from runner.sweep.sweep_list import read_sweeps
from runner.util import paths
from runner.util.errors import UserError
from runner.util.foreign_text import one_line

MOST_FOLLOWED = 64
"""runs and sweeps that one connection follows"""
MOST_LISTED = 20_000
_MOST_BY = 200
_ROOM = 1 << 18
"""bytes that are packed at a time"""


class Service:
    """One connection; the caller moves the bytes."""

    def __init__(self, machine: MachineWatch | None = None) -> None:
        self._machine = machine or MachineWatch()
        self._history = RunHistory()
        self._sources: dict[str, RunSource | SweepSource] = {}
        self._receiver: Receiver[Request] = Receiver(Request)  # type: ignore[arg-type]
        self._sender = Sender()
        self._replies: list[Reply] = []
        self._greeted = False
        self._stops: list[threading.Thread] = []
        self._mask = Mask(Mask.of(values_in_environment(os.environ)).values, forms=True)

    def receive(self, data: bytes) -> None:
        """Take bytes of the other side.

        Raises:
            WireError: they are damaged.
        """
        for request in self._receiver.feed(data):
            self._take(request)

    def step(self) -> bytes:
        """Return the next bytes for the other side; empty: there is nothing new."""
        first = b"" if self._greeted else greeting()
        self._greeted = True
        batch, self._replies = self._replies, []
        room = _ROOM
        for reply in self._news():
            batch.append(reply)
            room -= len(getattr(reply, "data", b""))
            if room <= 0:
                break
        return first + self._sender.pack(batch)

    def wait_for_stops(self) -> None:
        """Wait until every stop that was asked for is over, even when the connection is gone."""
        for thread in self._stops:
            thread.join()

    def _news(self) -> Iterator[Reply]:
        # The run that was served last comes last: none of them waits for the end of another's log.
        for run in list(self._sources):
            source = self._sources.pop(run)
            self._sources[run] = source
            for reply in source.news():
                if isinstance(reply, Refused):
                    del self._sources[run]
                yield reply

    def _take(self, request: Request) -> None:
        match request:
            case ListRuns():
                self._replies.append(self._list(request))
            case Follow():
                self._follow(request)
            case Unfollow():
                self._sources.pop(request.run, None)
            case Stop():
                self._stop(request)
            case Resume():
                self._resume(request)
            case Ping():
                self._replies.append(Pong(request.number))

    def _list(self, request: ListRuns) -> Listing:
        entries = [entry for entry in self._history.entries() if layout.RUN_ID.fullmatch(entry.run)]
        active = [entry for entry in entries if not entry.ended]
        ended = [entry for entry in entries if entry.ended]
        kept = {entry.run for entry in (*active, *ended[: request.newest])}
        shown = [entry for entry in entries if entry.run in kept][:MOST_LISTED]
        listing = Listing(
            machine=self._machine.look([entry.run_dir for entry in active], survey=request.survey),
            runs=[_remote_run(entry) for entry in shown],
            left_out=len(entries) - len(shown),
            sweeps=read_sweeps() if request.sweeps else None,
        )
        return self._mask.masked(listing)

    def _follow(self, request: Follow) -> None:
        try:
            if len(self._sources) >= MOST_FOLLOWED:
                raise UserError(f"this connection follows {MOST_FOLLOWED} runs already")
            if sweep_of_key(request.run):
                source: RunSource | SweepSource = SweepSource(
                    _sweep_dir(request.run), request.at, request.have
                )
            else:
                source = RunSource(_run_dir(request.run), request.at, request.have, place=request.place)
            self._sources[request.run] = source
        except UserError as error:
            self._replies.append(Refused(request.run, one_line(str(error.args[0]))))

    def _stop(self, request: Stop) -> None:
        by = one_line(request.by)[:_MOST_BY]
        stop: Callable[[Path, str], object]
        try:
            if sweep_of_key(request.run):
                directory, stop = _sweep_dir(request.run), control.stop_sweep
                if control.is_running(directory):
                    liveness.request_stop(directory, by)
            else:
                directory, stop = _run_dir(request.run), stop_run
                liveness.request_stop(directory, by)
        except UserError as error:
            self._replies.append(StopAnswer(request.run, one_line(str(error.args[0]))))
            return
        self._replies.append(StopAnswer(request.run, ""))

        def wait() -> None:
            try:
                stop(directory, by)
            except UserError as error:
                self._replies.append(StopAnswer(request.run, one_line(str(error.args[0]))))

        self._start(wait)

    def _resume(self, request: Resume) -> None:
        def work() -> None:
            problem = ""
            try:
                control.resume_sweep(_sweep_dir(request.run), failed_too=request.failed_too)
            except UserError as error:
                problem = one_line(str(error.args[0]))
            self._replies.append(ResumeAnswer(request.run, problem))

        self._start(work)

    def _start(self, work: Callable[[], None]) -> None:
        """Do what takes seconds in a thread, which ends even when the connection is gone."""
        thread = threading.Thread(target=work, name="stop or resume")
        self._stops.append(thread)
        thread.start()


def _run_dir(run: str) -> Path:
    """Return the directory of a run of this machine.

    Raises:
        UserError: the name is not the id of a run, or there is no such run.
    """
    run_dir = paths.runs_dir() / run
    if not layout.RUN_ID.fullmatch(run) or not run_dir.is_dir():
        raise UserError(f"there is no run {run!r}")
    return run_dir


def _sweep_dir(key: str) -> Path:
    """Return the directory of a sweep of this machine.

    Raises:
        UserError: the name is not the id of a sweep, or there is no such sweep.
    """
    sweep = sweep_of_key(key)
    directory = paths.sweeps_dir() / sweep
    if not layout.RUN_ID.fullmatch(sweep) or not directory.is_dir():
        raise UserError(f"there is no sweep {sweep!r}")
    return directory


def _remote_run(entry: RunEntry) -> RemoteRun:
    fields = {name: getattr(entry, name) for name in RunFacts.__struct_fields__}
    fields |= {"name": entry.name, "tags": entry.tags, "note": entry.note}
    if not entry.ended:
        head = read_head(entry.run_dir)
        if head.job is not None and head.job.nodes:
            fields["where"] = f"job {head.job.job} on {head.job.nodes}"
        if entry.status == "queued" and head.queued is not None:
            fields["waiting"] = waiting_text(head.queued)
    return RemoteRun(**fields)
