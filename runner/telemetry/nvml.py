"""The calls into NVML, one method per reading: plain numbers, or `ReadingUnavailable`.

Errors of NVML are compared by number: its exceptions are not hashable and compare badly with others. Every
call is timed under the name of the C function.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable
from typing import Any

import pynvml

from runner.telemetry.backend import ReadingSources
from runner.telemetry.costs import CallCosts
from runner.telemetry.gpm import Gpm
from runner.telemetry.nvml_errors import UNREADABLE, ReadingUnavailable, ReadingValue, is_final

POWER_INSTANT, POWER_AVERAGE = 186, 185
# Nanoseconds since the driver was loaded in which clocks were held down, by reason; if a driver does not know
# the newer field, the older one counts (nearly) the same.
THROTTLE = {
    "power cap": (74, None),
    "sync boost": (76, None),
    "thermal": (269, 75),
    "hw thermal": (270, None),
    "power brake": (271, None),
}
_XID = 0x8
_MAX_XIDS = 16
_CORRECTED, _UNCORRECTED, _VOLATILE = 0, 1, 0
_TIMEOUT = 10
_MISMATCH: tuple[type[Exception], ...] = tuple(
    filter(None, [getattr(pynvml, "NVMLLibraryMismatchError", None)])
)
"""What nvidia-ml-py raises since 12.550 when the library is older than the function."""
_VALUE_FIELDS = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")


class Nvml:
    """The machine's GPUs through the real library."""

    def __init__(self, costs: CallCosts) -> None:
        """Start NVML.

        Raises:
            ReadingUnavailable: it does not start.
        """
        self._costs = costs
        self._call("nvmlInit_v2", pynvml.nvmlInit)
        self._handles: list[Any] = []
        self._slices: dict[int, dict[str, Any]] = {}
        self._memory_v1: set[int] = set()
        self._power_usage: set[int] = set()
        self._old_temperature: set[int] = set()
        self._gpm: dict[int, Gpm | None] = {}
        self._events: Any = None

    def machine(self) -> tuple[dict[str, str], list[dict[str, Any]]]:
        versions = {
            "driver": self._text("nvmlSystemGetDriverVersion"),
            "nvml": self._text("nvmlSystemGetNVMLVersion"),
            "cuda": "",
        }
        with contextlib.suppress(ReadingUnavailable):
            cuda = self._call("nvmlSystemGetCudaDriverVersion_v2", pynvml.nvmlSystemGetCudaDriverVersion_v2)
            versions["cuda"] = f"{cuda // 1000}.{cuda % 1000 // 10}"
        count = self._call("nvmlDeviceGetCount_v2", pynvml.nvmlDeviceGetCount)
        return versions, [self._identity(index) for index in range(count)]

    def _identity(self, index: int) -> dict[str, Any]:
        try:
            handle = self._call("nvmlDeviceGetHandleByIndex_v2", pynvml.nvmlDeviceGetHandleByIndex, index)
            uuid = self._call("nvmlDeviceGetUUID", pynvml.nvmlDeviceGetUUID, handle)
        except ReadingUnavailable as unread:
            # It stays in the list, so that readers see that it exists and does not answer.
            self._handles.append(None)
            return {"uuid": f"{UNREADABLE}{index}", "index": index, "unread": unread}
        self._handles.append(handle)
        identity: dict[str, Any] = {"uuid": uuid, "index": index}
        for key, name, arguments, value in _IDENTITY:
            with contextlib.suppress(ReadingUnavailable):
                identity[key] = value(self._call(name, getattr(pynvml, name), handle, *arguments))
        with contextlib.suppress(ReadingUnavailable):
            if self._call("nvmlDeviceGetMigMode", pynvml.nvmlDeviceGetMigMode, handle)[0]:
                found = self._slices[len(self._handles) - 1] = self._mig_devices(handle)
                identity["mig"] = list(found)
                identity["slices"] = self._totals(found)
        return identity

    def _mig_devices(self, handle: Any) -> dict[str, Any]:
        """Return handles of the MIG devices of a GPU, by UUID."""
        devices = {}
        most = self._call("nvmlDeviceGetMaxMigDeviceCount", pynvml.nvmlDeviceGetMaxMigDeviceCount, handle)
        for index in range(most):
            with contextlib.suppress(ReadingUnavailable):
                mig = self._call(
                    "nvmlDeviceGetMigDeviceHandleByIndex",
                    pynvml.nvmlDeviceGetMigDeviceHandleByIndex,
                    handle,
                    index,
                )
                devices[self._call("nvmlDeviceGetUUID", pynvml.nvmlDeviceGetUUID, mig)] = mig
        return devices

    def _totals(self, devices: dict[str, Any]) -> dict[str, int]:
        """Return bytes of memory of the MIG devices that report it, by UUID."""
        totals = {}
        for uuid, mig in devices.items():
            with contextlib.suppress(ReadingUnavailable):
                totals[uuid] = self._memory_of(mig).total
        return totals

    def _memory_of(self, handle: Any) -> Any:
        return self._call(
            "nvmlDeviceGetMemoryInfo_v2", pynvml.nvmlDeviceGetMemoryInfo, handle, pynvml.nvmlMemory_v2
        )

    # --- fast -------------------------------------------------------------------------------------------

    def memory(self, gpu: int) -> tuple[int, int | None]:
        """Return bytes in use and bytes reserved; with an old driver the first includes the second."""
        handle = self._handles[gpu]
        if gpu not in self._memory_v1:
            try:
                new = self._memory_of(handle)
                return new.used, new.reserved
            except ReadingUnavailable as unread:
                if not is_final(unread.code):
                    raise
                self._memory_v1.add(gpu)
        return self._call("nvmlDeviceGetMemoryInfo", pynvml.nvmlDeviceGetMemoryInfo, handle).used, None

    def slices(self, gpu: int) -> dict[str, int]:
        """Return bytes in use of the MIG devices that report it, by UUID; NVML reads nothing else of them."""
        found: dict[str, int] = {}
        refused: ReadingUnavailable | None = None
        for uuid, mig in self._slices.get(gpu, {}).items():
            try:
                found[uuid] = self._memory_of(mig).used
            except ReadingUnavailable as unread:
                refused = unread
        if refused is not None and not found:
            raise refused
        return found

    def utilization(self, gpu: int) -> tuple[int, int]:
        rates = self._call(
            "nvmlDeviceGetUtilizationRates", pynvml.nvmlDeviceGetUtilizationRates, self._handles[gpu]
        )
        return rates.gpu, rates.memory

    def fields(self, gpu: int) -> tuple[ReadingValue, ReadingValue, dict[str, int]]:
        """Return power in watts, now and as the mean of a second, and nanoseconds throttled by reason."""
        wanted = [
            POWER_INSTANT,
            POWER_AVERAGE,
            *(id_ for ids in THROTTLE.values() for id_ in ids if id_ is not None),
        ]
        found: dict[int, ReadingValue] = {}
        try:
            values = self._call(
                "nvmlDeviceGetFieldValues", pynvml.nvmlDeviceGetFieldValues, self._handles[gpu], wanted
            )
            found = {value.fieldId: _field_value(value) for value in values}
        except ReadingUnavailable as unread:
            if not is_final(unread.code):
                raise
        throttled: dict[str, int] = {}
        for name, ids in THROTTLE.items():
            for id_ in ids:
                counter = None if id_ is None else found.get(id_)
                if isinstance(counter, int):
                    throttled[name] = counter
                    break
        average = found.get(POWER_AVERAGE, ReadingUnavailable(3))
        if isinstance(average, int | float):
            average = average / 1000
        return self._power(gpu, found.get(POWER_INSTANT)), average, throttled

    def _power(self, gpu: int, instant: ReadingValue) -> ReadingValue:
        if isinstance(instant, int | float) and gpu not in self._power_usage:
            return instant / 1000
        if isinstance(instant, ReadingUnavailable) and not is_final(instant.code):
            return instant
        self._power_usage.add(gpu)
        try:
            usage = self._call("nvmlDeviceGetPowerUsage", pynvml.nvmlDeviceGetPowerUsage, self._handles[gpu])
        except ReadingUnavailable as unread:
            return unread
        return float(usage) / 1000

    def clocks(self, gpu: int) -> tuple[int, int]:
        handle = self._handles[gpu]
        return (
            self._call("nvmlDeviceGetClockInfo", pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_SM),
            self._call(
                "nvmlDeviceGetClockInfo", pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_MEM
            ),
        )

    def temperature(self, gpu: int) -> int:
        handle, sensor = self._handles[gpu], pynvml.NVML_TEMPERATURE_GPU
        if gpu not in self._old_temperature and hasattr(pynvml, "nvmlDeviceGetTemperatureV"):
            try:
                return int(
                    self._call("nvmlDeviceGetTemperatureV", pynvml.nvmlDeviceGetTemperatureV, handle, sensor)
                )
            except ReadingUnavailable as unread:
                if not is_final(unread.code):
                    raise
        self._old_temperature.add(gpu)
        return int(self._call("nvmlDeviceGetTemperature", pynvml.nvmlDeviceGetTemperature, handle, sensor))

    def reasons(self, gpu: int) -> int:
        handle = self._handles[gpu]
        # nvidia-ml-py knows both names; the driver may know only the old one.
        try:
            return int(
                self._call(
                    "nvmlDeviceGetCurrentClocksEventReasons",
                    pynvml.nvmlDeviceGetCurrentClocksEventReasons,
                    handle,
                )
            )
        except ReadingUnavailable as unread:
            if not is_final(unread.code):
                raise
            return int(
                self._call(
                    "nvmlDeviceGetCurrentClocksThrottleReasons",
                    pynvml.nvmlDeviceGetCurrentClocksThrottleReasons,
                    handle,
                )
            )

    def profile(self, gpu: int) -> tuple[ReadingValue, ...] | None:
        """Return percent of time that parts of the GPU were active since the last call; None: first call."""
        if gpu not in self._gpm:
            handle = self._handles[gpu]
            support = self._call(
                "nvmlGpmQueryDeviceSupport", pynvml.nvmlGpmQueryDeviceSupport, handle
            ).isSupportedDevice
            self._gpm[gpu] = Gpm(self._call, handle) if support else None
        gpm = self._gpm[gpu]
        if gpm is None:
            raise ReadingUnavailable(3)
        return gpm.read()

    # --- slow -------------------------------------------------------------------------------------------

    def energy(self, gpu: int) -> int:
        return int(
            self._call(
                "nvmlDeviceGetTotalEnergyConsumption",
                pynvml.nvmlDeviceGetTotalEnergyConsumption,
                self._handles[gpu],
            )
        )

    def pcie(self, gpu: int) -> tuple[int, int]:
        handle = self._handles[gpu]
        return (
            self._call(
                "nvmlDeviceGetCurrPcieLinkGeneration", pynvml.nvmlDeviceGetCurrPcieLinkGeneration, handle
            ),
            self._call("nvmlDeviceGetCurrPcieLinkWidth", pynvml.nvmlDeviceGetCurrPcieLinkWidth, handle),
        )

    def ecc(self, gpu: int) -> tuple[int, int]:
        """Return corrected and uncorrected errors since the driver was loaded."""
        name, handle = "nvmlDeviceGetTotalEccErrors", self._handles[gpu]
        function = pynvml.nvmlDeviceGetTotalEccErrors
        return (
            self._call(name, function, handle, _CORRECTED, _VOLATILE),
            self._call(name, function, handle, _UNCORRECTED, _VOLATILE),
        )

    def remapped(self, gpu: int) -> tuple[int, bool, bool]:
        """Return remapped rows of memory, whether more wait for a reset, and whether remapping failed."""
        rows = self._call("nvmlDeviceGetRemappedRows", pynvml.nvmlDeviceGetRemappedRows, self._handles[gpu])
        return rows[0] + rows[1], bool(rows[2]), bool(rows[3])

    def processes(self, gpu: int) -> list[tuple[int, int | None]]:
        """Return pid, and bytes of GPU memory (None: not known), of each process that computes on a GPU."""
        found = self._call(
            "nvmlDeviceGetComputeRunningProcesses_v3",
            pynvml.nvmlDeviceGetComputeRunningProcesses,
            self._handles[gpu],
        )
        return [(process.pid, process.usedGpuMemory) for process in found]

    # --- events -----------------------------------------------------------------------------------------

    def xids(self) -> list[tuple[int | None, int]]:
        """Return (GPU, Xid) of each critical error since the last call; GPU None: unknown; never waits."""
        if self._events is None:
            self._events = self._call("nvmlEventSetCreate", pynvml.nvmlEventSetCreate)
            for handle in self._handles:
                if handle is not None:
                    with contextlib.suppress(ReadingUnavailable):
                        self._call(
                            "nvmlDeviceRegisterEvents",
                            pynvml.nvmlDeviceRegisterEvents,
                            handle,
                            _XID,
                            self._events,
                        )
        found: list[tuple[int | None, int]] = []
        while len(found) < _MAX_XIDS:
            try:
                event = self._call("nvmlEventSetWait_v2", pynvml.nvmlEventSetWait, self._events, 0)
            except ReadingUnavailable as unread:
                if unread.code == _TIMEOUT:
                    break
                raise
            found.append((self._gpu_of(event.device), int(event.eventData)))
        return found

    def _gpu_of(self, device: Any) -> int | None:
        wanted = ctypes.cast(device, ctypes.c_void_p).value
        for gpu, handle in enumerate(self._handles):
            if handle is not None and ctypes.cast(handle, ctypes.c_void_p).value == wanted:
                return gpu
        return None

    def query(self, name: str, *gpus: int, arguments: tuple[Any, ...] = ()) -> Any:
        """Call the function of nvidia-ml-py with this name for a GPU or a pair of GPUs."""
        function = getattr(pynvml, name, None)
        if function is None:
            raise ReadingUnavailable(13)  # an older nvidia-ml-py
        return self._call(name, function, *(self._handles[gpu] for gpu in gpus), *arguments)

    def sources(self, gpu: int) -> ReadingSources:
        return ReadingSources(
            memory="this driver counts the memory that it reserves as used (an NVML before 510.39)"
            if gpu in self._memory_v1
            else "",
            power="nvmlDeviceGetPowerUsage instead of the instantaneous field: the mean of one second, but"
            " instantaneous on A100 (GA100) and older GPUs"
            if gpu in self._power_usage
            else "",
        )

    def _text(self, name: str) -> str:
        try:
            return str(self._call(name, getattr(pynvml, name)))
        except ReadingUnavailable:
            return ""

    def _call(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return self._costs.timed(name, function, *arguments)
        except _MISMATCH:
            raise ReadingUnavailable(13) from None
        except pynvml.NVMLError as error:
            raise ReadingUnavailable(int(error.value)) from None


def _field_value(field: Any) -> ReadingValue:
    if field.nvmlReturn:
        # To an older driver, unknown fields are an invalid argument.
        return ReadingUnavailable(3 if field.nvmlReturn == 2 else field.nvmlReturn)
    if field.valueType >= len(_VALUE_FIELDS):
        return ReadingUnavailable(3)  # a number type that this version does not know
    value: int | float = getattr(field.value, _VALUE_FIELDS[field.valueType])
    return value


def _watts(milliwatts: int) -> float:
    return milliwatts / 1000


def _same(value: Any) -> Any:
    return value


_SM, _MEMORY = 1, 2
# Key of the identity, function, its arguments after the handle, and conversion of the result.
_IDENTITY: tuple[tuple[str, str, tuple[Any, ...], Callable[[Any], Any]], ...] = (
    ("name", "nvmlDeviceGetName", (), _same),
    ("pci", "nvmlDeviceGetPciInfo", (), lambda info: info.busId),
    ("vbios", "nvmlDeviceGetVbiosVersion", (), _same),
    ("memory_total", "nvmlDeviceGetMemoryInfo", (), lambda memory: memory.total),
    ("power_limit_w", "nvmlDeviceGetEnforcedPowerLimit", (), _watts),
    ("max_sm_clock", "nvmlDeviceGetMaxClockInfo", (_SM,), _same),
    ("max_memory_clock", "nvmlDeviceGetMaxClockInfo", (_MEMORY,), _same),
    ("memory_bus_bits", "nvmlDeviceGetMemoryBusWidth", (), _same),
    ("max_pcie_generation", "nvmlDeviceGetMaxPcieLinkGeneration", (), _same),
    ("max_pcie_width", "nvmlDeviceGetMaxPcieLinkWidth", (), _same),
    ("persistence", "nvmlDeviceGetPersistenceMode", (), bool),
)
