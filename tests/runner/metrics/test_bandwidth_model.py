"""Modelled memory bandwidth: the formula, and the conditions under which there is no number."""

from __future__ import annotations

import msgspec
import pytest

from runner import events as ev
from runner.engines.registry import make_plan
from runner.metrics.bandwidth import bandwidth, peak_bandwidth
from runner.plan.plan import DecodeReads
from runner.profile.store import find
from runner.report.build import build_report
from runner.run import layout
from runner.state.run import RunState
from tests.support.gpu_logs import SECOND, inventory
from tests.support.paths import DATA

READS = DecodeReads(weight_bytes=15_000_000_000, kv_bytes_per_token=131_072)
H200 = {"memory_bus_bits": 6016, "max_memory_clock": 3201}
PEAK = 6016 / 8 * 2 * 3201e6


def run_of(
    gpu: dict[str, object] | None = None, start: dict[str, object] | None = None, steps: int | None = 99
) -> RunState:
    """Two iterations of batch 4, 100 tokens in and 100 out, of 10 ms a step."""
    shape = {"batch_size": 4, "input_len": 100, "output_len": 100, "num_runs": 2, "duration": 0, "warm_up": 0}
    configuration = ev.ConfigurationStarted(t=0, stage=0, index=0, **(shape | (start or {})))  # type: ignore[arg-type]
    listed = inventory()
    identity = msgspec.structs.replace(listed.gpus[0], **(H200 if gpu is None else gpu))
    state = RunState()
    state.apply_all([ev.GpuInventory(t=0, gpus=[identity]), configuration])
    for i in range(2):
        iteration = ev.Iteration(
            t=(i + 1) * SECOND, stage=0, rank=0, config=0, i=i, phase="timed", latency_ms=1000.0,
            generation_ms=None if steps is None else 10.0 * steps, steps=steps,
        )  # fmt: skip
        state.apply(iteration)
    return state


def modelled(state: RunState, reads: DecodeReads | str = READS) -> tuple[float | None, str]:
    value, _, note = bandwidth(reads, state.configurations[0], list(state.gpus.values()))
    return value, note


def test_peak_bandwidth_is_bus_width_times_data_rate() -> None:
    (gpu,) = run_of().gpus.values()
    assert peak_bandwidth(gpu) == pytest.approx(4.815e12, rel=1e-3)


def test_weights_and_cache_of_a_step_over_its_time() -> None:
    value, note = modelled(run_of())
    tokens = [100 + step for step in range(1, 100)]  # what each of the 99 steps looks back at
    read = READS.weight_bytes + 4 * READS.kv_bytes_per_token * sum(tokens) / len(tokens)
    assert value == pytest.approx(100 * read / 0.010 / PEAK)
    assert note == (
        "modelled: (13.970 GiB weights + 0.073 GiB KV cache) in 10.000 ms,"
        " of 4.81 TB/s = 6016 bit x 2 x 3201 MHz"
    )


@pytest.mark.parametrize(
    ("state", "reads", "why"),
    [
        (run_of(), "not modelled for a mixture of experts", "not modelled for a mixture of experts"),
        (run_of(steps=None), READS, "the program reported no decode steps"),
        (run_of(steps=0), READS, "the program reported no decode steps"),
        (run_of(start={"gpu_weights_percent": 0.5}), READS, "weights that are streamed from the host"),
        (run_of(gpu={"max_memory_clock": 3201}), READS, "GPU 0: memory bus width or clock is not known"),
        (
            run_of(gpu={"mig": ["MIG-1"], **H200}),
            READS,
            "the share of memory bandwidth that a MIG device has",
        ),
        (
            run_of(),
            msgspec.structs.replace(READS, window=150),
            "sequences longer than the attention window of 150 tokens",
        ),
    ],
)
def test_no_number_without_all_of_its_conditions(state: RunState, reads: DecodeReads | str, why: str) -> None:
    value, note = modelled(state, reads)
    assert value is None
    assert note.startswith(why)


@pytest.mark.usefixtures("mpirun_that_only_plans")
def test_model_agrees_with_an_h200_measurement() -> None:
    """One sequence, decoded by kernels that wait for the host: a third of the bandwidth, whoever says so."""
    recorded = DATA / "h200-torch-1gpu"
    state = RunState()
    for event in ev.decode_lines((recorded / layout.EVENTS).read_bytes()):
        if isinstance(event, ev.GpuInventory):
            gpus = [msgspec.structs.replace(gpu, memory_bus_bits=6016) for gpu in event.gpus]
            event = msgspec.structs.replace(event, gpus=gpus)
        state.apply(event)
    reads = make_plan(find("torch-1gpu").load()).decode_reads
    plan = msgspec.structs.replace(layout.load_plan(recorded), decode_reads=reads)

    rows = {row.metric: row for row in build_report(plan, state).configurations[0].rows}
    measured, modelled = rows["gpu_dram_active_percent"].value, rows["gpu_dram_modelled_percent"].value
    assert measured is not None
    assert modelled == pytest.approx(100 * 15.026e9 / 0.0093684 / PEAK, rel=1e-3)
    assert modelled == pytest.approx(measured, rel=0.1)
