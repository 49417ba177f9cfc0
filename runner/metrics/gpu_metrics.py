"""What the GPU readings of a run mean: rows and flags of the final table, no number where none is."""

from __future__ import annotations

from collections.abc import Iterator

from runner import metrics
from runner.events.throttle_reasons import HARMLESS, reason_words
from runner.metrics import Computed, Metric
from runner.metrics.bandwidth_model import bandwidth
from runner.metrics.energy import disagreement, power_and_energy
from runner.plan.plan import DecodeReads
from runner.state import cuda_devices
from runner.state.gpu import GpuState
from runner.state.gpu_phase import Phase
from runner.state.gpu_window import Measured
from runner.state.run import RunState

GIB = 2**30
LEAST_SAMPLES = 3
SMALL_BASELINE = 256 << 20
"""Memory in use before a run up to this is what drivers and monitors hold."""
CLOCK_DROP = 0.9
LEAST_READ = 0.8
"""With less than this share of the readings that were due, a mean is of what happened to be read."""


def used(state: RunState) -> list[GpuState]:
    """The GPUs of this machine that ranks compute on, in the order of the ranks."""
    mapping = state.telemetry.mapping
    if mapping is None:
        return []
    hellos = [rank.hello for _, rank in sorted(state.ranks.items()) if rank.hello is not None]
    here = state.started.host if state.started else ""
    indices = [cuda_devices.device_index(hello.device) for hello in hellos if hello.host in ("", here)]
    if not hellos:
        # Ranks that do not report take the first GPUs in order, as TensorRT-LLM's do.
        indices = list(range(min(state.world, len(mapping.gpus))))
    chosen: dict[str, GpuState] = {}
    for index in indices:
        gpu = _gpu_at(state, index)
        if gpu is not None:
            chosen.setdefault(gpu.identity.uuid, gpu)
    return list(chosen.values())


def gpu_of_rank(state: RunState, rank: int) -> GpuState | None:
    """The GPU that a rank said it computes on; None: not known, or on another host."""
    found = state.ranks.get(rank)
    hello = found.hello if found else None
    here = state.started.host if state.started else ""
    if hello is None or hello.host not in ("", here):
        return None
    return _gpu_at(state, cuda_devices.device_index(hello.device))


def _astray(state: RunState) -> str:
    """Which ranks compute on a GPU that is not known, so that no sum over GPUs is whole; empty: none."""
    hellos = [rank.hello for rank in state.ranks.values() if rank.hello is not None]
    here = state.started.host if state.started else ""
    for hello in hellos:
        index = cuda_devices.device_index(hello.device)
        if hello.host in ("", here) and index is not None and _gpu_at(state, index) is None:
            return f"rank {hello.rank} computes on {hello.device}, and which GPU that is is not known"
    mapping = state.telemetry.mapping
    if not hellos and mapping is not None and state.world > len(mapping.gpus):
        return f"{state.world} ranks, but CUDA_VISIBLE_DEVICES names {len(mapping.gpus)} GPUs"
    return ""


def _gpu_at(state: RunState, index: int | None) -> GpuState | None:
    mapping = state.telemetry.mapping
    if mapping is None or index is None or index >= len(mapping.gpus):
        return None
    identity = cuda_devices.gpu_of(mapping.gpus[index], [gpu.identity for gpu in state.gpus.values()])
    return state.gpus.get(identity.uuid) if identity else None


# --- rows --------------------------------------------------------------------------------------------------


def numbers(state: RunState, number: int, reads: DecodeReads | str) -> Computed | None:
    """Metrics of the GPUs of one configuration; None: a run without GPU readings.

    Args:
        state: the run.
        number: place of the configuration.
        reads: what a decode step reads, from the plan of the run.
    """
    on = used(state)
    if not on:
        return None
    configuration = state.configurations[number]
    phase = state.telemetry.measured(number, configuration)
    if phase is None:
        return {}
    if astray := _astray(state):
        return dict.fromkeys(metrics.GPU, (None, 0, astray))
    modelled: Computed = {}
    if configuration.serving is None:
        modelled[metrics.GPU_DRAM_MODELLED] = bandwidth(reads, configuration, on)
    if phase.ticks < LEAST_SAMPLES:
        seconds = max(0.0, (configuration.last_t - (configuration.timing_began or 0)) / 1e9)
        note = f"too short: {phase.ticks} readings in {seconds:.1f} s"
        return dict.fromkeys(metrics.GPU, (None, phase.ticks, note)) | modelled
    this = Measured(state, configuration, phase, on)
    return {**_sampled(this), **power_and_energy(this), metrics.GPU_THROTTLED: _throttled(this), **modelled}


