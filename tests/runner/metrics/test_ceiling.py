"""The ceiling: floors, shares and bounds, by hand and against recorded runs of an H200."""

from __future__ import annotations

import msgspec
import pytest

from runner import events as ev
from runner.engines.registry import make_plan
from runner.metrics.ceiling import Bound
from runner.metrics.gpu_peaks import BY_NAME, peak_of
from runner.metrics.roofline import decode_need, expected_experts, floor_of, prefill_need, requests_need
from runner.plan.plan import DecodeReads, Experts, Plan, TokenWork
from runner.profile.store import find
from runner.report.build import build_report
from runner.report.model import ConfigurationReport, Report
from runner.report.text_table import render
from runner.run import layout
from runner.state.run import RunState
from tests.support.gpu_logs import SECOND, configuration_events, inventory, mapping, sample
from tests.support.paths import DATA

WORK = TokenWork(layer_weights=6_900, head_weights=500, attention_width=10, dtype="bfloat16")
READS = DecodeReads(weight_bytes=15_000_000_000, kv_bytes_per_token=131_072, work=WORK)
H200 = BY_NAME["NVIDIA H200"]


def test_needs_follow_their_formulas() -> None:
    step, prompt = decode_need(READS, 16, 1024), prefill_need(READS, 16, 3)
    assert step.bytes == 15e9 + 16 * 1024 * 131_072
    assert step.flops == 16 * (2 * 7_400 + 4 * 10 * 1024)
    assert prompt.bytes == 15e9 + 16 * 3 * 131_072
    assert prompt.flops == 16 * (3 * 2 * 6_900 + 2 * 500 + 4 * 10 * (1 + 2 + 3))


def test_floor_is_the_longer_of_two_times() -> None:
    step = decode_need(READS, 1, 1024)
    assert floor_of(step, READS, H200).ms == pytest.approx(1000 * step.bytes / 4.8e12)
    heavy = msgspec.structs.replace(READS, work=msgspec.structs.replace(WORK, layer_weights=7_000_000_000))
    prompt = floor_of(prefill_need(heavy, 16, 1024), heavy, H200)
    assert prompt.by_compute
    assert prompt.ms == pytest.approx(1000 * 16 * 1024 * 2 * 7e9 / 989.4e12, rel=1e-3)


def test_experts_are_read_as_often_as_tokens_choose_them() -> None:
    mixture = msgspec.structs.replace(READS, experts=Experts(total=8, active=2, bytes=10**9))
    assert expected_experts(mixture, 1) == pytest.approx(2)
    assert expected_experts(mixture, 2) == pytest.approx(8 * (1 - 0.75**2))
    step = decode_need(mixture, 64, 0)
    assert step.bytes == pytest.approx(15e9 + 8e9, rel=1e-6)
    assert step.least_bytes == 15e9 + 2e9


def test_requests_in_flight_share_steps() -> None:
    need = requests_need(READS, requests=8, input_len=100, output_len=11, at_once=4)
    steps = 8 * 10 / 4
    assert need.bytes == pytest.approx(15e9 * steps + 131_072 * 8 * (10 * (100 + 5.5) + 100))
    one_step = 2 * 7_400 + 4 * 10 * (100 + 5.5)
    assert need.flops == pytest.approx(8 * 10 * one_step + 8 * (prefill_need(READS, 1, 100).flops or 0))


def test_peaks_are_those_of_the_slowest_gpu_or_a_reason() -> None:
    both = peak_of(["NVIDIA H200", "NVIDIA H100 PCIe"])
    assert not isinstance(both, str)
    assert (both.bandwidth, both.rates["bfloat16"]) == pytest.approx((2.039e12, 756e12))
    assert peak_of(["NVIDIA X1"]) == "peak bandwidth and matrix rate of NVIDIA X1 are not in the table"
    assert peak_of([]) == "which GPU it ran on is not known"


# --- runs --------------------------------------------------------------------------------------------------


def recorded(name: str, reads: DecodeReads | str | None = None) -> tuple[Plan, RunState]:
    state = RunState()
    for event in ev.decode_lines((DATA / name / layout.EVENTS).read_bytes()):
        state.apply(event)
    plan = layout.load_plan(DATA / name)
    return plan if reads is None else msgspec.structs.replace(plan, decode_reads=reads), state


def report_of(name: str) -> Report:
    return build_report(*recorded(name, make_plan(find("torch-1gpu").load()).decode_reads))


def row(configuration: ConfigurationReport, metric: str) -> float | None:
    return next(cell.value for cell in configuration.rows if cell.metric == metric)


@pytest.mark.usefixtures("mpirun_that_only_plans")
def test_recorded_h200_run_waits_for_its_host() -> None:
    """Batch 1: 15.04 GB a step at 4.8 TB/s are 3.13 ms, and it took 9.37 ms."""
    one, sixteen = report_of("h200-torch-1gpu").configurations
    assert one.ceiling is not None
    assert one.ceiling.bound is Bound.HOST
    assert row(one, "decode_floor_ms") == pytest.approx(15.035e9 / 4.8e9, rel=1e-4)
    assert row(one, "decode_ceiling_percent") == pytest.approx(33.4, abs=0.1)
    flops = 16 * 128 * 2 * (8_030e6 - 2 * 128256 * 4096)  # without attention and head
    assert row(sixteen, "prefill_flop_utilisation_percent") == pytest.approx(
        100 * flops / 0.05118 / 989.4e12, rel=0.01
    )
    assert "the GPU waits for the host: GPU busy 65 %, multiprocessors active 34 %" in one.flags
    (first, _) = [
        line for line in render(report_of("h200-torch-1gpu"), 200).splitlines() if "reaches" in line
    ]
    assert first.startswith(
        "  batch 1 128→128: decode reaches 33 % of its ceiling (9.37 ms a step, at least 3.13)"
    )


