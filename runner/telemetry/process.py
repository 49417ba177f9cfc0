"""The telemetry process: reads the GPUs at a steady rate and appends what it reads to a file.

It is apart from everything else because a call into NVML can hang for minutes or crash. It takes two signals:
SIGUSR1, a phase of the run begins or ends; SIGUSR2, read everything a last time and end.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from runner.telemetry import nvml_errors
from runner.telemetry.pace import Pace

if TYPE_CHECKING:
    from runner.telemetry.costs import Costs
    from runner.telemetry.sampler import Sampler

COST_S = 30.0
SILENT_S, SILENT_TICKS = 5.0, 3
"""A driver that says nothing of any GPU for so long was replaced, or the container lost them: start anew."""
BOUNDARY, LAST = signal.SIGUSR1, signal.SIGUSR2


def main(arguments: Sequence[str]) -> None:
    """`FILE PERIOD_S LISTS`; when to record who uses the GPUs: before and after (`both`), `after`, `no`."""
    # Waited for, not handled: a signal can neither interrupt a call into NVML nor be lost during one.
    signal.pthread_sigmask(signal.SIG_BLOCK, {BOUNDARY, LAST})
    path, period, lists = arguments
    write = _appender(path)
    try:
        _sample(write, float(period), lists)
    except nvml_errors.Unread as unread:
        write(_no_gpu(nvml_errors.absence(unread.code)))
    except ImportError:
        write(_no_gpu(nvml_errors.NO_BINDING))


def _sample(write: Callable[[dict[str, Any]], None], period: float, lists: str) -> None:
    from runner.telemetry.costs import Costs
    from runner.telemetry.nvml import Nvml
    from runner.telemetry.sampler import Sampler

    costs = Costs()
    sampler = Sampler(Nvml(costs), write, time.monotonic_ns)
    if not sampler.open():
        write(_no_gpu(nvml_errors.NO_DEVICE))
        return
    sampler.settle()
    if lists == "both":
        sampler.processes("before")
    if _loop(sampler, costs, write, period) and lists != "no":
        sampler.processes("after")


def _loop(sampler: Sampler, costs: Costs, write: Callable[[dict[str, Any]], None], period: float) -> bool:
    """Tick until told to end, and write down costs and pace; False: there is no sense in going on."""
    pace = Pace(period, time.monotonic())
    bill = _Bill(costs, write)
    asked: int | None = None
    while asked != LAST:
        began = time.monotonic()
        sampler.tick(pace.period)
        bill.ticks += 1
        nothing = sampler.why_nothing()
        if nothing:
            write(_no_gpu(nothing))
            return False
        silent, reason = sampler.silence()
        if silent > max(SILENT_S, SILENT_TICKS * pace.period):
            write(_ended(silent, reason))
            return False
        if pace.after(began, time.monotonic()):
            write(_slowed(pace))
        bill.pay(pace, at_least=COST_S)
        asked = _wait(pace.deadline)
        while asked == BOUNDARY:
            sampler.boundary()
            asked = _wait(pace.deadline)
    sampler.tick(pace.period)
    sampler.settle()
    bill.pay(pace, at_least=0.0)
    return True


def _wait(deadline: float) -> int | None:
    """Sleep until a deadline; returns the signal that came before it."""
    rest = max(0.0, deadline - time.monotonic())
    found = signal.sigtimedwait({BOUNDARY, LAST}, rest)
    return found.si_signo if found is not None else None


class _Bill:
    """What reading costs, written down every half minute."""

    def __init__(self, costs: Costs, write: Callable[[dict[str, Any]], None]) -> None:
        self._costs, self._write = costs, write
        self.ticks = 0
        self._since = time.monotonic()
        self._cpu = time.process_time()
        self._missed = 0

    def pay(self, pace: Pace, *, at_least: float) -> None:
        """Write the bill when it covers `at_least` seconds."""
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
    text = f"no GPU has answered for {silent:.0f} s ({reason}), so NVML is started anew"
    return {"kind": "telemetry", "t": time.monotonic_ns(), "state": "ended", "text": text}


def _no_gpu(sentence: str) -> dict[str, Any]:
    return {"kind": "no_gpu", "t": time.monotonic_ns(), "reason": sentence}


def _appender(path: str) -> Callable[[dict[str, Any]], None]:
    """Appends one line a record, each in one write; on a full disk records are lost, never torn together."""
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
