"""What the GPU readings of a run mean: rows and flags of the final table, no number where none is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from runner import gpus, metrics
from runner.metrics import Computed, Metric
from runner.plan import DecodeReads
from runner.state import ConfigurationState, RunState
from runner.telemetry.modelled import bandwidth
from runner.telemetry.phase import Phase
from runner.telemetry.series import Cell, Table
from runner.telemetry.state import GpuState

GIB = 2**30
LEAST_SAMPLES = 3
LEAST_ENERGY_S = 1.0
LEAST_ENERGY_SHARE = 4
"""An energy that is not this many times its error is no number."""
SMALL_BASELINE = 256 << 20
"""Memory in use before a run up to this is what drivers and monitors hold."""
CLOCK_DROP = 0.9

_BITS = {
    0x4: "power cap", 0x8: "hw slowdown", 0x10: "sync boost", 0x20: "thermal", 0x40: "hw thermal",
    0x80: "power brake",
}  # fmt: skip
_HARMLESS = ("power cap", "sync boost")


def reason_words(bits: float) -> list[str]:
    """What a set of clocks event reasons says about throttling."""
    return [name for bit, name in _BITS.items() if int(bits) & bit]


def used(state: RunState) -> list[GpuState]:
    """The GPUs of this machine that ranks compute on, in the order of the ranks."""
    mapping = state.telemetry.mapping
    if mapping is None:
        return []
    hellos = [rank.hello for _, rank in sorted(state.ranks.items()) if rank.hello is not None]
    here = state.started.host if state.started else ""
    indices = [gpus.device_index(hello.device) for hello in hellos if hello.host in ("", here)]
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
    return _gpu_at(state, gpus.device_index(hello.device))


def _gpu_at(state: RunState, index: int | None) -> GpuState | None:
    mapping = state.telemetry.mapping
    if mapping is None or index is None or index >= len(mapping.gpus):
        return None
    identity = gpus.gpu_of(mapping.gpus[index], [gpu.identity for gpu in state.gpus.values()])
    return state.gpus.get(identity.uuid) if identity else None


# --- rows --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Measured:
    """One configuration and the GPUs it was measured on."""

    state: RunState
    configuration: ConfigurationState
    phase: Phase
    gpus: list[GpuState]

    @cached_property
    def _table(self) -> Table:
        return self.phase.table

    def cells(self, reading: str) -> list[Cell] | str:
        """One cell a GPU, or why one of them has none."""
        column = self._table.get(reading)
        found = []
        for gpu in self.gpus:
            cell = column.cell(gpu.column) if column is not None else None
            if cell is None:
                why = gpu.reasons.get("all") or gpu.reasons.get(reading) or "not read while it was measured"
                return f"GPU {gpu.identity.index}: {why}"
            found.append(cell)
        return found

    @property
    def rate(self) -> str:
        return f"sampled @ {1000 / self.state.telemetry.period_ms:.3g} Hz"


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
    modelled: Computed = {}
    if configuration.serving is None:
        modelled[metrics.GPU_DRAM_MODELLED] = bandwidth(reads, configuration, on)
    if phase.ticks < LEAST_SAMPLES:
        seconds = max(0.0, (configuration.last_t - (configuration.timing_began or 0)) / 1e9)
        note = f"too short: {phase.ticks} readings in {seconds:.1f} s"
        return dict.fromkeys(metrics.GPU, (None, phase.ticks, note)) | modelled
    this = _Measured(state, configuration, phase, on)
    return {**_sampled(this), **_energy(this), metrics.GPU_THROTTLED: _throttled(this), **modelled}


def _sampled(this: _Measured) -> Computed:
    table: Computed = {metrics.GPU_MEMORY: _memory(this)}
    power = this.cells("power")
    if isinstance(power, str):
        table[metrics.GPU_POWER] = table[metrics.GPU_POWER_PEAK] = (None, 0, power)
    else:
        n = min(cell.n for cell in power)
        source = next((text for gpu in this.gpus if (text := gpu.sources.get("power"))), "")
        table[metrics.GPU_POWER] = (sum(cell.mean for cell in power), n, source or this.rate)
        table[metrics.GPU_POWER_PEAK] = (max(cell.high for cell in power), n, source or this.rate)
    for metric, reading in _MEANS:
        cells = this.cells(reading)
        if isinstance(cells, str):
            table[metric] = (None, 0, cells)
        else:
            table[metric] = (_mean([cell.mean for cell in cells]), min(cell.n for cell in cells), this.rate)
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


def _memory(this: _Measured) -> tuple[float | None, int, str]:
    cells = this.cells("memory")
    if isinstance(cells, str):
        return None, 0, cells
    words = [this.rate]
    for gpu, cell in zip(this.gpus, cells, strict=True):
        before = "not read" if gpu.baseline is None else f"{gpu.baseline / GIB:.1f}"
        reserved = "" if gpu.reserved is None else f", {gpu.reserved / GIB:.1f} reserved apart"
        words.append(f"GPU {gpu.identity.index}: {cell.high / GIB:.1f} (before the run {before}{reserved})")
    source = next((text for gpu in this.gpus if (text := gpu.sources.get("memory"))), "")
    words += [source] if source else []
    return max(cell.high for cell in cells) / GIB, min(cell.n for cell in cells), "; ".join(words)


def _energy(this: _Measured) -> Computed:
    joules = _joules(this)
    if isinstance(joules, str):
        of_energy = (metrics.GPU_ENERGY, metrics.JOULES_PER_TOKEN, metrics.TOKENS_PER_SEC_PER_W)
        return dict.fromkeys(of_energy, (None, 0, joules))
    energy, error = joules
    start, latency = this.configuration.start, this.configuration.latency
    note = f"± {error:.0f} J: the counter moves every 0.1 s"
    table: Computed = {metrics.GPU_ENERGY: (energy, latency.n, note)}
    n, tokens = latency.n, latency.n * start.batch_size * start.output_len
    serving = this.configuration.serving
    if serving is not None:
        n, tokens = serving.requests.latency.n, serving.requests.output_tokens
    if not tokens:
        table[metrics.JOULES_PER_TOKEN] = table[metrics.TOKENS_PER_SEC_PER_W] = (
            None, 0, "there is no request file" if serving else "an encoder generates no tokens",
        )  # fmt: skip
        return table
    share = f"± {100 * error / energy:.1f} %, as the energy"
    if serving is not None:
        rate = tokens / serving.requests.seconds
    else:
        rate = start.batch_size * start.output_len / (latency.mean / 1000)
    table[metrics.JOULES_PER_TOKEN] = (energy / tokens, n, share)
    table[metrics.TOKENS_PER_SEC_PER_W] = (rate / (energy / this.phase.seconds), n, share)
    return table


def _joules(this: _Measured) -> tuple[float, float] | str:
    """Energy of the measured phase and its error, or why there is none."""
    phase = this.phase
    hosts = [rank.hello.host for rank in this.state.ranks.values() if rank.hello is not None]
    others = sum(1 for host in hosts if _elsewhere(this, host))
    if others:
        return f"{others} ranks are on other hosts, whose GPUs are not read"
    if phase.seconds < LEAST_ENERGY_S:
        return f"too short: {phase.seconds:.2f} s, and the counter moves every 0.1 s"
    energy = error = 0.0
    for gpu in this.gpus:
        uuid = gpu.identity.uuid
        begin, end = phase.begins.get(uuid), phase.ends.get(uuid)
        if gpu.identity.mig:
            return "the counter is the whole GPU's, not the MIG device's"
        if begin is None or end is None:
            why = gpu.reasons.get("all") or gpu.reasons.get("energy") or "not read around the measured phase"
            return f"energy counter of GPU {gpu.identity.index}: {why}"
        if any(phase.begin <= reset <= phase.end for reset in gpu.resets):
            return f"the energy counter of GPU {gpu.identity.index} started anew while it was measured"
        joules = (end.mj - begin.mj) / 1000
        energy += joules
        error += (begin.off_s + end.off_s) * joules / phase.seconds
    if energy < LEAST_ENERGY_SHARE * error:
        return f"too short: {energy:.0f} J with an error of {error:.0f} J"
    return energy, error


def _elsewhere(this: _Measured, host: str) -> bool:
    return this.state.started is not None and host not in ("", this.state.started.host)


# --- throttling --------------------------------------------------------------------------------------------


def _throttled(this: _Measured) -> tuple[float | None, int, str]:
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
    found = list(_slowed(_Measured(state, configuration, phase, on)))
    expected = phase.seconds * 1000 / max(1, state.telemetry.period_ms)
    if phase.ticks < 0.8 * expected - 2:
        found.append(f"GPUs were read only {phase.ticks} of about {expected:.0f} times while it was measured")
    return found


def _slowed(this: _Measured) -> Iterator[str]:
    for gpu in this.gpus:
        for name, share in (_shares(this.phase, gpu) or {}).items():
            if name not in _HARMLESS and share > 0:
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
    name = f"GPU {gpu.identity.index}" if gpu else uuid
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
    new = (last.ecc_uncorrected or 0) - (first.ecc_uncorrected or 0)
    if new > 0:
        yield f"GPU {index}: {new} uncorrectable memory errors during the run"
    if last.remap_pending or last.remap_failed:
        yield f"GPU {index}: rows of its memory wait to be remapped; reset it before you trust it"
    width, most = last.pcie_width, gpu.identity.max_pcie_width
    if width is not None and most is not None and width < most:
        yield f"GPU {index}: its PCIe link has {width} of {most} lanes"
