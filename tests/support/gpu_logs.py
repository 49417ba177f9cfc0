"""Events of runs whose GPUs are read, for tests of what is made of them."""

from __future__ import annotations

from runner import events as ev
from runner.metrics import GPU, Computed, Metric, MetricContext, compute_all
from runner.metrics.rank_gpus import gpu_context
from runner.plan.plan import DecodeReads
from runner.state.run import RunState

SECOND = 10**9


def inventory(count: int = 1, t: int = 0) -> ev.GpuInventory:
    gpus = [
        ev.GpuIdentity(uuid=f"GPU-{i}", index=i, memory_total=140 << 30, max_pcie_width=16)
        for i in range(count)
    ]
    return ev.GpuInventory(t=t, gpus=gpus)


def mapping(uuids: list[str], t: int = 0) -> ev.GpuMapping:
    return ev.GpuMapping(t=t, order="PCI_BUS_ID", visible=None, gpus=uuids)


def sample(t: int, count: int = 1, **columns: float | None) -> ev.GpuSamples:
    """One reading; each column has the same number for every GPU."""
    values: dict[str, ev.GpuColumn] = {"memory": [float(20 << 30)] * count, "power": [500.0] * count}
    values |= {name: [value] * count for name, value in columns.items()}
    return ev.GpuSamples(t=t, period_ms=500, **values)  # type: ignore[arg-type]


def configuration_events(
    start: int, begin: int, end: int, iterations: int = 4, steps: int | None = None
) -> list[ev.AnyEvent]:
    """One rank on `cuda:0` that measures from `begin` to `end`: batch 2, 8 tokens in, 16 out."""
    each = (end - begin) // iterations
    events: list[ev.AnyEvent] = [
        ev.StageStarted(t=start, stage=0, name="benchmark", pid=1, ranks=1),
        ev.Hello(t=start, stage=0, rank=0, world=1, pid=2, host="", device="cuda:0"),
        ev.ConfigurationStarted(
            t=start, stage=0, index=0, batch_size=2, input_len=8, output_len=16, num_runs=iterations,
            duration=0, warm_up=0,
        ),
    ]  # fmt: skip
    events += [
        ev.Iteration(
            t=begin + each * (i + 1),
            stage=0,
            rank=0,
            config=0,
            i=i,
            phase="timed",
            latency_ms=each / 1e6,
            steps=steps,
        )
        for i in range(iterations)
    ]
    return events


def gpu_numbers(
    state: RunState, number: int, decode_reads: DecodeReads | str
) -> dict[Metric, Computed] | None:
    """The GPU metrics of a configuration; None: a run without GPU readings."""
    gpus = gpu_context(state, number, decode_reads)
    if gpus is None:
        return None
    return compute_all(GPU, MetricContext(state.configurations[number], state.world, gpus))
