"""What readings mean: numbers with their conditions, and reasons where there is no number."""

from __future__ import annotations

import itertools

import pytest

from runner import events as ev
from runner import metrics
from runner.metrics import Metric
from runner.metrics.energy import JOULES_PER_REQUEST
from runner.metrics.gpu_flags import gpu_flags, run_gpu_flags
from runner.metrics.rank_gpus import gpu_of_rank
from runner.state.gpu_series import FINE_BUCKETS, GROUP_S, MERGED, PER_MINUTE, RECENT_TICKS
from runner.state.run import RunState
from tests.support.gpu_logs import SECOND, configuration_events, gpu_numbers, inventory, mapping, sample


def run_of(
    seconds: float = 20.0,
    *,
    begin: float = 5.0,
    end: float = 15.0,
    extra: list[ev.AnyEvent] | None = None,
    energy_at: tuple[float, ...] = (0.0, 5.05, 15.05, 20.0),
    silent: tuple[float, float] = (0.0, 0.0),
    steps: int | None = None,
) -> RunState:
    """A run of 500 W and 20 GiB, 60 GiB while measured."""
    events: list[ev.AnyEvent] = [inventory(), mapping(["GPU-0"]), sample(1)]
    for tick in range(1, round(seconds * 2)):
        t = tick * SECOND // 2
        if silent[0] < t / SECOND <= silent[1]:
            continue
        inside = begin <= t / SECOND <= end
        events.append(sample(t, memory=float((60 if inside else 20) << 30), sm_clock=1700.0, reasons=4.0))
    events += [ev.GpuEnergy(t=round(s * SECOND), gpu="GPU-0", mj=round(s * 500_000)) for s in energy_at]
    events += configuration_events(2 * SECOND, round(begin * SECOND), round(end * SECOND), steps=steps)
    events += extra or []
    state = RunState()
    state.apply_all(sorted(events, key=lambda event: event.t))
    return state


def value_of(state: RunState, metric: Metric) -> tuple[float | None, str]:
    table = gpu_numbers(state, 0, "not planned")
    assert table is not None
    value, _, note = table[metric]
    return value, note


def test_peak_memory_note_has_baseline_and_rate() -> None:
    value, note = value_of(run_of(), metrics.GPU_MEMORY)
    assert value == 60.0
    assert note == "sampled @ 2 Hz; GPU 0: 60.0 (before the run 20.0)"


def test_energy_comes_from_the_counter_with_its_error() -> None:
    state = run_of()
    value, note = value_of(state, metrics.GPU_ENERGY)
    assert value == pytest.approx(5000, rel=0.01)
    assert note == "within 150 J: the counter moves every 0.1 s"


@pytest.mark.parametrize(
    ("steps", "length"), [(None, 16), (15, 16), (9, 10)], ids=["not counted", "full", "stopped early"]
)
def test_energy_is_divided_by_the_tokens_that_were_generated(steps: int | None, length: int) -> None:
    state = run_of(steps=steps)
    per_token = value_of(state, metrics.JOULES_PER_TOKEN)[0]
    assert per_token == pytest.approx(5000 / (4 * 2 * length), rel=0.01)
    assert per_token is not None
    assert value_of(state, metrics.TOKENS_PER_SEC_PER_W)[0] == pytest.approx(1 / per_token, rel=1e-12)
    assert value_of(state, JOULES_PER_REQUEST)[0] == pytest.approx(5000 / (4 * 2), rel=0.01)


def test_energy_without_boundary_readings_has_larger_error() -> None:
    _, note = value_of(run_of(energy_at=(0.0, 20.0)), metrics.GPU_ENERGY)
    assert note.startswith("too short: 5000 J with an error of 5100 J")


def test_a_window_that_is_too_short_says_so_and_nothing_else() -> None:
    table = gpu_numbers(run_of(begin=5.0, end=5.8), 0, "not planned")
    assert table is not None
    assert {value for value, _, _ in table.values()} == {None}
    sampled = {note for metric, (_, _, note) in table.items() if metric is not metrics.GPU_DRAM_MODELLED}
    assert sampled == {"too short: 2 readings in 0.8 s"}


