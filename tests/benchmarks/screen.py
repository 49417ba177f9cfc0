"""The live screen on a terminal: what it sends and what it costs, beside nvitop on the same GPUs."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from runner.run import liveness
from runner.util import processes
from tests.benchmarks.result import Claim, Measured
from tests.standins import nvml
from tests.support.runs import start, under_mpirun, wait_for, wait_until_ended
from tests.support.terminal import Terminal

GPUS = RANKS = 8
COLUMNS, LINES = 160, 50
SETTLE_S, SECONDS = 5.0, 20.0
OURS = "import sys; from tui.main import main; sys.exit(main(sys.argv[1:]))"
BYTES = Claim(
    "live screen to the terminal, kB/s, 8 ranks and 8 GPUs at 2 Hz",
    "<= 4",
    lambda kilobytes: kilobytes <= 4,
)
CPU = Claim("processor of the live screen, percent of a core", "<= 4", lambda percent: percent <= 4)
IDLE = Claim("live screen of an ended run to the terminal, bytes/s", "= 0", lambda sent: sent == 0)


class Cost(NamedTuple):
    """What a program on a terminal did in some seconds."""

    kilobytes: float
    """written to the terminal, a second"""
    percent: float
    """processor time, of one core"""


class Costs(NamedTuple):
    live: Cost
    ended: Cost
    nvitop: Cost | str
    """a string: why it did not run"""


def measure_bytes() -> Measured:
    """Eight real ranks of 15 iterations a second each, and GPUs whose readings change with every sample."""
    costs = _costs()
    return Measured(BYTES, costs.live.kilobytes, _beside(costs.nvitop, "kilobytes", "kB/s"))


def measure_cpu() -> Measured:
    costs = _costs()
    return Measured(CPU, costs.live.percent, _beside(costs.nvitop, "percent", "%"))


def measure_idle() -> Measured:
    costs = _costs()
    return Measured(IDLE, costs.ended.kilobytes * 1000, f"processor: {costs.ended.percent:.1f} %")


def _beside(nvitop: Cost | str, what: str, unit: str) -> str:
    if isinstance(nvitop, str):
        return f"nvitop was not measured: {nvitop}"
    return f"nvitop at 2 Hz, the GPUs alone: {getattr(nvitop, what):.2f} {unit}"


@functools.cache
def _costs() -> Costs:
    with tempfile.TemporaryDirectory() as folder:
        library = nvml.build(Path(folder) / "nvml")
        with _environment(TRTBENCH_HOME=folder, LD_LIBRARY_PATH=str(library), TRTBENCH_TELEMETRY="always",
                          NVML_GPUS=str(GPUS), NVML_VARY="1", RANK_DEVICE="cuda:%"):  # fmt: skip
            run_dir = start(under_mpirun("noisy", RANKS))
            try:
                live = _cost([OURS, "attach", str(run_dir)])
                nvitop = _nvitop(Path(folder) / "nvitop")
            finally:
                liveness.request_stop(run_dir, "the benchmark")
                wait_until_ended(run_dir)
            return Costs(live, _cost([OURS, "attach", str(run_dir)]), nvitop)


def _nvitop(folder: Path) -> Cost | str:
    """nvitop from a folder of its own, so that nothing here depends on it."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "nvitop"]
    try:
        subprocess.run(pip, check=True, capture_output=True, timeout=120)
    except (subprocess.SubprocessError, OSError) as error:
        return f"it cannot be installed here ({type(error).__name__})"
    with _environment(PYTHONPATH=str(folder)):
        return _cost(["from nvitop.cli import main; main()", "--monitor", "full", "--interval", "0.5"])


def _cost(program: list[str]) -> Cost:
    """Of a Python program with arguments, once it has drawn everything a first time."""
    terminal = Terminal([sys.executable, "-c", *program], columns=COLUMNS, rows=LINES)
    try:
        wait_for(lambda: bool(terminal.read(0.1)), "the first frame")
        for _ in terminal.chunks(SETTLE_S):
            pass
        pid = terminal.process.pid
        sent, cpu, began = terminal.bytes, _cpu_seconds(pid), time.monotonic()
        for _ in terminal.chunks(SECONDS):
            pass
        seconds = time.monotonic() - began
        used = _cpu_seconds(pid) - cpu
        return Cost((terminal.bytes - sent) / 1000 / seconds, 100 * used / seconds)
    finally:
        terminal.close()


def _cpu_seconds(pid: int) -> float:
    """User and system time that a live process has used."""
    start = processes.start_time(pid)
    assert start is not None
    return sum(processes.cpu_ticks([(pid, start)]).values()) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
