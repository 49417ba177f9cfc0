"""The kinds of line in a run's `events.jsonl`.

One JSON object a line: `kind` tells the type, `t` is CLOCK_MONOTONIC in nanoseconds on the machine of the
run (an iteration carries its rank's own reading). Readers skip kinds that they do not know.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Literal

import msgspec

SCHEMA = 1
"""Version of the log; raised when a reader of an older version would misread a line."""

StageStatus = Literal["ok", "failed", "stopped", "skipped"]
RunStatus = Literal["finished", "failed", "stopped", "lost"]
Phase = Literal["warmup", "timed", "profile"]
"""`profile`: upstream's second loop (--dump_profile), slowed down by its profiler and part of no number"""


TelemetryState = Literal["sampling", "slowed", "stale", "ended", "given up"]


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", gc=False):
    """Base of every event."""

    t: int


class RunStarted(Event, frozen=True, kw_only=True, tag="run_started", gc=False):
    """First line of every log; the only place that relates `t` to the wall clock."""

    run: str
    schema: int
    wall: float
    """seconds since 1970 at `t`"""
    host: str
    boot_id: str
    pid: int
    cores: int
    version: str


class Queued(Event, frozen=True, kw_only=True, tag="queued", gc=False):
    """The run waits for a device that another run holds."""

    device: str
    holder: str


class StageStarted(Event, frozen=True, kw_only=True, tag="stage_started", gc=False):
    stage: int
    name: str
    pid: int
    ranks: int


class StageEnded(Event, frozen=True, kw_only=True, tag="stage_ended", gc=False):
    stage: int
    name: str
    status: StageStatus
    exit_code: int | None = None
    """exit code of the launcher; negative: the signal that ended it"""
    note: str = ""
    """why it was skipped"""


class Hello(Event, frozen=True, kw_only=True, tag="hello", gc=False):
    """First record of a rank."""

    stage: int
    rank: int
    world: int
    pid: int
    host: str
    device: str
    label: str = ""
    """name of the device, as its driver gives it"""


class Bye(Event, frozen=True, kw_only=True, tag="bye", gc=False):
    """Last record of a rank; `count` is how many records it sent before this one."""

    stage: int
    rank: int
    count: int


class ConfigurationStarted(Event, frozen=True, kw_only=True, tag="configuration", gc=False):
    """Warm-up of one configuration begins (sent by rank 0)."""

    stage: int
    index: int
    batch_size: int
    input_len: int
    output_len: int
    """0 for an encoder, which generates nothing"""
    num_runs: int
    duration: float
    """seconds"""
    warm_up: int
    gpu_weights_percent: float = 1.0
    """share of the weights that stays on the GPU, 0 to 1"""
    num_beams: int = 1


class Iteration(Event, frozen=True, kw_only=True, tag="iteration", gc=False):
    """One call of the whole batch on one rank; `t` is when it ended there."""

    stage: int
    rank: int
    config: int
    i: int
    phase: Phase
    latency_ms: float
    generation_ms: float | None = None
    """first token to last token, milliseconds"""
    steps: int | None = None
    """decode steps after the first token"""


class Result(Event, frozen=True, kw_only=True, tag="result", gc=False):
    """What the engine itself printed for one configuration: upstream's keys and values, as printed."""

    stage: int
    values: dict[str, str]


class Answer(Event, frozen=True, kw_only=True, tag="answer", gc=False):
    """What the model answered to a prompt in a smoke run; a person reads whether it makes sense."""

    stage: int
    prompt: str
    answer: str


class Host(Event, frozen=True, kw_only=True, tag="host", gc=False):
    """Load of the machine: percent of all cores, bytes of memory."""

    cpu_percent: float
    memory_used: int
    memory_total: int
    load: float


class Heartbeat(Event, frozen=True, kw_only=True, tag="heartbeat", gc=False):
    """A stage that prints and reports nothing still lives."""

    stage: int
    silent_s: float
    """seconds since its last output or record"""
    cpu_percent: float
    """processor time of all its processes; 100 is one core"""
    processes: int
    output_bytes: int | None = None
    """size of the directory that it fills"""


class NoGpu(Event, frozen=True, kw_only=True, tag="no_gpu", gc=False):
    """Why this run has no GPU readings, in one sentence."""

    reason: str


class GpuIdentity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One GPU of the machine, as the driver names it, and in which way it can be read."""

    uuid: str
    index: int
    """NVML's index, which is not CUDA's"""
    name: str = ""
    pci: str = ""
    """`domain:bus:device.function`; CUDA counts in this order under CUDA_DEVICE_ORDER=PCI_BUS_ID"""
    vbios: str = ""
    memory_total: int = 0
    power_limit_w: float | None = None
    max_sm_clock: int | None = None
    max_memory_clock: int | None = None
    max_pcie_generation: int | None = None
    max_pcie_width: int | None = None
    persistence: bool | None = None
    mig: list[str] | None = None
    """UUIDs of its MIG devices; None: MIG is off"""


class GpuInventory(Event, frozen=True, kw_only=True, tag="gpu_inventory", gc=False):
    """The GPUs of this machine; the columns of every later `gpu` event are in this order."""

    driver: str = ""
    nvml: str = ""
    cuda: str = ""
    gpus: list[GpuIdentity] = []


Column = list[int | float | None]
"""One number a GPU; None: none this time, and `gpu_reason` says why when there is more to it"""


class GpuSamples(Event, frozen=True, kw_only=True, tag="gpu", gc=False):
    """One reading of all GPUs; a column that no GPU has is left out."""

    period_ms: int
    """time to the next one, milliseconds"""
    busy: Column = []
    """percent of the driver's last period in which a kernel ran, however small"""
    memory_busy: Column = []
    """percent of that period in which memory was read or written"""
    memory: Column = []
    """bytes in use, without what the driver reserves (unless `sources` says otherwise)"""
    power: Column = []
    """watts"""
    sm_clock: Column = []
    memory_clock: Column = []
    """MHz"""
    temperature: Column = []
    """degrees Celsius"""
    reasons: Column = []
    """why clocks are not higher: NVML's clocks event reasons, a set of bits"""
    sm_active: Column = []
    """percent of time and multiprocessors that had work (GPM)"""
    tensor_active: Column = []
    dram_active: Column = []
    """percent of peak memory bandwidth in use (GPM)"""
    throttled_us: dict[str, list[int]] = {}
    """microseconds since the sample before in which clocks were held down, by reason"""


