"""The first and the last readings of the GPUs of this machine, around the stages of a run."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from runner.run import layout
from runner.telemetry.monitor import TelemetryMonitor

POLL_S = 0.025
BASELINE_S = 5.0
"""How long the first stage waits for a GPU reading of the idle state."""
LAST_READING_S = 2.0


def begin(
    watch: TelemetryMonitor,
    warn: Callable[[str], None],
    idle: Callable[[], object],
    stop_wanted: Callable[[], bool],
) -> None:
    """Start reading the GPUs, and wait a moment for a reading before the first stage."""
    watch.start()
    deadline = time.monotonic() + BASELINE_S
    while not (watch.sampled or watch.over or stop_wanted()):
        if time.monotonic() > deadline:
            warn(f"the GPUs did not answer within {BASELINE_S:.0f} s, so there is no baseline")
            break
        idle()
        time.sleep(POLL_S)


def end(watch: TelemetryMonitor, run_dir: Path, idle: Callable[[], object]) -> None:
    """Wait briefly for a last reading after the processes of the run have ended."""
    watch.finish()
    deadline = time.monotonic() + LAST_READING_S
    while not watch.over and time.monotonic() < deadline:
        idle()
        time.sleep(POLL_S)
    watch.kill()
    idle()
    # All its records are in the log.
    with contextlib.suppress(OSError):
        (run_dir / layout.TELEMETRY).unlink()
    layout.remove_if_empty(run_dir / layout.TELEMETRY_LOG)
