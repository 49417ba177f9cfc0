"""Load of the machine, and why there may be no GPU to read."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil

from runner.events import Host


def sample() -> Host:
    """Processor load since the last call (0 at the first), and memory."""
    memory = psutil.virtual_memory()
    return Host(
        t=time.monotonic_ns(),
        cpu_percent=psutil.cpu_percent(interval=None),
        memory_used=memory.total - memory.available,
        memory_total=memory.total,
        load=os.getloadavg()[0],
    )


def why_no_gpu(device: str, gpu_hz: float) -> str:
    """Why GPUs are not read for a run on `device` (`cpu` or `cuda`), in one sentence; empty: they are.

    TRTBENCH_TELEMETRY=always reads them also where no driver seems to be.
    """
    if gpu_hz <= 0:
        return "reading GPUs was switched off; host load is shown instead"
    if os.environ.get("TRTBENCH_TELEMETRY") == "always":
        return ""
    if not Path("/dev/nvidiactl").exists():
        return "no NVIDIA driver on this machine (no /dev/nvidiactl); host load is shown instead"
    if device == "cpu":
        return "this run uses the CPU only; host load is shown instead"
    return ""
