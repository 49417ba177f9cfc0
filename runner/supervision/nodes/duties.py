"""What a node agent does on its node: locks, readings, records of ranks, and the end of processes."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from runner import events as ev
from runner.events.journal import LineReader
from runner.run import layout
from runner.run.device_locks import DeviceLocks, Occupied, device_user
from runner.run.scratch import remove_scratch, scratch_dirs
from runner.state import cuda_devices
from runner.supervision.nodes import messages as msg
from runner.telemetry.host import HostSampler
from runner.telemetry.monitor import TelemetryMonitor
from runner.util import processes
from runner.util.files import make_folders, write_atomically

MOST_BACKLOG = 2000
"""Frames that wait; with more of them, readings of the node are left out and records stay in their files."""
LOCK_S = 0.5
HOST_S = 1.0
LAST_READING_S = 2.0
SWEEP_S = 6.0


@dataclass
class Duties:
    """The work of one agent; `tick` does what is due and never waits."""

    run: str
    run_dir: Path
    shares_run_dir: bool
    locks: DeviceLocks
    report: Callable[[msg.Report], None]
    backlog: Callable[[], int]
    """number of frames that wait for an acknowledgement"""
    is_first: bool = False
    """the supervisor is on this node and does the same work itself"""
    ended: bool = False
    """the last command was carried out"""
    _taking: msg.TakeDevices | None = None
    _told: Occupied | None = None
    _next_lock: float = 0.0
    _host: HostSampler | None = None
    _next_host: float = 0.0
    _watch: TelemetryMonitor | None = None
    _visible: str | None = None
    _left_out: int = 0
    """readings that were left out because too many wait"""
    _files: dict[Path, LineReader] = field(default_factory=dict)
    _sweeping: tuple[msg.Sweep, float] | None = None
    _ending: tuple[msg.End, float] | None = None
    _temporary: Path | None = None

    def do(self, command: msg.Command, now: float) -> None:
        """Begin to carry out a command that was not seen before (monotonic, s)."""
        match command:
            case msg.Begin():
                self._answer(command.id, self._begin(command))
            case msg.WriteFile():
                self._answer(command.id, self._write(command))
            case msg.TakeDevices():
                self._taking, self._next_lock = command, now
            case msg.ReleaseDevices():
                self.locks.release()
                self._answer(command.id)
            case msg.ReadEnergy():
                if self._watch is not None:
                    self._watch.read_energy()
            case msg.Sweep():
                self._sweeping = command, now + command.grace_s
            case msg.End():
                if self._watch is not None:
                    self._watch.finish()
                self._ending = command, now + LAST_READING_S
            case _:
                pass  # answered by the agent itself

    def tick(self, now: float) -> None:
        """Do what is due (monotonic, s)."""
        exits = processes.reap_children()
        if self._taking is not None and now >= self._next_lock:
            self._take(self._taking, now)
        if self._watch is not None:
            self._watch.reaped(exits)
            for event in self._watch.poll():
                self._reading(event)
        if self._host is not None and now >= self._next_host:
            self._next_host = now + HOST_S
            self._reading(self._host.sample())
        if self._left_out and self.backlog() < MOST_BACKLOG // 2:
            self.report(msg.Remark(text=f"left out {self._left_out} readings while the connection was slow"))
            self._left_out = 0
        if not self.shares_run_dir:
            self._follow()
        if self._sweeping is not None:
            self._sweep(*self._sweeping, now)
        if self._ending is not None and self._sweeping is None:
            self._end(*self._ending, now)

    def kill(self) -> tuple[int, int]:
        """Kill the processes of the run on this node; return how many were killed and are left."""
        if self.is_first:
            return 0, 0  # the supervisor and its recovery do
        return processes.kill_all(processes.RunProcesses(self.run, Path(os.devnull)), SWEEP_S)

    def clear(self) -> None:
        """Remove what this agent has created on the node, and release its locks."""
        if not self.is_first:
            remove_scratch(self.run_dir)
        self.stop_readings()
        self.locks.release()

    def stop_readings(self) -> None:
        """End the telemetry process, and remove its files."""
        if self._watch is not None:
            self._watch.kill()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _answer(self, number: int, problem: str = "") -> None:
        self.report(msg.Done(id=number, problem=problem))

    # --- folders, files, locks -----------------------------------------------------------------------------

    def _begin(self, command: msg.Begin) -> str:
        """Start the readings; return what could not be created."""
        self._visible = command.visible
        if command.readings and not self.is_first:
            self._host = HostSampler()
            self._next_host = time.monotonic() + HOST_S
            if command.gpu_hz > 0:
                self._temporary = Path(tempfile.mkdtemp(prefix="trtbench-agent-"))
                file = self._temporary / layout.TELEMETRY
                self._watch = TelemetryMonitor(file, command.gpu_hz)
                self._watch.start()
        private = {str(folder) for folder in scratch_dirs(self.run_dir)}
        try:
            for folder in [] if self.is_first else command.folders:
                if folder in private:
                    os.makedirs(folder, mode=0o700, exist_ok=True)
                else:
                    make_folders(Path(folder))
        except OSError as error:
            return f"cannot create {error.filename}: {error.strerror}"
        return ""

    def _write(self, command: msg.WriteFile) -> str:
        path = self.run_dir / command.path
        try:
            make_folders(path.parent)
            write_atomically(path, command.text.encode())
        except OSError as error:
            return f"cannot write {path}: {error.strerror}"
        return ""

    def _take(self, command: msg.TakeDevices, now: float) -> None:
        self._next_lock = now + LOCK_S
        busy = self.locks.take(command.devices)
        if busy is None:
            self._taking = None
            self.report(msg.Done(id=command.id, unlocked=dict(self.locks.problems)))
        elif busy != self._told:
            self._told = busy
            user = "" if busy.waits else device_user(busy.device)
            self.report(msg.Waiting(device=busy.device, holder=busy.holder, waits=busy.waits, user=user))

    # --- what is reported ----------------------------------------------------------------------------------

    def _reading(self, event: ev.AnyEvent) -> None:
        if not isinstance(event, ev.NodeReading):
            return
        if self.backlog() > MOST_BACKLOG:
            self._left_out += 1
            return
        self.report(msg.Reading(event=event))
        if isinstance(event, ev.GpuInventory):
            setting = os.environ.get(cuda_devices.VISIBLE) if self._visible is None else self._visible
            self.report(msg.Reading(event=cuda_devices.mapping(event, setting)))

    def _follow(self) -> None:
        """Send new records of ranks; what does not fit now stays in the files."""
        for folder in sorted((self.run_dir / layout.RANKS).glob("*")):
            if not folder.name.isdigit():
                continue
            for path in sorted(folder.glob("*.jsonl")):
                reader = self._files.setdefault(path, LineReader(path, limit=1 << 16))
                while self.backlog() < MOST_BACKLOG and (chunk := reader.read()):
                    start, text = reader.offset - len(chunk), chunk.decode("latin-1")
                    stage = int(folder.name)
                    self.report(msg.Records(stage=stage, file=path.name, start=start, text=text))

    # --- processes -----------------------------------------------------------------------------------------

    def _sweep(self, command: msg.Sweep, until: float, now: float) -> None:
        members = processes.RunProcesses(self.run, Path(os.devnull))
        if now < until and not self.is_first and members.alive():
            return
        killed, left = self.kill()
        if not self.shares_run_dir:
            self._follow()
            if self.backlog() >= MOST_BACKLOG:
                return  # answered when the rest of the records is on its way
        self._sweeping = None
        self.report(msg.Done(id=command.id, killed=killed, left=left))

    def _end(self, command: msg.End, until: float, now: float) -> None:
        if self._watch is not None and not self._watch.over and now < until:
            return
        self._ending = self._host = None
        self.clear()
        self._watch = None
        self.ended = True
        self._answer(command.id)
