"""What telemetry says: the GPUs of the machine, their readings, and how reading them goes."""

from typing import Literal

import msgspec

from runner.events.base import Event
from runner.util.bounds import Count, Period, Reading, Whole

TelemetryStatus = Literal["sampling", "slowed", "stale", "ended", "given up"]


class NoGpu(Event, frozen=True, kw_only=True, tag="no_gpu", gc=False):
    """Why this run has no GPU readings, in one sentence."""

    reason: str


class GpuIdentity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One GPU of the machine, as the driver names it, and in which way it can be read."""

    uuid: str
    index: Whole
    """NVML's index, which is not CUDA's"""
    name: str = ""
    pci: str = ""
    """`domain:bus:device.function`; CUDA counts in this order under CUDA_DEVICE_ORDER=PCI_BUS_ID"""
    vbios: str = ""
    """version of the video BIOS"""
    memory_total: Whole = 0
    """bytes"""
    power_limit_w: Reading | None = None
    """watts"""
    max_sm_clock: Whole | None = None
    """MHz"""
    max_memory_clock: Whole | None = None
    """MHz"""
    memory_bus_bits: Count | None = None
    max_pcie_generation: Count | None = None
    max_pcie_width: Count | None = None
    persistence: bool | None = None
    """whether persistence mode is on"""
    mig: list[str] | None = None
    """UUIDs of its MIG devices; None: MIG is off"""
    slices: dict[str, Whole] = msgspec.field(default_factory=dict)
    """bytes of memory of each MIG device that can be read, by UUID"""


class GpuInventory(Event, frozen=True, kw_only=True, tag="gpu_inventory", gc=False):
    """The GPUs of this machine; the columns of every later `gpu` event are in this order."""

    driver: str = ""
    """version of the driver"""
    nvml: str = ""
    """version of NVML"""
    cuda: str = ""
    """newest CUDA version that the driver supports"""
    gpus: list[GpuIdentity] = msgspec.field(default_factory=list)


GpuColumn = list[Whole | Reading | None]
"""One number a GPU; None: none this time, and `gpu_reason` says why when there is more to it"""


class GpuSamples(Event, frozen=True, kw_only=True, tag="gpu", gc=False):
    """One reading of all GPUs; a column that no GPU has is left out."""

    period_ms: Period
    """time to the next one, milliseconds"""
    busy: GpuColumn = msgspec.field(default_factory=list)
    """percent of the driver's last period in which a kernel ran, however small"""
    memory_busy: GpuColumn = msgspec.field(default_factory=list)
    """percent of that period in which memory was read or written"""
    memory: GpuColumn = msgspec.field(default_factory=list)
    """bytes in use, without what the driver reserves (unless `sources` says otherwise)"""
    power: GpuColumn = msgspec.field(default_factory=list)
    """watts at that moment"""
    power_average: GpuColumn = msgspec.field(default_factory=list)
    """watts in the mean of the second before"""
    sm_clock: GpuColumn = msgspec.field(default_factory=list)
    """MHz"""
    memory_clock: GpuColumn = msgspec.field(default_factory=list)
    """MHz"""
    temperature: GpuColumn = msgspec.field(default_factory=list)
    """degrees Celsius"""
    reasons: GpuColumn = msgspec.field(default_factory=list)
    """why clocks are not higher: NVML's clocks event reasons, a set of bits"""
    sm_active: GpuColumn = msgspec.field(default_factory=list)
    """percent of time and multiprocessors that had work (GPM)"""
    tensor_active: GpuColumn = msgspec.field(default_factory=list)
    """percent of time and multiprocessors in which tensor cores worked (GPM)"""
    dram_active: GpuColumn = msgspec.field(default_factory=list)
    """percent of peak memory bandwidth in use (GPM)"""
    slices: dict[str, Whole] = msgspec.field(default_factory=dict)
    """bytes in use of MIG devices, by UUID"""
    throttled_us: dict[str, list[Whole]] = msgspec.field(default_factory=dict)
    """microseconds since the sample before in which clocks were held down, by reason"""


