"""Two machines in one process: a service and a connection, joined by bytes that a test may cut."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from runner import events as ev
from runner.fleet.machine import Machine, MachineWatch
from runner.fleet.remote_host import Connection, RemoteHost
from runner.fleet.service import Service
from runner.run import layout
from runner.util import paths
from tests.support.runs import plan_of, record

Cut = Callable[[bytes], bytes]
"""returns the bytes that arrive of those that are sent"""


def whole(data: bytes) -> bytes:
    return data


def iterations(count: int, first: int = 0) -> list[ev.Event]:
    """Events with numbers and, now and then, text."""
    found: list[ev.Event] = []
    for i in range(first, first + count):
        found.append(
            ev.Iteration(t=i + 1, stage=0, rank=i % 2, config=0, i=i, phase="timed", latency_ms=5.0 + i)
        )
        if i % 10 == 0:
            found.append(ev.Notice(t=i + 1, level="info", text=f"notice {i} été"))
    return found


def encoded(events: list[ev.Event]) -> bytes:
    return b"".join(map(ev.encode, events))


class StillMachine(MachineWatch):
    """A machine whose state never changes."""

    def look(self, active: Iterable[Path], *, survey: bool = False) -> Machine:
        return Machine(host="bench01", cores=8, load=0.5, gpus=[], no_gpus="no driver", uses=[])


class Machines:
    """The machine with the runs, at `there`, and the one that copies them, at `here`."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.there, self.here = folder / "there", folder / "here"
        self._monkeypatch = monkeypatch
        self.remote = RemoteHost("user@box")
        self._locks: dict[Path, int] = {}

    def on(self, home: Path) -> None:
        self._monkeypatch.setenv("TRTBENCH_HOME", str(home))

    def add_run(self, events: list[ev.Event], *, env: dict[str, str] | None = None) -> Path:
        """A run that continues: its lock is held, as by a supervisor."""
        self.on(self.there)
        run_dir = paths.runs_dir() / layout.new_run_id("program", 1_767_225_600.0)
        record(run_dir, plan_of(["/bin/true"], env=env), events)
        lock = layout.try_lock(run_dir)
        assert lock is not None
        self._locks[run_dir] = lock
        return run_dir

    def kill_supervisor(self, run_dir: Path) -> None:
        """Release the lock of a run, as the kernel does for a process that died."""
        os.close(self._locks[run_dir])

    def service(self) -> Service:
        self.on(self.there)
        return Service(StillMachine())

    def exchange(self, *, cut: Cut = whole) -> bool:
        """One connection until it is cut, or neither side has anything to say; return whether it was cut."""
        service, connection = self.service(), Connection(self.remote)
        while True:
            self.on(self.here)
            sent = connection.send()
            self.on(self.there)
            service.receive(sent)
            out = service.step()
            arrived = cut(out)
            self.on(self.here)
            connection.receive(arrived)
            if len(arrived) < len(out):
                return True
            if not sent and not out:
                return False