def test_constant_counter_gives_no_energy() -> None:
    still: list[ev.AnyEvent] = [ev.GpuEnergy(t=t * SECOND, gpu="GPU-0", mj=7) for t in (0, 5, 10, 15, 20)]
    state = run_of(energy_at=(), extra=still)
    for metric in (metrics.GPU_ENERGY, metrics.JOULES_PER_TOKEN, metrics.TOKENS_PER_SEC_PER_W):
        value, note = value_of(state, metric)
        assert value is None
        assert note == "the energy counter of GPU 0 did not move while it was measured"
    assert value_of(state, metrics.GPU_POWER)[0] == 500.0, "by its samples"


def test_counter_reset_gives_no_energy() -> None:
    state = run_of(extra=[ev.GpuEnergy(t=10 * SECOND, gpu="GPU-0", mj=10)])
    value, note = value_of(state, metrics.GPU_ENERGY)
    assert value is None
    assert "was reset" in note


def test_counter_reset_at_the_end_gives_no_energy() -> None:
    """The reading before it lies within the phase, the one after it does not."""
    restarted: list[ev.AnyEvent] = [ev.GpuEnergy(t=round(15.02 * SECOND), gpu="GPU-0", mj=10)]
    state = run_of(energy_at=(0.0, 5.05, 14.9), extra=restarted)
    value, note = value_of(state, metrics.GPU_ENERGY)
    assert value is None
    assert "was reset" in note


def test_a_rank_on_a_gpu_that_is_not_known_leaves_no_sum() -> None:
    hello = ev.Hello(t=3 * SECOND, stage=0, rank=1, world=2, pid=3, host="", device="cuda:1")
    state = run_of(extra=[hello])
    for metric in (metrics.GPU_POWER, metrics.GPU_MEMORY, metrics.GPU_ENERGY):
        value, note = value_of(state, metric)
        assert value is None
        assert note == "rank 1 computes on cuda:1, and which GPU that is is not known"


def test_memory_errors_are_new_only_after_an_earlier_reading() -> None:
    unread = ev.GpuHealth(t=1, gpu="GPU-0")
    read = ev.GpuHealth(t=20 * SECOND, gpu="GPU-0", ecc_uncorrected=5)
    assert run_gpu_flags(run_of(extra=[unread, read])) == ["GPU 0: 20.0 GiB were in use before the run"]