def _sampled(this: Measured) -> Computed:
    table: Computed = {metrics.GPU_MEMORY: _memory(this)}
    for metric, reading in _MEANS:
        cells = this.cells(reading)
        if isinstance(cells, str):
            table[metric] = (None, 0, cells)
        else:
            table[metric] = (_mean([cell.mean for cell in cells]), min(cell.n for cell in cells), this.how)
    return table


_MEANS: tuple[tuple[Metric, str], ...] = (
    (metrics.GPU_CLOCK, "sm_clock"),
    (metrics.GPU_BUSY, "busy"),
    (metrics.GPU_SM_ACTIVE, "sm_active"),
    (metrics.GPU_TENSOR_ACTIVE, "tensor_active"),
    (metrics.GPU_DRAM_ACTIVE, "dram_active"),
)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _memory(this: Measured) -> tuple[float | None, int, str]:
    mig = {uuid: gpu for gpu in this.gpus if (uuid := this.state.telemetry.mig_device(gpu))}
    if mig:
        return _memory_of_mig(this, mig)
    cells = this.cells("memory")
    if isinstance(cells, str):
        return None, 0, cells
    words = [this.how]
    for gpu, cell in zip(this.gpus, cells, strict=True):
        before = "not read" if gpu.baseline is None else f"{gpu.baseline / GIB:.1f}"
        reserved = "" if gpu.reserved is None else f", {gpu.reserved / GIB:.1f} reserved apart"
        words.append(f"GPU {gpu.identity.index}: {cell.high / GIB:.1f} (before the run {before}{reserved})")
    source = next((text for gpu in this.gpus if (text := gpu.sources.get("memory"))), "")
    words += [source] if source else []
    return max(cell.high for cell in cells) / GIB, min(cell.n for cell in cells), "; ".join(words)


def _memory_of_mig(this: Measured, devices: dict[str, GpuState]) -> tuple[float | None, int, str]:
    """The one reading that a MIG device has of its own."""
    most = {uuid: this.phase.slices[uuid] for uuid in devices if uuid in this.phase.slices}
    if len(most) < len(devices):
        return None, 0, f"MIG device: {next(iter(devices.values())).why_not('slices')}"
    words = [
        f"{uuid} of GPU {gpu.identity.index}: {most[uuid] / GIB:.1f}"
        + (f" of {gpu.identity.slices[uuid] / GIB:.1f}" if uuid in gpu.identity.slices else "")
        for uuid, gpu in devices.items()
    ]
    return max(most.values()) / GIB, this.phase.ticks, "; ".join([this.rate, *words])


# --- throttling --------------------------------------------------------------------------------------------


def _throttled(this: Measured) -> tuple[float | None, int, str]:
    shares = {gpu.identity.index: _shares(this.phase, gpu) for gpu in this.gpus}
    unread = [index for index, found in shares.items() if found is None]
    if unread:
        return None, 0, f"GPU {unread[0]}: clocks event reasons were not read"
    words = [
        f"GPU {index}: {name} {100 * share:.1f} %"
        for index, found in shares.items()
        for name, share in (found or {}).items()
        if share >= 0.0005
    ]
    most = max((share for found in shares.values() for share in (found or {}).values()), default=0.0)
    return 100 * most, this.phase.ticks, ", ".join(words)


def _shares(phase: Phase, gpu: GpuState) -> dict[str, float] | None:
    """Reason -> share of the measured time, 0 to 1; by the counters, else by how often a bit was seen."""
    seen = phase.reasons[gpu.column] if gpu.column < len(phase.reasons) else None
    counted = {
        name: min(1.0, column[gpu.column] / 1e6 / phase.seconds)
        for name, column in phase.throttled_us.items()
        if gpu.column < len(column)
    }
    if seen is None:
        return counted or None
    total = sum(count for bits, count in seen.items() if bits is not None)
    if not total:
        return counted or None
    sampled: dict[str, float] = {}
    for bits, count in seen.items():
        for name in reason_words(bits or 0):
            sampled[name] = sampled.get(name, 0.0) + count / total
    return {**sampled, **counted}


# --- flags -------------------------------------------------------------------------------------------------


