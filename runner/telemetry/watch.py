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
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from runner import events as ev
from runner import processes
from runner.diagnosis import describe_exit
from runner.journal import LineReader

ROOT = Path(__file__).resolve().parent.parent.parent
START_S = 10.0
"""From the start to the first record: a driver without persistence takes seconds to wake up its GPUs."""
MISSED_TICKS = 2
SLACK_S = 0.25
"""Beyond the missed ticks: for a busy machine to write and for us to read."""
BACKOFF_S = (1.0, 2.0, 4.0)
"""Before each restart; after the last one telemetry is given up."""

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
        first = self._restarts == 0
        self._heard, self._speaks, self._restart_at, self._exit_code = time.monotonic(), False, None, None
        self._period = 1 / self.hz
        lists = "1" if self.lists and first else "0"
        arguments = [str(ROOT), str(self.file), str(self._period), lists]
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
            found += self._stale(now)
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
        if self._child is None or self._restart_at is not None or not self._speaks:
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
                    found.append(self._taken(_decoder.decode(line)))
        if found:
            self._heard = now
        return found

    def _taken(self, event: Record) -> ev.AnyEvent:
        if isinstance(event, ev.GpuSamples):
            self._period = event.period_ms / 1000
            self._speaks = self.sampled = True
        elif isinstance(event, ev.Telemetry) and event.hz:
            self._period = 1 / event.hz
        elif isinstance(event, ev.NoGpu):
            self.over = True
            if self.sampled:
                # There were GPUs: a driver that was replaced, or a container that lost them.
                return self._say("given up", f"GPU readings ended: {event.reason}")
        return event

    def _stale(self, now: float) -> list[ev.AnyEvent]:
        """It is silent: say so, kill it, and try again later."""
        silent = now - self._heard
        self._signal(signal.SIGKILL)
        what = f"NVML has not answered for {silent:.1f} s"
        return [self._say("stale", what), *self._try_again(now, what)]

    def _ended(self, now: float) -> list[ev.AnyEvent]:
        found = self._records(now)
        if self.over or self._finishing:
            self.over = True
            return found
        # The exit code is known only when it was us who collected it.
        how = "" if self._exit_code is None else f" with {describe_exit(self._exit_code)}"
        what = f"the telemetry process ended{how}"
        return [*found, self._say("ended", what), *self._try_again(now, what)]

    def _try_again(self, now: float, what: str) -> list[ev.AnyEvent]:
        if self._finishing:
            self.over = True
            return []
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
