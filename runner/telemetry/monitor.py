"""The supervisor's side of telemetry: starts the process, reads its records, and expects nothing of it.

No method waits: a process that is silent is killed and left to the kernel, which may take minutes when a call
into the driver hangs. What it did until then stands in the log.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from runner import events as ev
from runner.engines.diagnosis import describe_exit
from runner.events.journal import LineReader
from runner.telemetry.gpu_registry import COLUMNS, Lineup
from runner.util import disk, processes
from runner.util.daemon import IMPORT_ROOT

START_S = 10.0
"""From the start to the first record: a driver without persistence takes seconds to wake up its GPUs."""
MISSED_TICKS = 2
SLACK_S = 0.25
"""Beyond the missed ticks: for a busy machine to write and for us to read."""
HOPELESS_S = 2.0
"""Silent for so much longer, it is killed; before that, it may have been a busy driver, or a busy machine."""
BACKOFF_S = (1.0, 2.0, 4.0)
"""Before each restart; after the last one telemetry is given up."""
WELL_S = 600.0
"""A process that lived so long was well: what happened to the ones before it does not count any more."""

_BOOTSTRAP = """
import sys
sys.path.insert(0, sys.argv[1])
from runner.telemetry.process import main
main(sys.argv[2:])
"""

# The process may say these and nothing else.
Record = (
    ev.GpuInventory
    | ev.GpuSamples
    | ev.GpuEnergy
    | ev.GpuHealth
    | ev.GpuSource
    | ev.GpuReason
    | ev.GpuProblem
    | ev.GpuProcesses
    | ev.Telemetry
    | ev.TelemetryCost
    | ev.NoGpu
)
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


@dataclass
class Watch:
    """One telemetry process at a time; `poll` yields what it recorded and what happened to it."""

    file: Path
    """where the process appends its records"""
    hz: float
    lists: bool = True
    """record who uses the GPUs before and after"""
    log: Path | None = None
    """where the process may complain"""
    pids: set[int] = field(default_factory=set)
    """processes that we started and that live, or hang until the kernel lets them die"""
    over: bool = False
    """nothing more will come"""
    sampled: bool = False
    """GPUs were read at least once"""
    _child: subprocess.Popen[bytes] | None = None
    _born: int | None = None
    """its start time: a pid alone can be reused"""
    _reader: LineReader = field(init=False)
    _period: float = field(init=False)
    _heard: float = 0.0
    """when something was heard of the present process, CLOCK_MONOTONIC"""
    _speaks: bool = False
    _stale: bool = False
    """it was said that nothing is heard of it"""
    _said_why: str = ""
    """what it said itself about its end"""
    _lineup: Lineup = field(default_factory=Lineup)
    _started: float = 0.0
    _starts: int = 0
    _restarts: int = 0
    _restart_at: float | None = None
    _exit_code: int | None = None
    _finishing: bool = False
    _warm_up: int = 0

    def __post_init__(self) -> None:
        self._reader = LineReader(self.file)
        self._period = 1 / self.hz

    def start(self) -> None:
        """Start the process; a failure to do so shows as one that ended at once."""
        parent = os.getpid()
        self._heard = self._started = time.monotonic()
        self._speaks, self._stale, self._said_why = False, False, ""
        self._restart_at, self._exit_code = None, None
        self._period = 1 / self.hz
        # One that starts anew is in the middle of the run: who else is on the GPUs is asked off it only.
        lists = "no" if not self.lists else "after" if self._starts else "both"
        self._starts += 1
        arguments = [str(IMPORT_ROOT), str(self.file), str(self._period), lists]
        self._child = None
        with contextlib.suppress(OSError), open(self.log or os.devnull, "ab") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-c", _BOOTSTRAP, *arguments],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=lambda: processes.die_with_parent(parent),
            )
            self.pids.add(self._child.pid)
            self._born = processes.start_time(self._child.pid)

    def poll(self) -> list[ev.AnyEvent]:
        """Records that arrived, and what became of the process."""
        now = time.monotonic()
        found = self._records(now)
        if self.over:
            return found
        if self._restart_at is not None:
            if now >= self._restart_at:
                self.start()
        elif self._child is None or not self._alive(self._child.pid):
            found += self._ended(now)
        elif now - self._heard > self._patience:
            found += self._silent(now)
        return found

    def saw(self, event: ev.AnyEvent) -> None:
        """Notice where a configuration's timing begins and ends: the energy counter is read just then."""
        if isinstance(event, ev.Iteration):
            boundary = event.rank == 0 and event.phase == "warmup" and event.i + 1 >= self._warm_up
        elif isinstance(event, ev.ConfigurationStarted):
            self._warm_up = event.warm_up
            boundary = event.warm_up == 0
        else:
            boundary = isinstance(event, ev.Result)
        # One that is still starting has not blocked the signal yet, and would end of it.
        if boundary and self._speaks:
            self._signal(signal.SIGUSR1)

    def reaped(self, ended: dict[int, int]) -> None:
        """Children that somebody collected: exit code by pid."""
        if self._child is not None and self._child.pid in ended:
            self._exit_code = ended[self._child.pid]
        self.pids.difference_update(ended)

    def finish(self) -> None:
        """Ask for a last reading; `poll` until `over`, for as long as one cares to."""
        self._finishing = True
        if self._child is None or self._restart_at is not None or self._stale or not self._speaks:
            self.kill()
        else:
            self._signal(signal.SIGUSR2)

    def kill(self) -> None:
        """End it without waiting for it."""
        self._signal(signal.SIGKILL)
        self.over = True

    # --- what became of it ------------------------------------------------------------------------------

    @property
    def _patience(self) -> float:
        return MISSED_TICKS * self._period + SLACK_S if self._speaks else START_S

    def _records(self, now: float) -> list[ev.AnyEvent]:
        found: list[ev.AnyEvent] = []
        while chunk := self._reader.read():
            for line in chunk.splitlines():
                with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
                    found += self._taken(_decoder.decode(line))
        if found:
            if self._stale and not self.over:
                self._stale = False
                found.insert(
                    0, self._say("sampling", f"GPU readings are back after {now - self._heard:.1f} s")
                )
            self._heard = now
        return found

    def _taken(self, event: Record) -> Sequence[ev.AnyEvent]:
        if isinstance(event, ev.GpuInventory):
            return self._lineup.inventory(event)
        if isinstance(event, ev.GpuSamples):
            self._period = event.period_ms / 1000
            self._speaks = True
            self.sampled = self.sampled or any(getattr(event, name) for name in COLUMNS)
            return [self._lineup.samples(event)]
        if isinstance(event, ev.Telemetry):
            self._period = 1 / event.hz if event.hz else self._period
            self._said_why = event.text if event.state == "ended" else ""
        elif isinstance(event, ev.NoGpu):
            self.over = True
            if self.sampled:
                # There were GPUs: a driver that was replaced, or a container that lost them.
                return [self._say("given up", f"GPU readings ended: {event.reason}")]
        elif not isinstance(event, ev.TelemetryCost):
            return [msgspec.structs.replace(event, gpu=self._lineup.name(event.gpu))]
        return [event]

    def _silent(self, now: float) -> list[ev.AnyEvent]:
        """Say that it is silent; kill it when that lasts, and try again later."""
        silent = now - self._heard
        full = disk.is_full(self.file.parent)  # then what it says does not reach its file
        what = (
            "the disk of the run directory is full" if full else f"NVML has not answered for {silent:.1f} s"
        )
        found: list[ev.AnyEvent] = []
        if not self._stale:
            self._stale = True
            found.append(self._say("stale", what))
        if not full and (not self._speaks or silent > self._patience + HOPELESS_S):
            self._signal(signal.SIGKILL)
            found += self._try_again(now, what)
        return found

    def _ended(self, now: float) -> list[ev.AnyEvent]:
        found = self._records(now)
        if self.over or self._finishing:
            self.over = True
            return found
        # The exit code is known only when it was us who collected it.
        how = "" if self._exit_code is None else f" with {describe_exit(self._exit_code)}"
        what = self._said_why or f"the telemetry process ended{how}"
        told = [] if self._said_why else [self._say("ended", what)]
        return [*found, *told, *self._try_again(now, what)]

    def _try_again(self, now: float, what: str) -> list[ev.AnyEvent]:
        if self._finishing:
            self.over = True
            return []
        if now - self._started > WELL_S:
            self._restarts = 0
        if self._restarts == len(BACKOFF_S):
            self.over = True
            return [
                self._say("given up", f"GPU readings were given up after {self._restarts} restarts: {what}")
            ]
        self._restart_at = now + BACKOFF_S[self._restarts]
        self._restarts += 1
        return []

    def _say(self, state: ev.TelemetryState, text: str) -> ev.Telemetry:
        return ev.Telemetry(t=time.monotonic_ns(), state=state, text=text)

    def _signal(self, number: int) -> None:
        # A restart is pending: the process is dead or dying, and its pid may be another's.
        if self._child is None or self._restart_at is not None:
            return
        if processes.start_time(self._child.pid) == self._born is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child.pid, number)

    def _alive(self, pid: int) -> bool:
        """Until somebody collected it: then its exit code is known, too."""
        if pid not in self.pids:
            return False
        start = processes.start_time(pid)
        return start == self._born if start is not None else os.path.exists(f"/proc/{pid}")
