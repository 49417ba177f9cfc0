"""What a machine is doing, for the other side: its GPUs, who holds them, its load.

NVML is asked only while no run of any user holds a device: it would take time from what is measured. During a
run, the readings are those that the run itself has logged.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from runner.engines.gpu_facts import GpuSurvey
from runner.events import AnyEvent, Event, GpuInventory, GpuSamples, decode_lines
from runner.run import layout
from runner.run.device_locks import DeviceHolder, find_all_holders
from runner.run.liveness import host_name
from runner.util.files import open_nonblocking

SURVEY_EVERY_S = 60.0
_HEAD, _TAIL = 1 << 16, 1 << 16
"""bytes of a log that contain the inventory, and the last readings"""
_GPU = "gpu-"
NOT_READ = "not read while a run measures"
_Event = TypeVar("_Event", bound=Event)


class Use(msgspec.Struct, frozen=True):
    """A device that a process holds."""

    device: str
    """`cpu`, `gpu-0`"""
    run: str
    """empty: unknown"""
    user: str
    """empty: unknown"""
    seconds: float | None
    """how long the process has existed; None: unknown"""


class GpuNow(msgspec.Struct, frozen=True):
    """A GPU, with its last readings. None: not known."""

    index: int
    name: str
    uuid: str
    memory_total: int | None = None
    """bytes"""
    memory_used: int | None = None
    """bytes"""
    busy: float | None = None
    """percent of the last period in which a kernel ran"""


class Machine(msgspec.Struct, frozen=True):
    """A machine at one moment."""

    host: str
    cores: int
    load: float
    """processes that computed or waited for it, averaged over a minute"""
    gpus: list[GpuNow]
    no_gpus: str
    """why `gpus` is empty"""
    uses: list[Use]


def gpu_use(gpu: GpuNow, uses: Iterable[Use]) -> Use | None:
    """Return who holds a GPU; a lock names it by its index or its UUID."""
    names = {f"{_GPU}{gpu.index}", f"{_GPU}{gpu.uuid}"}
    return next((use for use in uses if use.device in names), None)


class MachineWatch:
    """Describes this machine repeatedly; `survey` asks for the GPUs, which takes seconds."""

    def __init__(self, survey: Callable[[], GpuSurvey | None] | None = None) -> None:
        self._ask = survey or _survey
        self._survey: GpuSurvey | None = None
        self._asked: float | None = None
        self._thread: threading.Thread | None = None

    def look(self, active: Iterable[Path], *, survey: bool = False) -> Machine:
        """Return the state of this machine.

        Args:
            active: directories of its active runs, whose logs have readings.
            survey: read the GPUs again even if they were read a moment ago.
        """
        uses = [_use_of(holder) for holder in find_all_holders()]
        if not uses:
            self._start_survey(now=survey)
        found = self._survey
        gpus = [
            GpuNow(gpu.index, gpu.name, gpu.uuid, gpu.memory_total, gpu.memory_used)
            for gpu in (found.gpus if found is not None else ())
        ]
        for run_dir in active:
            gpus = _with_readings(gpus, logged_gpus(run_dir))
        absent = "being read" if self._thread is not None else (found.absent if found else NOT_READ)
        return Machine(
            host=host_name(),
            cores=os.cpu_count() or 1,
            load=os.getloadavg()[0],
            gpus=gpus,
            no_gpus="" if gpus else absent or "the driver does not answer",
            uses=uses,
        )

    def _start_survey(self, *, now: bool) -> None:
        if self._thread is not None and self._thread.is_alive():
            return
        self._thread = None
        due = self._asked is None or time.monotonic() - self._asked > SURVEY_EVERY_S
        if now or due:
            self._asked = time.monotonic()
            self._thread = threading.Thread(target=self._read, name="survey", daemon=True)
            self._thread.start()

    def _read(self) -> None:
        self._survey = self._ask()
        self._thread = None


def _survey() -> GpuSurvey | None:
    from runner.preflight.gather import survey_gpus  # all engines, which the other answers do not need

    return survey_gpus()


def _use_of(holder: DeviceHolder) -> Use:
    return Use(holder.device, holder.run, holder.user, holder.seconds)


def logged_gpus(run_dir: Path) -> list[GpuNow]:
    """Return the GPUs of a run with the last readings of its log; empty: it has none."""
    log = run_dir / layout.EVENTS
    inventory = _last(_decoded(log, 0, _HEAD), GpuInventory)
    if inventory is None:
        return []
    try:
        size = log.stat().st_size
    except OSError:
        return []
    sample = _last(_decoded(log, max(0, size - _TAIL), _TAIL), GpuSamples)
    gpus = [GpuNow(gpu.index, gpu.name, gpu.uuid, gpu.memory_total or None) for gpu in inventory.gpus]
    if sample is None:
        return gpus
    return [
        replace(gpu, memory_used=_whole(sample.memory, place), busy=_at(sample.busy, place))
        for place, gpu in enumerate(gpus)
    ]


def _decoded(log: Path, start: int, size: int) -> list[AnyEvent]:
    try:
        with open(log, "rb", opener=open_nonblocking) as file:
            file.seek(start)
            return decode_lines(file.read(size) or b"")
    except OSError:
        return []


def _last(events: list[AnyEvent], kind: type[_Event]) -> _Event | None:
    return next((event for event in reversed(events) if isinstance(event, kind)), None)


def _at(column: list[int | float | None], place: int) -> float | None:
    return column[place] if place < len(column) else None


def _whole(column: list[int | float | None], place: int) -> int | None:
    value = _at(column, place)
    return None if value is None else int(value)


def _with_readings(gpus: list[GpuNow], logged: list[GpuNow]) -> list[GpuNow]:
    """Return GPUs with the readings of a log, which are newer than those of a survey."""
    by_uuid = {gpu.uuid: gpu for gpu in gpus}
    by_uuid |= {gpu.uuid: gpu for gpu in logged}
    return sorted(by_uuid.values(), key=lambda gpu: gpu.index)