def test_older_plan_has_a_decode_floor_and_a_reason() -> None:
    """The plan of two GPUs states the bytes and not yet the multiplications."""
    batch, _ = build_report(*recorded("h200-torch-2gpu")).configurations
    assert batch.ceiling is not None
    assert row(batch, "decode_ceiling_percent") == pytest.approx(6.08, abs=0.01)
    assert row(batch, "prefill_flop_utilisation_percent") is None
    assert batch.ceiling.why_no_prefill.startswith("the plan of this run does not state")


def test_ranks_that_wait_are_bound_by_communication() -> None:
    """Two GPUs with the sums of NCCL in the graphs: busy, with a quarter of the multiprocessors idle."""
    one, many = build_report(*recorded("h200-torch-2gpu-graphs")).configurations
    for batch, decode, prefill in ((one, 54.2, 47.8), (many, 49.0, 54.5)):
        assert batch.ceiling is not None
        assert batch.ceiling.bound == Bound.COMMUNICATION
        assert row(batch, "decode_ceiling_percent") == pytest.approx(decode, abs=0.1)
        assert row(batch, "prefill_flop_utilisation_percent") == pytest.approx(prefill, abs=0.1)


def run_of(*, step_ms: float, name: str = "NVIDIA H200", **columns: float) -> Report:
    """Ten seconds of batch 2, 8 tokens in, 16 out, on one GPU."""
    events = configuration_events(0, SECOND, 11 * SECOND, 10)
    listed = inventory()
    listed = msgspec.structs.replace(listed, gpus=[msgspec.structs.replace(listed.gpus[0], name=name)])
    state = RunState()
    state.apply_all([listed, mapping(["GPU-0"]), *events[:3]])
    for event in events[3:]:
        assert isinstance(event, ev.Iteration)
        timed = {"generation_ms": 15 * step_ms, "steps": 15, "latency_ms": 15 * step_ms + 5}
        state.apply(msgspec.structs.replace(event, **timed))
        state.apply(sample(event.t - SECOND // 2, **columns))  # type: ignore[arg-type]
    return build_report(msgspec.structs.replace(recorded("h200-torch-1gpu")[0], decode_reads=READS), state)


@pytest.mark.parametrize(
    ("step_ms", "columns", "bound", "waits"),
    [
        (4.0, {"busy": 99.0, "sm_active": 95.0, "dram_active": 75.0}, Bound.MEMORY, False),
        (9.0, {"busy": 65.0, "sm_active": 33.0}, Bound.HOST, True),
        (9.0, {"busy": 99.0, "sm_active": 20.0}, Bound.HOST, False),
        (9.0, {"busy": 99.0, "sm_active": 90.0}, Bound.MEMORY, False),
        (9.0, {}, None, False),
    ],
)
def test_bound_follows_the_evidence(
    step_ms: float, columns: dict[str, float], bound: Bound | None, waits: bool
) -> None:
    (found,) = run_of(step_ms=step_ms, **columns).configurations  # type: ignore[arg-type]
    assert found.ceiling is not None
    assert found.ceiling.bound is bound
    assert any("waits for the host" in flag for flag in found.flags) is waits


def test_faster_than_the_memory_is_the_first_warning() -> None:
    (found,) = run_of(step_ms=0.15, busy=99.0).configurations
    assert found.flags[0].startswith(
        "faster than the memory allows: the run did not generate what it says (a decode step took 0.15 ms,"
        " and 15 GB alone take 3.126 ms on NVIDIA H200)"
    )
    assert found.flag_effects[0] > 4
    assert row(found, "decode_ceiling_percent") == pytest.approx(100 * 3.126 / 0.15, rel=1e-3)


def test_unknown_gpu_has_a_reason_and_no_number() -> None:
    (found,) = run_of(step_ms=4.0, name="NVIDIA X1").configurations
    cell = next(cell for cell in found.rows if cell.metric == "decode_ceiling_percent")
    assert (cell.value, cell.note) == (
        None,
        "peak bandwidth and matrix rate of NVIDIA X1 are not in the table",
    )


def test_requests_in_flight_have_one_ceiling() -> None:
    """40 requests of 10 tokens, 4 at a time: 90 steps at least, in 1 s."""
    state = RunState()
    start = ev.ConfigurationStarted(
        t=0, stage=0, index=0, batch_size=0, input_len=16, output_len=10, num_runs=0, duration=0.0, warm_up=0,
        requests=40, concurrency=4,
    )  # fmt: skip
    done = ev.Requests(
        t=2, stage=0, start_ms=[0.0] * 40, latency_ms=[1000.0] * 40, ttft_ms=[None] * 40,
        per_token_ms=[None] * 40, input_tokens=[16] * 40, output_tokens=[10] * 40,
    )  # fmt: skip
    listed = inventory()
    named = msgspec.structs.replace(listed.gpus[0], name="NVIDIA H200")
    begun = ev.StageStarted(t=0, stage=0, name="benchmark", pid=1, ranks=1)
    serving = ev.Serving(t=1, stage=0, phase="timed", text="measures")
    state.apply_all([ev.GpuInventory(t=0, gpus=[named]), mapping(["GPU-0"]), begun, start, serving, done])
    plan = msgspec.structs.replace(recorded("h200-torch-1gpu")[0], decode_reads=READS)
    (found,) = build_report(plan, state).configurations
    need = requests_need(READS, 40, 16, 10, 4)
    assert row(found, "requests_ceiling_percent") == pytest.approx(100 * need.bytes / 4.8e12, rel=1e-6)
    assert found.ceiling is not None
    assert found.ceiling.sentence == "all requests together reach 28 % of their ceiling"