class GpuEnergy(Event, frozen=True, kw_only=True, tag="gpu_energy", gc=False):
    """The energy counter of one GPU: millijoules since its driver was loaded; it moves every 100 ms."""

    gpu: str
    mj: int


class GpuHealth(Event, frozen=True, kw_only=True, tag="gpu_health", gc=False):
    """What changes slowly; None: not readable there."""

    gpu: str
    reserved: int | None = None
    """bytes that the driver keeps for itself"""
    pcie_generation: int | None = None
    pcie_width: int | None = None
    ecc_corrected: int | None = None
    ecc_uncorrected: int | None = None
    """since the driver was loaded"""
    remapped_rows: int | None = None
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
    code: int = 0


class GpuProcesses(Event, frozen=True, kw_only=True, tag="gpu_processes", gc=False):
    """Processes that compute on a GPU before the first stage or after the last: none of them is the run's."""

    gpu: str
    when: Literal["before", "after"]
    pids: list[int]
    """as the driver counts them, which a container may not know"""


class GpuMapping(Event, frozen=True, kw_only=True, tag="gpu_mapping", gc=False):
    """Which GPU a stage's `cuda:N` is: the N-th UUID."""

    order: str
    """value of CUDA_DEVICE_ORDER"""
    visible: str | None
    """CUDA_VISIBLE_DEVICES of the benchmark; None: not set"""
    gpus: list[str]


class Telemetry(Event, frozen=True, kw_only=True, tag="telemetry", gc=False):
    """How reading the GPUs goes; `text` says it in a sentence."""

    state: TelemetryState
    text: str
    hz: float = 0.0


class TelemetryCost(Event, frozen=True, kw_only=True, tag="telemetry_cost", gc=False):
    """What reading cost since the last such event: call -> number, median and maximum in microseconds."""

    seconds: float
    ticks: int
    missed: int
    """readings that were due but skipped because one before took too long"""
    cpu_percent: float
    """processor time of the telemetry process; 100 is one core"""
    calls: dict[str, tuple[int, float, float]]


class Notice(Event, frozen=True, kw_only=True, tag="notice", gc=False):
    """Something worth knowing that does not end the run."""

    level: Literal["info", "warning"]
    text: str
    rank: int | None = None
    """the rank that says so in a record of its own"""


class Failure(Event, frozen=True, kw_only=True, tag="failure", gc=False):
    """The first real cause of a failed run, in one sentence, with where it was seen and what to do."""

    cause: str
    remedy: str = ""
    log: str = ""
    """name of the raw log that holds the cause"""


class Stopping(Event, frozen=True, kw_only=True, tag="stopping", gc=False):
    """Somebody asked the run to stop."""

    by: str


class Swept(Event, frozen=True, kw_only=True, tag="swept", gc=False):
    """Processes of the run that had to be killed after a stage or the run ended."""

    killed: int
    left: int


class Gap(Event, frozen=True, kw_only=True, tag="gap", gc=False):
    """Events that could not be written (a full disk); `lost` of them are missing here."""

    lost: int
    reason: str


class RunEnded(Event, frozen=True, kw_only=True, tag="run_ended", gc=False):
    """Last line of every log."""

    status: RunStatus
    wall: float


AnyEvent = (
    RunStarted
    | Queued
    | StageStarted
    | StageEnded
    | Hello
    | Bye
    | ConfigurationStarted
    | Iteration
    | Result
    | Answer
    | Host
    | Heartbeat
    | NoGpu
    | GpuInventory
    | GpuSamples
    | GpuEnergy
    | GpuHealth
    | GpuSource
    | GpuReason
    | GpuProblem
    | GpuProcesses
    | GpuMapping
    | Telemetry
    | TelemetryCost
    | Notice
    | Failure
    | Stopping
    | Swept
    | Gap
    | RunEnded
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


def encode(event: Event) -> bytes:
    """One line of the log, newline included."""
    return _encoder.encode(event) + b"\n"


def decode_lines(lines: bytes) -> list[AnyEvent]:
    """Events of complete lines; a line that is no event of ours is skipped."""
    with no_cycles():
        try:
            return _decoder.decode_lines(lines)
        except msgspec.DecodeError:
            return list(_decode_one_by_one(lines))


class no_cycles:  # noqa: N801 - used as a statement, and a generator's context costs ten times as much
    """Within it nobody looks for reference cycles.

    Events refer to nothing but their own values, so there are none; looking for them among a million columns
    of numbers takes as long as decoding those.
    """

    __slots__ = ("_collecting",)

    def __enter__(self) -> None:
        self._collecting = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._collecting:
            gc.enable()


def _decode_one_by_one(lines: bytes) -> Iterator[AnyEvent]:
    for line in lines.split(b"\n"):
        try:
            yield _decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