class GpuEnergy(Event, frozen=True, kw_only=True, tag="gpu_energy", gc=False):
    """The energy counter of one GPU: millijoules since its driver was loaded; it moves every 100 ms."""

    gpu: str
    mj: Whole
    """millijoules"""


class GpuHealth(Event, frozen=True, kw_only=True, tag="gpu_health", gc=False):
    """What changes slowly; None: not readable there."""

    gpu: str
    reserved: Whole | None = None
    """bytes that the driver keeps for itself"""
    pcie_generation: Whole | None = None
    pcie_width: Whole | None = None
    ecc_corrected: Whole | None = None
    """since the driver was loaded"""
    ecc_uncorrected: Whole | None = None
    """since the driver was loaded"""
    remapped_rows: Whole | None = None
    remap_pending: bool | None = None
    remap_failed: bool | None = None


class GpuSource(Event, frozen=True, kw_only=True, tag="gpu_source", gc=False):
    """A reading comes from a fallback and means something else: the one sentence to know about it."""

    gpu: str
    reading: str
    text: str


class GpuReason(Event, frozen=True, kw_only=True, tag="gpu_reason", gc=False):
    """From now on a reading of one GPU is missing for this reason; an empty reason: it is back."""

    gpu: str
    reading: str
    """name of a column, of a slow reading, or `all`"""
    reason: str


class GpuProblem(Event, frozen=True, kw_only=True, tag="gpu_problem", gc=False):
    """Something happened to a GPU: an Xid of the driver, or the GPU is lost to us for good."""

    gpu: str
    what: Literal["xid", "lost"]
    text: str
    code: Whole = 0


class GpuProcesses(Event, frozen=True, kw_only=True, tag="gpu_processes", gc=False):
    """Processes that compute on a GPU before the first stage or after the last: none of them is the run's."""

    gpu: str
    when: Literal["before", "after"]
    pids: list[Whole]
    """as the driver counts them, which a container may not know"""


class ComputeProcess(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A process that computes on a GPU; user, command and run are empty where they are not known."""

    pid: Whole
    """as the driver counts it, which a container may not know"""
    memory: Whole | None = None
    """bytes of GPU memory; None: the driver does not tell"""
    user: str = ""
    command: str = ""
    """the program, and the script or module of an interpreter, without further arguments"""
    run: str = ""
    """id of the run of this program that started it"""


class GpuProcessTable(Event, frozen=True, kw_only=True, tag="gpu_process_table", gc=False):
    """All processes that compute on a GPU now, also those of the run; written when they change."""

    gpu: str
    processes: list[ComputeProcess]


class GpuMapping(Event, frozen=True, kw_only=True, tag="gpu_mapping", gc=False):
    """Which GPU a stage's `cuda:N` is: the N-th UUID."""

    order: str
    """value of CUDA_DEVICE_ORDER"""
    visible: str | None
    """CUDA_VISIBLE_DEVICES of the benchmark; None: not set"""
    gpus: list[str]


class Telemetry(Event, frozen=True, kw_only=True, tag="telemetry", gc=False):
    """How reading the GPUs goes; `text` says it in a sentence."""

    state: TelemetryStatus
    text: str
    hz: Reading = 0.0
    """readings per second"""


class TelemetryCost(Event, frozen=True, kw_only=True, tag="telemetry_cost", gc=False):
    """What reading cost since the last such event: call -> number, median and maximum in microseconds."""

    seconds: Reading
    """length of the period that this event covers"""
    ticks: Count
    """readings in that period"""
    missed: Count
    """readings that were due but skipped because one before took too long"""
    cpu_percent: Reading
    """processor time of the telemetry process; 100 is one core"""
    calls: dict[str, tuple[Count, Reading, Reading]]