def test_a_reading_that_was_missing_for_long_is_a_flag() -> None:
    events = inventory(), mapping(["GPU-0"])
    state = RunState()
    for event in (*events, *configuration_events(0, SECOND, 21 * SECOND)):
        state.apply(event)
    for t in range(2, 80):
        power: ev.GpuColumn = [500.0] if t % 4 == 0 else []
        state.apply(ev.GpuSamples(t=t * SECOND // 2, period_ms=500, busy=[90], power=power))
    (flag,) = [flag for flag in gpu_flags(state, 0) if "read only" in flag]
    assert flag == "GPU 0: power was read only 10 of 41 times while it was measured"


def test_a_missing_reading_has_its_reason() -> None:
    reason = ev.GpuReason(t=1, gpu="GPU-0", reading="dram_active", reason="no permission")
    assert value_of(run_of(extra=[reason]), metrics.GPU_DRAM_ACTIVE) == (None, "GPU 0: no permission")


def test_throttling_counts_time_and_names_the_reason() -> None:
    hot = [
        ev.GpuSamples(t=t * SECOND + 1, period_ms=500, power=[500.0], throttled_us={"hw thermal": [100_000]})
        for t in range(6, 11)
    ]
    state = run_of(extra=list(hot))
    value, note = value_of(state, metrics.GPU_THROTTLED)
    # Where the driver does not count a reason, the share of samples with its bit stands in.
    assert note == "GPU 0: power cap 100.0 %, GPU 0: hw thermal 5.0 %"
    assert value == 100.0
    assert "GPU 0: slowed down 5.0 % of the time: hw thermal" in gpu_flags(state, 0)


def test_a_drop_of_the_clock_is_a_flag() -> None:
    state = run_of(extra=[sample(8 * SECOND + 1, sm_clock=900.0)])
    assert any("dropped to 900 MHz" in flag for flag in gpu_flags(state, 0))


def test_who_was_on_the_gpus_before_and_after_is_a_flag() -> None:
    state = run_of(
        extra=[
            ev.GpuProcesses(t=1, gpu="GPU-0", when="before", pids=[7, 8]),
            ev.GpuProcesses(t=20 * SECOND, gpu="GPU-0", when="after", pids=[7]),
            ev.GpuHealth(t=1, gpu="GPU-0", pcie_width=8, ecc_uncorrected=0),
            ev.GpuHealth(t=20 * SECOND, gpu="GPU-0", pcie_width=8, ecc_uncorrected=2),
        ]
    )
    assert run_gpu_flags(state) == [
        "GPU 0: 2 uncorrectable memory errors during the run",
        "GPU 0: its PCIe link has 8 of 16 lanes",
        "GPU 0: 2 foreign processes computed on it before the run: 7, 8",
        "GPU 0: 1 foreign process computed on it after the run: 7",
        "GPU 0: 20.0 GiB were in use before the run",
    ]


def test_a_gap_in_the_readings_is_a_flag() -> None:
    state = run_of(silent=(6.0, 12.0))
    assert gpu_flags(state, 0)[-1] == "GPUs were read only 9 of about 20 times while it was measured"


def test_a_rank_on_the_cpu_has_no_gpu_numbers() -> None:
    state = run_of()
    hello = state.ranks[0].hello
    assert hello is not None
    state.ranks[0].hello = ev.Hello(t=1, stage=0, rank=0, world=1, pid=2, host="", device="cpu")
    assert gpu_numbers(state, 0, "not planned") is None
    assert gpu_of_rank(state, 0) is None


def test_a_rank_knows_its_gpu_by_uuid() -> None:
    state = run_of()
    gpu = gpu_of_rank(state, 0)
    assert gpu is not None
    assert gpu.identity.uuid == "GPU-0"


def test_a_stale_machine_shows_no_number() -> None:
    state = run_of()
    gpu = state.gpus["GPU-0"]
    assert state.telemetry.latest(gpu, "power") == 500.0
    state.apply(ev.Telemetry(t=21 * SECOND, state="stale", text="NVML has not answered for 1.3 s"))
    assert state.telemetry.latest(gpu, "power") == "stale"


def test_readings_before_a_restart_are_not_the_latest() -> None:
    state = RunState()
    state.apply_all([inventory(), sample(SECOND, busy=80.0), inventory(t=20 * SECOND)])
    (gpu,) = state.gpus.values()
    assert state.telemetry.latest(gpu, "busy") == "not read yet"
    state.apply(sample(21 * SECOND))
    assert state.telemetry.latest(gpu, "power") == 500.0
    assert state.telemetry.latest(gpu, "busy") == "not read yet"


def test_a_restart_of_telemetry_costs_no_sample_of_a_phase() -> None:
    without, restarted = run_of(), run_of(extra=[inventory(t=8 * SECOND)])
    assert gpu_numbers(restarted, 0, "") == gpu_numbers(without, 0, "")


def test_history_is_bounded_and_keeps_means_of_minutes() -> None:
    state = RunState()
    state.apply(inventory())
    ticks = FINE_BUCKETS * GROUP_S * 3
    for second in range(ticks):
        state.apply(sample(second * SECOND, busy=100.0 if second == 12_345 else 40.0))
    means = state.telemetry.history(state.gpus["GPU-0"], "busy")
    minutes = [one for one in means if one.t < means[-1].t - 7 * 3600 * SECOND]
    assert len(means) <= FINE_BUCKETS + MERGED + ticks / GROUP_S / PER_MINUTE
    assert {b.t - a.t for a, b in itertools.pairwise(minutes)} == {60 * SECOND}
    (raised,) = [one.mean for one in minutes if one.mean > 40.0]
    assert raised == pytest.approx(40 + 60 / 60)
    assert state.telemetry.history(state.gpus["GPU-0"], "sm_clock") == [], "it was not read"
    assert len(state.telemetry.recent()) <= RECENT_TICKS + GROUP_S


def test_numbers_do_not_depend_on_when_they_are_read() -> None:
    """Folding in between changes nothing: a report of a finished run is what it was while it ran."""
    looked = RunState()
    events: list[ev.AnyEvent] = [inventory(), mapping(["GPU-0"])]
    events += [sample(t * SECOND // 2, memory=float(t)) for t in range(1, 200)]
    events += [ev.GpuEnergy(t=t * 5 * SECOND, gpu="GPU-0", mj=t * 2_500_000) for t in range(20)]
    events += configuration_events(2 * SECOND, 20 * SECOND, 90 * SECOND, iterations=7)
    events.sort(key=lambda event: event.t)
    for event in events:
        looked.apply(event)
        if looked.configurations:
            gpu_numbers(looked, 0, "not planned")
    once = RunState()
    once.apply_all(events)
    assert gpu_numbers(looked, 0, "not planned") == gpu_numbers(once, 0, "not planned")
    assert value_of(once, metrics.GPU_MEMORY)[0] == 180 / 2**30


def test_long_iteration_keeps_its_readings_until_its_end() -> None:
    """Whether an iteration was timed and when it began is known at its end."""
    events: list[ev.AnyEvent] = [inventory(), mapping(["GPU-0"])]
    events += [sample(t * SECOND // 2, memory=float(t)) for t in range(1, 1200)]
    events += configuration_events(SECOND, 100 * SECOND, 500 * SECOND, iterations=1)
    state = RunState()
    state.apply_all(sorted(events, key=lambda event: event.t))
    assert value_of(state, metrics.GPU_MEMORY)[0] == 1000 / 2**30
    assert gpu_flags(state, 0) == []


def test_many_groups_are_one_phase() -> None:
    """More of them than are joined at once, and every sample counts once."""
    state = run_of(2000.0, begin=5.0, end=1995.0)
    numbers = gpu_numbers(state, 0, "not planned")
    assert numbers is not None
    assert numbers[metrics.GPU_POWER_PEAK][:2] == (500.0, 2 * 1990 + 1)


def test_mean_power_is_the_counter_s() -> None:
    value, note = value_of(run_of(), metrics.GPU_POWER)
    assert value == pytest.approx(500, rel=0.01)
    assert note == "within 3.0 %, by the energy counter"


def test_mean_power_without_counter_is_of_samples() -> None:
    value, note = value_of(run_of(energy_at=()), metrics.GPU_POWER)
    assert value == 500.0
    assert note.startswith("sampled @ 2 Hz, of that moment (energy counter of GPU 0: not read")


@pytest.mark.parametrize(
    ("columns", "flags"),
    [
        ({}, []),
        ({"power": 560.0}, ["560 W (each a momentary value, so changes between them are missed)"]),
        ({"power": 560.0, "power_average": 510.0}, []),
        ({"power_average": 600.0}, ["600 W (each the mean of a second)"]),
    ],
)
def test_samples_and_counter_that_disagree_are_a_flag(
    columns: dict[str, float | None], flags: list[str]
) -> None:
    """Means of a second are believed before readings of a moment; those only where there is nothing else."""
    read = [sample(t * SECOND // 2 + 1, 1, **columns) for t in range(10, 31)]
    found = gpu_flags(run_of(silent=(4.9, 15.1), extra=list(read)), 0)
    assert [flag for flag in found if "GPU power" in flag] == [
        f"GPU power: 20 samples say {words}, the energy counter says 500 W"
        f" ({'+12.0' if '560' in words else '+20.0'} %); power and energy in the table are the counter's"
        for words in flags
    ]
