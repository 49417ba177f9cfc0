"""Power and energy of a measured phase: by the driver's counter, and by samples where there is none."""

from __future__ import annotations

from collections.abc import Iterator

from runner import metrics
from runner.metrics import Computed
from runner.state.gpu_phase import COUNTER_S
from runner.state.gpu_window import Measured

LEAST_S = 1.0
LEAST_SHARE = 4
"""An energy that is not this many times its error is no number."""
AVERAGED_S = 1.0
"""An averaged reading is the mean of the second before it."""
DISAGREEMENT = 0.03


def power_and_energy(this: Measured) -> Computed:
    """Mean and peak power, energy, and energy by token; a number or the reason why there is none."""
    joules, power = _joules(this), this.cells("power")
    table: Computed = _mean_power(this, joules)
    if isinstance(power, str):
        table[metrics.GPU_POWER_PEAK] = (None, 0, power)
    else:
        n = min(cell.n for cell in power)
        table[metrics.GPU_POWER_PEAK] = (max(cell.high for cell in power), n, _source(this))
    if isinstance(joules, str):
        of_energy = (metrics.GPU_ENERGY, metrics.JOULES_PER_TOKEN, metrics.TOKENS_PER_SEC_PER_W)
        return table | dict.fromkeys(of_energy, (None, 0, joules))
    energy, error = joules
    note = f"± {error:.0f} J: the counter moves every 0.1 s"
    return table | {metrics.GPU_ENERGY: (energy, 1, note)} | _per_token(this, energy, error)


def _mean_power(this: Measured, joules: tuple[float, float] | str) -> Computed:
    """By the counter, which misses nothing; samples of a load that changes are a matter of luck."""
    if not isinstance(joules, str):
        energy, error = joules
        note = f"± {100 * error / energy:.1f} %, by the energy counter"
        return {metrics.GPU_POWER: (energy / this.phase.seconds, 1, note)}
    sampled = _sampled(this)
    if isinstance(sampled, str):
        return {metrics.GPU_POWER: (None, 0, sampled)}
    watts, n, averaged = sampled
    kind = "each the mean of a second" if averaged else "of that moment"
    return {metrics.GPU_POWER: (watts, n, f"{_source(this)}, {kind} ({joules})")}


def _sampled(this: Measured) -> tuple[float, int, bool] | str:
    """Watts of all GPUs by their samples, how many, and whether these are means of a second."""
    cells = this.cells("power_average")
    averaged = not isinstance(cells, str)
    if isinstance(cells, str):
        cells = this.cells("power")
    if isinstance(cells, str):
        return cells
    return sum(cell.mean for cell in cells), min(cell.n for cell in cells), averaged


def _source(this: Measured) -> str:
    return next((text for gpu in this.gpus if (text := gpu.sources.get("power"))), "") or this.how


def _per_token(this: Measured, energy: float, error: float) -> Computed:
    start, latency, serving = this.configuration.start, this.configuration.latency, this.configuration.serving
    tokens = latency.n * start.batch_size * start.output_len
    if serving is not None:
        tokens = serving.requests.output_tokens
    if not tokens:
        why = "there is no request file" if serving else "an encoder generates no tokens"
        return dict.fromkeys((metrics.JOULES_PER_TOKEN, metrics.TOKENS_PER_SEC_PER_W), (None, 0, why))
    share = f"± {100 * error / energy:.1f} %, as the energy"
    if serving is None and latency.mean <= 0:
        none = (None, 0, "no time was measured")
        return {metrics.JOULES_PER_TOKEN: (energy / tokens, 1, share), metrics.TOKENS_PER_SEC_PER_W: none}
    if serving is not None:
        rate = tokens / serving.requests.seconds
    else:
        rate = start.batch_size * start.output_len / (latency.mean / 1000)
    return {
        metrics.JOULES_PER_TOKEN: (energy / tokens, 1, share),
        metrics.TOKENS_PER_SEC_PER_W: (rate / (energy / this.phase.seconds), 1, share),
    }


def _joules(this: Measured) -> tuple[float, float] | str:
    """Energy of the measured phase and its error, or why there is none."""
    phase = this.phase
    hosts = [rank.hello.host for rank in this.state.ranks.values() if rank.hello is not None]
    others = sum(1 for host in hosts if _elsewhere(this, host))
    if others:
        return f"{others} ranks are on other hosts, whose GPUs are not read"
    if phase.seconds < LEAST_S:
        return f"too short: {phase.seconds:.2f} s, and the counter moves every 0.1 s"
    energy = error = 0.0
    for gpu in this.gpus:
        uuid = gpu.identity.uuid
        begin, end = phase.begins.get(uuid), phase.ends.get(uuid)
        if gpu.identity.mig:
            return "the counter is the whole GPU's, not the MIG device's"
        if begin is None or end is None:
            return (
                f"energy counter of GPU {gpu.identity.index}: {gpu.why_not('energy', 'not read around it')}"
            )
        if any(before <= phase.end and phase.begin <= after for before, after in gpu.resets):
            return f"the energy counter of GPU {gpu.identity.index} started anew while it was measured"
        joules = (end.mj - begin.mj) / 1000
        if joules <= 0:
            return f"the energy counter of GPU {gpu.identity.index} did not move while it was measured"
        energy += joules
        error += (
            (begin.off_s + end.off_s) * joules / max(COUNTER_S, phase.seconds - begin.beyond_s - end.beyond_s)
        )
    if energy < LEAST_SHARE * error:
        for gpu in this.gpus:
            if why := gpu.why_not("energy", ""):
                return f"energy counter of GPU {gpu.identity.index}: {why}"
        return f"too short: {energy:.0f} J with an error of {error:.0f} J"
    return energy, error


def _elsewhere(this: Measured, host: str) -> bool:
    return this.state.started is not None and host not in ("", this.state.started.host)


def disagreement(this: Measured) -> Iterator[str]:
    """Whether samples and counter say different things, beyond what their nature explains.

    Samples of a moment miss what happens between them. A mean of a second misses nothing, but the first one
    reaches half a second, in the mean, into what was before.
    """
    joules, sampled = _joules(this), _sampled(this)
    if isinstance(joules, str) or isinstance(sampled, str):
        return
    energy, error = joules
    watts, n, averaged = sampled
    seconds, counted = this.phase.seconds, energy / this.phase.seconds
    off = watts / counted - 1
    allowed = DISAGREEMENT + error / energy + (AVERAGED_S / 2 / seconds if averaged else 0.0)
    if abs(off) > allowed:
        kind = "each the mean of a second" if averaged else "each of a moment, so they miss what lies between"
        yield (
            f"GPU power: {n} samples say {watts:.0f} W ({kind}), the energy counter says {counted:.0f} W"
            f" ({100 * off:+.1f} %); power and energy in the table are the counter's"
        )
