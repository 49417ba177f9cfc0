"""Metrics of power and energy: from the driver's energy counter, and from samples where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from runner.metrics.gpu import READINGS, SAMPLES_SOURCE, of_window
from runner.metrics.metric import Computed, Metric
from runner.state.gpu_phase import COUNTER_S

if TYPE_CHECKING:
    from runner.state.gpu_window import GpuWindow

LEAST_S = 1.0
LEAST_SHARE = 4
"""An energy below this many times its error is not reported."""
AVERAGED_S = 1.0
"""An averaged reading is the mean of the second before it."""
DISAGREEMENT = 0.03
_COUNTER = "NVML, energy counter"
_DIFFERENCE = "1, a difference of two counters"


def _mean_power(window: GpuWindow) -> Computed:
    """Return the mean power, W, from the energy counter if possible: samples can miss peaks of the load."""
    joules = _joules(window)
    if not isinstance(joules, str):
        energy, error = joules
        note = f"within {100 * error / energy:.1f} %, by the energy counter"
        return Computed(energy / window.seconds, 1, note)
    sampled = _sampled_power(window)
    if isinstance(sampled, str):
        return Computed(None, 0, sampled)
    watts, n, averaged = sampled
    kind = "each the mean of a second" if averaged else "of that moment"
    return Computed(watts, n, f"{_power_source(window)}, {kind} ({joules})")


def _peak_power(window: GpuWindow) -> Computed:
    power = window.cells("power")
    if isinstance(power, str):
        return Computed(None, 0, power)
    n = min(cell.n for cell in power)
    return Computed(max(cell.high for cell in power), n, _power_source(window))


def _energy(window: GpuWindow) -> Computed:
    joules = _joules(window)
    if isinstance(joules, str):
        return Computed(None, 0, joules)
    energy, error = joules
    return Computed(energy, 1, f"within {error:.0f} J: the counter moves every 0.1 s")


def _per(count_of: Callable[[GpuWindow], float | str]) -> Callable[[GpuWindow], Computed]:
    """Divide the energy of the measured phase by a count."""

    def number(window: GpuWindow) -> Computed:
        joules = _joules(window)
        if isinstance(joules, str):
            return Computed(None, 0, joules)
        count = count_of(window)
        if isinstance(count, str):
            return Computed(None, 0, count)
        energy, error = joules
        return Computed(energy / count, 1, _share(energy, error))

    return number


def _per_watt(window: GpuWindow) -> Computed:
    found = _per(_tokens)(window)
    return found if found.value is None else found._replace(value=1 / found.value)


def _share(energy: float, error: float) -> str:
    return f"within {100 * error / energy:.1f} %, as the energy"


def _tokens(window: GpuWindow) -> float | str:
    """Return the output tokens that were generated in the measured phase, or why there are none.

    Decode steps are counted after the first token of each sequence, which comes from prefill.
    """
    configuration = window.configuration
    start, serving, latency = configuration.start, configuration.serving, configuration.latency
    if serving is not None:
        return serving.requests.output_tokens or "there is no request file"
    if not start.output_len:
        return "an encoder generates no tokens"
    steps = configuration.steps
    length = steps.mean + 1 if steps.n == latency.n else start.output_len
    return latency.n * start.batch_size * length or "no iteration was observed"


def _requests(window: GpuWindow) -> float | str:
    configuration = window.configuration
    if configuration.serving is not None:
        return configuration.serving.requests.latency.n or "there is no request file"
    return configuration.latency.n * configuration.start.batch_size or "no iteration was observed"


def _sampled_power(window: GpuWindow) -> tuple[float, int, bool] | str:
    """Return watts of all GPUs from samples, how many, and whether each is the mean of a second.

    A string: why there is no sum over all GPUs.
    """
    if window.unread:
        return window.unread
    cells = window.cells("power_average")
    averaged = not isinstance(cells, str)
    if isinstance(cells, str):
        cells = window.cells("power")
    if isinstance(cells, str):
        return cells
    return sum(cell.mean for cell in cells), min(cell.n for cell in cells), averaged


def _power_source(window: GpuWindow) -> str:
    return next((text for gpu in window.gpus if (text := gpu.sources.get("power"))), "") or window.how


def _joules(window: GpuWindow) -> tuple[float, float] | str:
    """Return the energy of the measured phase and its error, or why there is none."""
    if window.unread:
        return window.unread
    if window.seconds < LEAST_S:
        return f"too short: {window.seconds:.2f} s, and the counter moves every 0.1 s"
    energy = error = 0.0
    for gpu in window.gpus:
        uuid, phase = gpu.identity.uuid, window.phase_of(gpu)
        begin, end = phase.begins.get(uuid), phase.ends.get(uuid)
        if gpu.identity.mig:
            return "the counter is the whole GPU's, not the MIG device's"
        if begin is None or end is None:
            return f"energy counter of {gpu.name}: {gpu.why_not('energy', 'not read around it')}"
        if any(before <= phase.end and phase.begin <= after for before, after in gpu.resets):
            return f"the energy counter of {gpu.name} was reset during the measurement"
        joules = (end.mj - begin.mj) / 1000
        if joules <= 0:
            return f"the energy counter of {gpu.name} did not move while it was measured"
        energy += joules
        error += (
            (begin.off_s + end.off_s) * joules / max(COUNTER_S, phase.seconds - begin.beyond_s - end.beyond_s)
        )
    if energy < LEAST_SHARE * error:
        for gpu in window.gpus:
            if why := gpu.why_not("energy", ""):
                return f"energy counter of {gpu.name}: {why}"
        return f"too short: {energy:.0f} J with an error of {error:.0f} J"
    return energy, error


def disagreement(window: GpuWindow) -> Iterator[str]:
    """Flag samples and counter that differ by more than their nature explains.

    Samples of a moment miss what happens between them. A mean of a second misses nothing, but the first one
    covers, on average, half a second before the phase.
    """
    joules, sampled = _joules(window), _sampled_power(window)
    if isinstance(joules, str) or isinstance(sampled, str):
        return
    energy, error = joules
    watts, n, averaged = sampled
    seconds, counted = window.seconds, energy / window.seconds
    off = watts / counted - 1
    allowed = DISAGREEMENT + error / energy + (AVERAGED_S / 2 / seconds if averaged else 0.0)
    if abs(off) > allowed:
        kind = (
            "each the mean of a second"
            if averaged
            else "each a momentary value, so changes between them are missed"
        )
        yield (
            f"GPU power: {n} samples say {watts:.0f} W ({kind}), the energy counter says {counted:.0f} W"
            f" ({100 * off:+.1f} %); power and energy in the table are the counter's"
        )


GPU_POWER = Metric(
    name="gpu_power_mean_w",
    title="power of all GPUs, mean",
    unit="W",
    group="gpu",
    better="lower",
    formula=(
        "total energy / duration of the measured phase, summed over the GPUs of the ranks; without an energy"
        " counter the mean of the samples"
    ),
    source="NVML, energy counter, else samples",
    digits=1,
    count="1, a difference of two counters; without them readings of the GPUs",
    conditions="As total energy. From samples it needs three, and misses peaks between instantaneous ones.",
    compute=of_window(_mean_power),
)
GPU_POWER_PEAK = Metric(
    name="gpu_power_peak_w",
    title="GPU power, peak of one GPU",
    unit="W",
    group="gpu",
    better="neither",
    formula="largest sample of any of the GPUs",
    source=SAMPLES_SOURCE,
    digits=1,
    count=READINGS,
    conditions="Needs three readings; peaks between two readings are not seen.",
    as_measured=True,
    compute=of_window(_peak_power),
)
GPU_ENERGY = Metric(
    name="gpu_energy_j",
    title="total energy",
    unit="J",
    group="gpu",
    better="lower",
    formula=(
        "energy counters at the end of the measured phase - at its start, summed over the GPUs of"
        " the ranks; the"
        " error is (0.1 s + distance to the nearest reading) x mean power at each end"
    ),
    source=_COUNTER,
    digits=0,
    count=_DIFFERENCE,
    conditions="Needs an energy counter, a second of measuring, and an error below a quarter of the value.",
    compute=of_window(_energy),
)
JOULES_PER_TOKEN = Metric(
    name="joules_per_token",
    title="energy per output token",
    unit="J",
    group="gpu",
    better="lower",
    formula=(
        "total energy / output tokens that were generated: timed iterations x batch size x (mean decode"
        " steps + 1), with the requested output length where the program does not count its steps; for"
        " trtllm-bench, all output tokens of the measured requests"
    ),
    source=_COUNTER,
    count=_DIFFERENCE,
    conditions=(
        "As total energy. It includes idle power, so it depends on how busy the GPU was. A sequence that ends"
        " before the longest of its batch counts with the steps of the batch."
    ),
    comparison_place=10,
    compute=of_window(_per(_tokens)),
)
JOULES_PER_REQUEST = Metric(
    name="joules_per_request",
    title="energy per request",
    unit="J",
    group="gpu",
    better="lower",
    formula="total energy / (timed iterations x batch size); of trtllm-bench / number of measured requests",
    source=_COUNTER,
    count=_DIFFERENCE,
    conditions="As total energy. It grows with the lengths, so compare equal ones.",
    compute=of_window(_per(_requests)),
)
TOKENS_PER_SEC_PER_W = Metric(
    name="tokens_per_sec_per_w",
    title="tokens per second and watt",
    unit="tokens/s/W",
    group="gpu",
    better="higher",
    formula=(
        "output tokens that were generated / total energy: the reciprocal of energy per output token. tps/W"
        " in TensorRT-LLM's report is throughput / mean power, and differs if power was read over another"
        " time"
    ),
    source=_COUNTER,
    count=_DIFFERENCE,
    conditions="As energy per output token.",
    compute=of_window(_per_watt),
)
ENERGY_METRICS = (
    GPU_POWER,
    GPU_POWER_PEAK,
    GPU_ENERGY,
    JOULES_PER_TOKEN,
    JOULES_PER_REQUEST,
    TOKENS_PER_SEC_PER_W,
)
