"""The telemetry process: reads the GPUs at a steady rate and appends the readings to a file.

It is a process of its own because a call into NVML can hang for minutes or crash. It takes two signals:
SIGUSR1: a phase of the run begins or ends; SIGUSR2: read everything a last time and exit.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from runner.telemetry import nvml_errors
from runner.telemetry.reading_schedule import Pace
from runner.util.logs import set_up_process_log

if TYPE_CHECKING:
    from runner.telemetry.costs import CallCosts
    from runner.telemetry.sampler import GpuSampler

logger = logging.getLogger(__name__)

COST_S = 30.0
SILENT_S, SILENT_TICKS = 5.0, 3
"""After this silence of all GPUs, the driver was replaced or the container lost its GPUs: restart NVML."""
BOUNDARY, LAST = signal.SIGUSR1, signal.SIGUSR2


def main(arguments: Sequence[str]) -> None:
    """Read GPUs until SIGUSR2; the arguments are `FILE PERIOD_S LISTS`.

    LISTS says when to record which processes use the GPUs: before and after the run (`both`), `after`, `no`.
    Except for `no`, the processes are also recorded when they change.
    """
    set_up_process_log()
    # The signals are waited for, not handled: they cannot interrupt a call into NVML, nor be lost during one.
    signal.pthread_sigmask(signal.SIG_BLOCK, {BOUNDARY, LAST})
    path, period, lists = arguments
    logger.info("reading GPUs every %s s", period)
    write = _appender(path)
    try:
        _sample(write, float(period), lists)
    except nvml_errors.ReadingUnavailable as unread:
        logger.info("no GPU can be read: NVML error %d", unread.code)
        write(_no_gpu(nvml_errors.absence(unread.code)))
    except ImportError:
        logger.info("no GPU can be read: pynvml is not installed")
        write(_no_gpu(nvml_errors.NO_BINDING))


def _sample(write: Callable[[dict[str, Any]], None], period: float, lists: str) -> None:
    from runner.telemetry.costs import CallCosts
    from runner.telemetry.nvml import Nvml
    from runner.telemetry.process_tables import ProcessTables
    from runner.telemetry.sampler import GpuSampler

    costs = CallCosts()
    tables = ProcessTables() if lists != "no" else None
    sampler = GpuSampler(Nvml(costs), write, time.monotonic_ns, tables)
    if not sampler.open():
        write(_no_gpu(nvml_errors.NO_DEVICE))
        return
    sampler.read_slow()
    if lists == "both":
        sampler.processes("before")
    if _loop(sampler, costs, write, period) and lists != "no":
        sampler.processes("after")


def _loop(
    sampler: GpuSampler, costs: CallCosts, write: Callable[[dict[str, Any]], None], period: float
) -> bool:
    """Read until SIGUSR2, and record costs and pace; return False if no GPU will answer."""
    pace = Pace(period, time.monotonic())
    cost_report = _CostReport(costs, write)
    received: int | None = None
    while received != LAST:
        began = time.monotonic()
        sampler.tick(pace.period)
        cost_report.ticks += 1
        reason = sampler.no_readings_reason()
        if reason:
            write(_no_gpu(reason))
            return False
        silent, reason = sampler.silence()
        if silent > max(SILENT_S, SILENT_TICKS * pace.period):
            logger.info("no GPU has answered for %.0f s: %s", silent, reason)
            write(_ended(silent, reason))
            return False
        if pace.after(began, time.monotonic()):
            logger.info("reading interval is now %.2f s", pace.period)
            write(_slowed(pace))
        cost_report.write_if_due(pace, at_least=COST_S)
        received = _wait(pace.deadline)
        while received == BOUNDARY:
            sampler.boundary()
            received = _wait(pace.deadline)
    sampler.tick(pace.period)
    sampler.read_slow()
    cost_report.write_if_due(pace, at_least=0.0)
    return True


def _wait(deadline: float) -> int | None:
    """Sleep until a deadline; return the signal that came before it, or None."""
    rest = max(0.0, deadline - time.monotonic())
    found = signal.sigtimedwait({BOUNDARY, LAST}, rest)
    return found.si_signo if found is not None else None


class _CostReport:
    """Records the cost of reading every half minute."""

    def __init__(self, costs: CallCosts, write: Callable[[dict[str, Any]], None]) -> None:
        self._costs, self._write = costs, write
        self.ticks = 0
        self._since = time.monotonic()
        self._cpu = time.process_time()
        self._missed = 0

    def write_if_due(self, pace: Pace, *, at_least: float) -> None:
        """Write a record if at least `at_least` seconds have passed since the last one."""
        now, cpu = time.monotonic(), time.process_time()
        seconds = now - self._since
        if seconds < at_least:
            return
        self._write(
            {
                "kind": "telemetry_cost",
                "t": time.monotonic_ns(),
                "seconds": round(seconds, 3),
                "ticks": self.ticks,
                "missed": pace.missed - self._missed,
                "cpu_percent": round(100 * (cpu - self._cpu) / max(seconds, 1e-3), 2),
                "calls": self._costs.report(),
            }
        )
        self.ticks, self._since, self._cpu, self._missed = 0, now, cpu, pace.missed


def _slowed(pace: Pace) -> dict[str, Any]:
    slower = pace.period > pace.wanted
    why = "reading took more than 20 % of its period" if slower else "reading is cheap again"
    return {
        "kind": "telemetry",
        "t": time.monotonic_ns(),
        "state": "slowed" if slower else "sampling",
        "hz": round(1 / pace.period, 3),
        "text": f"GPUs are read {1 / pace.period:.2g} times a second: {why}",
    }


def _ended(silent: float, reason: str) -> dict[str, Any]:
    text = f"no GPU has answered for {silent:.0f} s ({reason}), so NVML is restarted"
    return {"kind": "telemetry", "t": time.monotonic_ns(), "state": "ended", "text": text}


def _no_gpu(sentence: str) -> dict[str, Any]:
    return {"kind": "no_gpu", "t": time.monotonic_ns(), "reason": sentence}


def _appender(path: str) -> Callable[[dict[str, Any]], None]:
    """Return a function that appends a line per record, in one write: a full disk loses whole records."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    torn = False

    def write(record: dict[str, Any]) -> None:
        nonlocal torn
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        try:
            written = os.write(file, b"\n" + line if torn else line)
        except OSError:
            return
        torn = written < len(line)

    return write