def flags(state: RunState, number: int) -> list[str]:
    """Reasons to distrust the numbers of one configuration that the GPUs give."""
    on = used(state)
    configuration = state.configurations[number]
    phase = state.telemetry.measured(number, configuration) if on else None
    if phase is None or phase.ticks < LEAST_SAMPLES:
        return []
    this = Measured(state, configuration, phase, on)
    found = [*_slowed(this), *disagreement(this)]
    found += _gaps(this)
    expected = phase.seconds * 1000 / max(1, state.telemetry.period_ms)
    if phase.ticks < LEAST_READ * expected - 2:
        found.append(f"GPUs were read only {phase.ticks} of about {expected:.0f} times while it was measured")
    return found


def _gaps(this: Measured) -> Iterator[str]:
    """GPUs of which something was missing in many samples: its mean is that of the rest."""
    table, ticks = this.phase.table, this.phase.ticks
    for gpu in this.gpus:
        cells = {name: cell for name in _STEADY if name in table and (cell := table[name].cell(gpu.column))}
        name = min(cells, key=lambda name: cells[name].n, default="")
        if name and cells[name].n < LEAST_READ * ticks - 2:
            why = gpu.why_not(name, "")
            yield (
                f"GPU {gpu.identity.index}: its {name.replace('_', ' ')} was read only {cells[name].n} of"
                f" {ticks} times while it was measured{': ' if why else ''}{why}"
            )


_STEADY = ("memory", "busy", "power", "sm_clock")
"""What every sample has of a GPU that can say it."""


def _slowed(this: Measured) -> Iterator[str]:
    for gpu in this.gpus:
        for name, share in (_shares(this.phase, gpu) or {}).items():
            if name not in HARMLESS and share > 0:
                yield f"GPU {gpu.identity.index} was slowed down {100 * share:.1f} % of the time: {name}"
    clocks = this.cells("sm_clock")
    for gpu, clock in zip(this.gpus, clocks if not isinstance(clocks, str) else [], strict=False):
        if clock.low < CLOCK_DROP * clock.mean:
            yield (
                f"the SM clock of GPU {gpu.identity.index} dropped to {clock.low:.0f} MHz,"
                f" {clock.mean:.0f} MHz is its mean"
            )


def run_flags(state: RunState) -> list[str]:
    """What happened to the GPUs of a run, and who else was on them."""
    found: list[str] = []
    for gpu in used(state):
        found += _company(gpu)
        found += _health(gpu)
    found += [_named(state, problem.gpu, problem.text) for problem in state.telemetry.problems]
    stale = [told.text for told in state.telemetry.told if told.state in ("stale", "ended", "given up")]
    found += dict.fromkeys(stale)
    return found


def _named(state: RunState, uuid: str, text: str) -> str:
    gpu = state.gpus.get(uuid)
    name = f"GPU {gpu.identity.index}" if gpu else uuid or "a GPU"
    return text if text.startswith("GPU ") else f"{name}: {text}"


def _company(gpu: GpuState) -> Iterator[str]:
    index = gpu.identity.index
    for pids, when in ((gpu.before, "before"), (gpu.after, "after")):
        if pids:
            listed = ", ".join(map(str, pids[:4])) + (", ..." if len(pids) > 4 else "")
            plural = "es" if len(pids) > 1 else ""
            yield f"GPU {index}: {len(pids)} foreign process{plural} computed on it {when} the run: {listed}"
    reserved = 0 if not gpu.sources.get("memory") else 1 << 30  # such a driver counts it as used
    if gpu.baseline is not None and gpu.baseline > SMALL_BASELINE + reserved:
        yield f"GPU {index}: {gpu.baseline / GIB:.1f} GiB were in use before the run"


def _health(gpu: GpuState) -> Iterator[str]:
    index, first, last = gpu.identity.index, gpu.first_health, gpu.health
    if first is None or last is None:
        return
    before, now = first.ecc_uncorrected, last.ecc_uncorrected
    if before is not None and now is not None and now > before:
        yield f"GPU {index}: {now - before} uncorrectable memory errors during the run"
    if last.remap_pending or last.remap_failed:
        yield f"GPU {index}: rows of its memory wait to be remapped; reset it before you trust it"
    width, most = last.pcie_width, gpu.identity.max_pcie_width
    if width is not None and most is not None and width < most:
        yield f"GPU {index}: its PCIe link has {width} of {most} lanes"
