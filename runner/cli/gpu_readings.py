"""The output of `trtbench-tui gpus`: current GPU readings, as text or JSON."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from runner import events as ev
from runner.events.missing_readings import UNSUPPORTED, without_host_load
from runner.state.gpu import GpuState, TelemetryState
from runner.state.run import RunState
from runner.telemetry import host
from runner.telemetry.monitor import TelemetryMonitor
from runner.util import processes
from runner.util.console import control_terminal, print_json
from runner.util.memory_file import memory_file

POLL_S = 0.02
READINGS = (
    "memory", "busy", "memory_busy", "power", "sm_clock", "memory_clock", "temperature", "sm_active",
    "tensor_active", "dram_active",
)  # fmt: skip
_ONCE_TICKS = 2
"""GPM compares two samples, so only the second one is complete."""
_CLEAR = "\x1b[H\x1b[J"


def show(hz: float, *, once: bool, as_json: bool) -> None:
    """Print readings until Ctrl-C, or with `once` one; without a GPU, print the reason and return."""
    write = _write_json if as_json else _write_text
    for state in _states(hz, _ONCE_TICKS if once else None):
        write(state, redraw=not once and sys.stdout.isatty())


def _states(hz: float, ticks: int | None) -> Iterator[RunState]:
    """Yield the state after every reading, or once after `ticks` readings; end when there are no more."""
    state = RunState()
    why = host.no_gpu_reason("cuda", hz)
    if why:
        state.apply(ev.NoGpu(t=time.monotonic_ns(), reason=why))
        yield state
        return
    with memory_file("telemetry.jsonl") as records:
        watch = TelemetryMonitor(records.path, hz, lists=False)
        watch.start()
        seen = 0
        try:
            while not watch.over:
                watch.reaped(processes.reap_children())
                changed = False
                for event in watch.poll():
                    state.apply(event)
                    seen += isinstance(event, ev.GpuSamples)
                    changed = changed or isinstance(event, ev.GpuSamples | ev.Telemetry | ev.NoGpu)
                records.forget(watch.bytes_read)
                failed = state.no_gpu is not None or state.telemetry.stale
                if changed and (ticks is None or seen >= ticks or failed):
                    yield state
                    if ticks is not None:
                        return
                time.sleep(POLL_S)
        finally:
            watch.kill()


# --- JSON --------------------------------------------------------------------------------------------------


def _write_json(state: RunState, *, redraw: bool) -> None:
    print_json([msgspec.json.encode(as_object(state))])


def as_object(state: RunState) -> dict[str, Any]:
    """Return the readings by name; a missing one is null, with its reason under `reasons`."""
    telemetry = state.telemetry
    status = telemetry.status
    return {
        "t": telemetry.last.t if telemetry.last else None,
        "no_gpu": without_host_load(state.no_gpu) if state.no_gpu is not None else None,
        "status": status.text if status else None,
        "driver": telemetry.inventory.driver if telemetry.inventory else None,
        "gpus": [_gpu_object(telemetry, gpu) for gpu in state.gpus.values()],
    }


def _gpu_object(telemetry: TelemetryState, gpu: GpuState) -> dict[str, Any]:
    latest = {name: telemetry.latest(gpu, name) for name in READINGS}
    missing = {name: value for name, value in latest.items() if isinstance(value, str)}
    throttled, identity = telemetry.throttled_by(gpu), gpu.identity
    if throttled is None:
        missing["throttled_by"] = str(telemetry.latest(gpu, "reasons"))
    return {
        "uuid": identity.uuid,
        "index": identity.index,
        "pci": identity.pci,
        "name": identity.name,
        "memory_total": identity.memory_total or None,
        "power_limit_w": identity.power_limit_w,
        **{name: None if isinstance(value, str) else value for name, value in latest.items()},
        "reserved": gpu.reserved,
        "mig": [
            {"uuid": uuid, "memory": telemetry.slice_memory(uuid), "memory_total": identity.slices.get(uuid)}
            for uuid in identity.mig or ()
        ],
        "throttled_by": throttled,
        "reasons": missing,
        "sources": gpu.sources,
    }


# --- text --------------------------------------------------------------------------------------------------


def _write_text(state: RunState, *, redraw: bool) -> None:
    if redraw:
        control_terminal(_CLEAR, sys.stdout)
    sys.stdout.write("\n".join(as_text(state)) + "\n")
    sys.stdout.flush()


def as_text(state: RunState) -> Iterable[str]:
    """Yield a table of all GPUs, and the reason for every missing reading."""
    telemetry = state.telemetry
    if state.no_gpu is not None:
        yield f"no GPU readings: {without_host_load(state.no_gpu)}"
        return
    if telemetry.status is not None:
        yield telemetry.status.text
    yield (
        f"{'GPU':<4}{'name':<22}{'memory GiB':>16}{'busy %':>8}{'power W':>12}{'SM MHz':>8}{'°C':>5}"
        f"{'SM %':>7}{'tensor %':>9}{'DRAM %':>8}  throttled by"
    )
    missing: dict[str, list[str]] = {}
    for gpu in state.gpus.values():
        yield _row(telemetry, gpu).rstrip()
        yield from (_mig_row(telemetry, gpu, uuid) for uuid in gpu.identity.mig or ())
        for name in () if gpu.lost else READINGS:
            value = telemetry.latest(gpu, name)
            if isinstance(value, str):
                missing.setdefault(f"{name.replace('_', ' ')}: {value}", []).append(str(gpu.identity.index))
    for what, where in missing.items():
        yield f"  GPU {', '.join(where)}: {what}"
    for problem in telemetry.problems:
        yield f"  {problem.text}"


def _mig_row(telemetry: TelemetryState, gpu: GpuState, uuid: str) -> str:
    used, total = telemetry.slice_memory(uuid), gpu.identity.slices.get(uuid)
    shown = "–" if used is None or total is None else f"{used / 2**30:.1f} / {total / 2**30:.1f}"
    return f"    {uuid[:21]:<22}{shown:>16}  of its own; other readings exist for the whole GPU only"


def _row(telemetry: TelemetryState, gpu: GpuState) -> str:
    def cell(reading: str, digits: int, unit: float = 1.0) -> str:
        value = telemetry.latest(gpu, reading)
        if isinstance(value, str):
            return "n/a" if value == UNSUPPORTED else "–"
        return f"{value / unit:.{digits}f}"

    identity, gib = gpu.identity, 2**30
    memory = f"{cell('memory', 1, gib)} / {identity.memory_total / gib:.1f}"
    if not identity.memory_total:
        memory = f"{cell('memory', 1, gib)} / –"
    throttled = telemetry.throttled_by(gpu)
    limit = "" if identity.power_limit_w is None else f" / {identity.power_limit_w:.0f}"
    return (
        f"{identity.index:<4}{identity.name[:21]:<22}{memory:>16}{cell('busy', 0):>8}"
        f"{cell('power', 0) + limit:>12}{cell('sm_clock', 0):>8}{cell('temperature', 0):>5}"
        f"{cell('sm_active', 1):>7}{cell('tensor_active', 1):>9}{cell('dram_active', 1):>8}"
        f"  {'–' if throttled is None else ', '.join(throttled)}"
    )
