"""The supervisor's side of telemetry: starts the process, reads its records, and restarts it when it fails.

No method waits: a silent process is killed and left to the kernel, which may take minutes when a call into
the driver hangs. The log keeps what it recorded until then.
"""

from __future__ import annotations

import contextlib
import logging
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
from runner.telemetry.gpu_registry import COLUMNS, GpuRegistry
from runner.util import disk, process_control, processes
from runner.util.daemon import IMPORT_ROOT
from runner.util.files import open_append

logger = logging.getLogger(__name__)
logger.addHandler(logging.NullHandler())  # without it, warnings of a process that does not log go to stderr

START_S = 10.0
"""Limit from the start to the first record: a driver without persistence needs seconds to wake its GPUs."""
MISSED_TICKS = 2
SLACK_S = 0.25
"""Added to the missed ticks, for a busy machine to write and for this process to read."""
KILL_AFTER_S = 2.0
"""Further silence after which the process is killed; shorter, a busy driver or machine explains it."""
BACKOFF_S = (1.0, 2.0, 4.0)
"""Delay before each restart; after the last one, telemetry is given up."""
RESET_RESTARTS_AFTER_S = 600.0
"""After a process has run this long, earlier restarts no longer count."""

_BOOTSTRAP = """
import sys
sys.path.insert(0, sys.argv[1])
from runner.util import imports
with imports.uncollected():
    from runner.telemetry.process import main
main(sys.argv[2:])
"""

# The only events that the process may write.
TelemetryRecord = (
    ev.GpuInventory
    | ev.GpuSamples
    | ev.GpuEnergy
    | ev.GpuHealth
    | ev.GpuSource
    | ev.GpuReason
    | ev.GpuProblem
    | ev.GpuProcesses
    | ev.GpuProcessTable
    | ev.Telemetry
    | ev.TelemetryCost
    | ev.NoGpu
)
_decoder: msgspec.json.Decoder[TelemetryRecord] = msgspec.json.Decoder(TelemetryRecord)


@dataclass(slots=True)
class TimingBoundaries:
    """Finds where the timing of a configuration begins and ends; the energy counters are read there."""

    _warm_up: int = 0

    def is_one(self, event: ev.AnyEvent) -> bool:
        """Check whether an event, given in the order of the log, is such a boundary."""
        if isinstance(event, ev.Iteration):
            return event.rank == 0 and event.phase == "warmup" and event.i + 1 >= self._warm_up
        if isinstance(event, ev.ConfigurationStarted):
            self._warm_up = event.warm_up
            return event.warm_up == 0
        return isinstance(event, ev.Result)


@dataclass
class TelemetryMonitor:
    """Runs one telemetry process at a time; `poll` returns its records and changes of its state."""

    file: Path
    """where the process appends its records"""
    hz: float
    lists: bool = True
    """record which processes use the GPUs: before and after the run, and in between when they change"""
    log: Path | None = None
    """file for the output of the process"""
    pids: set[int] = field(default_factory=set)
    """telemetry processes that are alive, or hang until the kernel can end them"""
    over: bool = False
    """no more records will come"""
    sampled: bool = False
    """GPUs were read at least once"""
    _child: subprocess.Popen[bytes] | None = None
    _born: int | None = None
    """its start time: a pid alone can be reused"""
    _reader: LineReader = field(init=False)
    _period: float = field(init=False)
    _last_record: float = 0.0
    """when the current process last wrote a record, CLOCK_MONOTONIC"""
    _ready: bool = False
    """the process has written a sample, so it handles signals"""
    _stale: bool = False
    """its silence was reported"""
    _end_reason: str = ""
    """the reason that it gave for its end"""
    _registry: GpuRegistry = field(default_factory=GpuRegistry)
    _started: float = 0.0
    _starts: int = 0
    _restarts: int = 0
    _restart_at: float | None = None
    _exit_code: int | None = None
    _finishing: bool = False

    def __post_init__(self) -> None:
        self._reader = LineReader(self.file)
        self._period = 1 / self.hz

    def start(self) -> None:
        """Start the process; if it cannot start, `poll` treats it as one that ended at once."""
        parent = os.getpid()
        self._last_record = self._started = time.monotonic()
        self._ready, self._stale, self._end_reason = False, False, ""
        self._restart_at, self._exit_code = None, None
        self._period = 1 / self.hz
        # A restarted process lists other processes on the GPUs only after the run.
        lists = "no" if not self.lists else "after" if self._starts else "both"
        self._starts += 1
        arguments = [str(IMPORT_ROOT), str(self.file), str(self._period), lists]
        self._child = None
        with contextlib.suppress(OSError), open_append(self.log or Path(os.devnull)) as log:
            self._child = subprocess.Popen(
                [sys.executable, "-c", _BOOTSTRAP, *arguments],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=lambda: process_control.die_with_parent(parent),
            )
            self.pids.add(self._child.pid)
            self._born = processes.start_time(self._child.pid)
            logger.info("started telemetry process %d (start %d)", self._child.pid, self._starts)

    def poll(self) -> list[ev.AnyEvent]:
        """Return new records, and changes of the state of the process."""
        if not self._starts:
            return []  # the wait for other machines or devices comes before the start
        now = time.monotonic()
        found = self._records(now)
        if self.over:
            return found
        if self._restart_at is not None:
            if now >= self._restart_at:
                self.start()
        elif self._child is None or not self._alive(self._child.pid):
            found += self._on_end(now)
        elif now - self._last_record > self._max_silence_s:
            found += self._on_silence(now)
        return found

    def read_energy(self) -> None:
        """Have the energy counter read now."""
        # A process that is still starting has not blocked the signal yet; the signal would end it.
        if self._ready:
            self._signal(signal.SIGUSR1)

    def reaped(self, ended: dict[int, int]) -> None:
        """Take note of reaped child processes: exit code by pid."""
        if self._child is not None and self._child.pid in ended:
            self._exit_code = ended[self._child.pid]
        self.pids.difference_update(ended)

    def finish(self) -> None:
        """Ask for a last reading; afterwards, call `poll` until `over` or until a time limit."""
        self._finishing = True
        if self._child is None or self._restart_at is not None or self._stale or not self._ready:
            self.kill()
        else:
            self._signal(signal.SIGUSR2)

    def kill(self) -> None:
        """Kill the process without waiting for its end."""
        self._signal(signal.SIGKILL)
        self.over = True

    @property
    def bytes_read(self) -> int:
        """The size of the beginning of `file` that is no longer needed."""
        return self._reader.offset

    # --- the state of the process ------------------------------------------------------------------------

    @property
    def _max_silence_s(self) -> float:
        return MISSED_TICKS * self._period + SLACK_S if self._ready else START_S

    def _records(self, now: float) -> list[ev.AnyEvent]:
        found: list[ev.AnyEvent] = []
        while chunk := self._reader.read():
            for line in chunk.splitlines():
                with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
                    found += self._events_of(_decoder.decode(line))
        if found:
            if self._stale and not self.over:
                self._stale = False
                silent = now - self._last_record
                found.insert(0, self._status("sampling", f"GPU readings are back after {silent:.1f} s"))
            self._last_record = now
        return found

    def _events_of(self, event: TelemetryRecord) -> Sequence[ev.AnyEvent]:
        if isinstance(event, ev.GpuInventory):
            return self._registry.inventory(event)
        if isinstance(event, ev.GpuSamples):
            self._period = event.period_ms / 1000
            self._ready = True
            self.sampled = self.sampled or any(getattr(event, name) for name in COLUMNS)
            return [self._registry.samples(event)]
        if isinstance(event, ev.Telemetry):
            self._period = 1 / event.hz if event.hz else self._period
            self._end_reason = event.text if event.state == "ended" else ""
        elif isinstance(event, ev.NoGpu):
            self.over = True
            if self.sampled:
                # There were GPUs: a driver that was replaced, or a container that lost them.
                return [self._status("given up", f"GPU readings ended: {event.reason}")]
        elif not isinstance(event, ev.TelemetryCost):
            return [msgspec.structs.replace(event, gpu=self._registry.name(event.gpu))]
        return [event]

    def _on_silence(self, now: float) -> list[ev.AnyEvent]:
        """Report a silent process; if the silence lasts, kill the process and schedule a restart."""
        silent = now - self._last_record
        full = disk.is_full(self.file.parent)  # then its records do not reach the file
        what = (
            "the disk of the run directory is full" if full else f"NVML has not answered for {silent:.1f} s"
        )
        found: list[ev.AnyEvent] = []
        if not self._stale:
            self._stale = True
            found.append(self._status("stale", what))
        if not full and (not self._ready or silent > self._max_silence_s + KILL_AFTER_S):
            logger.info("killing telemetry process: %s", what)
            self._signal(signal.SIGKILL)
            found += self._restart_later(now, what)
        return found

    def _on_end(self, now: float) -> list[ev.AnyEvent]:
        found = self._records(now)
        if self.over or self._finishing:
            self.over = True
            return found
        # The exit code is known only if this process reaped it.
        how = "" if self._exit_code is None else f" with {describe_exit(self._exit_code)}"
        what = self._end_reason or f"the telemetry process ended{how}"
        reported = [] if self._end_reason else [self._status("ended", what)]
        return [*found, *reported, *self._restart_later(now, what)]

    def _restart_later(self, now: float, what: str) -> list[ev.AnyEvent]:
        if self._finishing:
            self.over = True
            return []
        if now - self._started > RESET_RESTARTS_AFTER_S:
            self._restarts = 0
        if self._restarts == len(BACKOFF_S):
            self.over = True
            logger.warning("telemetry is given up after %d restarts: %s", self._restarts, what)
            text = f"GPU readings were given up after {self._restarts} restarts: {what}"
            return [self._status("given up", text)]
        delay = BACKOFF_S[self._restarts]
        self._restart_at = now + delay
        self._restarts += 1
        logger.warning("restarting telemetry in %.0f s (restart %d): %s", delay, self._restarts, what)
        return []

    def _status(self, state: ev.TelemetryStatus, text: str) -> ev.Telemetry:
        return ev.Telemetry(t=time.monotonic_ns(), state=state, text=text)

    def _signal(self, number: int) -> None:
        # A restart is pending: the process is dead or dying, and its pid may be another's.
        if self._child is None or self._restart_at is not None:
            return
        if processes.start_time(self._child.pid) == self._born is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child.pid, number)

    def _alive(self, pid: int) -> bool:
        """Check whether a process exists or was not reaped yet; once reaped, its exit code is known."""
        if pid not in self.pids:
            return False
        start = processes.start_time(pid)
        return start == self._born if start is not None else os.path.exists(f"/proc/{pid}")
