"""Recordings of a real H200, played through the fold: what they mean must stay what it was."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from runner import events as ev
from runner import metrics
from runner.metrics.gpu_flags import gpu_flags
from runner.state.run import RunState
from runner.telemetry.sampler import GpuSampler
from tests.support.gpu_logs import configuration_events, gpu_numbers, mapping
from tests.support.paths import DATA

FOLDER = DATA / "h200-telemetry"
RECORDINGS = ("2hz", "10hz")


def recorded(name: str) -> list[ev.AnyEvent]:
    return ev.decode_lines((FOLDER / f"{name}.jsonl").read_bytes())


def played(name: str, begin_s: float = 3.0, end_s: float = 20.0) -> RunState:
    """The recording as part of a run whose timing lies within it."""
    events = recorded(name)
    first = next(event.t for event in events if isinstance(event, ev.GpuSamples))
    gpu = next(event for event in events if isinstance(event, ev.GpuInventory)).gpus[0].uuid
    begin, end = first + round(begin_s * 1e9), first + round(end_s * 1e9)
    events += [mapping([gpu], first), *configuration_events(first, begin, end)]
    state = RunState()
    state.apply_all(sorted(events, key=lambda event: event.t))
    return state


@pytest.mark.parametrize("name", RECORDINGS)
def test_every_line_is_an_event(name: str) -> None:
    assert len(recorded(name)) == len((FOLDER / f"{name}.jsonl").read_text().splitlines())


@pytest.mark.parametrize("name", RECORDINGS)
def test_memory_peaks_where_the_program_took_most(name: str) -> None:
    table = gpu_numbers(played(name), 0, "not planned")
    assert table is not None
    value, n, note = table[metrics.GPU_MEMORY]
    # nvidia-smi read 17465 MiB in the same seconds.
    assert value == pytest.approx(17464.8125 / 1024)
    assert n >= 30
    assert note.startswith("sampled @ ")


def counted_and_integrated(name: str, column: str, late_s: float = 0.0) -> tuple[float, float]:
    """Joules of the timing in a recording: by the table, and by samples that are `late_s` behind."""
    state = played(name)
    table = gpu_numbers(state, 0, "not planned")
    assert table is not None
    energy = table[metrics.GPU_ENERGY][0]
    assert energy is not None
    configuration = state.configurations[0]
    begin, end = configuration.timing_began, configuration.last_t
    assert begin is not None
    samples = [event for event in recorded(name) if isinstance(event, ev.GpuSamples)]
    late = round(late_s * 1e9)
    powers = [(s.t - late, getattr(s, column)[0]) for s in samples if begin <= s.t - late <= end]
    integrated = sum((p + q) / 2 * (u - t) / 1e9 for (t, p), (u, q) in itertools.pairwise(powers))
    return energy, integrated * (end - begin) / (powers[-1][0] - powers[0][0])


@pytest.mark.parametrize("name", [*RECORDINGS, "2hz-pulsed"])
def test_means_of_a_second_integrate_to_the_energy_counter(name: str) -> None:
    # The mean of the second before is, in the mean, half a second old.
    energy, integrated = counted_and_integrated(name, "power_average", late_s=0.5)
    assert integrated == pytest.approx(energy, rel=0.02)
    assert not any("GPU power" in flag for flag in gpu_flags(played(name), 0))


def test_readings_of_a_moment_miss_what_lies_between_them() -> None:
    """The load went on and off every 0.35 s: two readings a second met it as it happened."""
    energy, integrated = counted_and_integrated("2hz-pulsed", "power")
    assert integrated == pytest.approx(0.92 * energy, rel=0.03)


def test_throttling_at_the_power_cap_is_told_apart_from_trouble() -> None:
    state = played("2hz")
    table = gpu_numbers(state, 0, "not planned")
    assert table is not None
    share, _, note = table[metrics.GPU_THROTTLED]
    assert share is not None
    assert 40 < share < 70
    assert note.startswith("GPU 0: power cap")
    assert not any("slowed down" in flag for flag in gpu_flags(state, 0))


def test_the_recording_at_10_hz_shows_how_it_slowed_itself_down() -> None:
    assert [told.state for told in played("10hz").telemetry.status_events] == ["slowed", "sampling"]


class Trace:
    """A machine that answers what was recorded."""

    def __init__(self, samples: list[ev.GpuSamples]) -> None:
        self.samples = samples
        self.at = -1

    def machine(self) -> tuple[dict[str, str], list[dict[str, Any]]]:
        return {}, [{"uuid": "GPU-0", "index": 0}]

    def __getattr__(self, call: str) -> Any:
        columns = {
            "memory": ("memory",),
            "utilization": ("busy", "memory_busy"),
            "clocks": ("sm_clock", "memory_clock"),
            "profile": ("sm_active", "tensor_active", "dram_active"),
        }

        def answer(gpu: int = 0) -> Any:
            if call == "xids":
                return []
            if call == "fields":
                return self.value("power"), None, {}
            if call in columns:
                return tuple(self.value(name) for name in columns[call])
            return self.value(call) if call in ("temperature", "reasons") else (0, 0, 0)

        if call == "energy":
            return lambda gpu: 0
        if call == "sources":
            from runner.telemetry.backend import ReadingSources

            return lambda gpu: ReadingSources()
        return answer

    def value(self, name: str) -> float | None:
        column: ev.GpuColumn = getattr(self.samples[self.at], name)
        return column[0] if column else None


def test_a_trace_through_the_sampler_is_the_same_trace() -> None:
    samples = [event for event in recorded("2hz") if isinstance(event, ev.GpuSamples)]
    trace = Trace(samples)
    written: list[dict[str, Any]] = []
    sampler = GpuSampler(trace, written.append, lambda: samples[trace.at].t)
    sampler.open()
    for trace.at in range(len(samples)):
        sampler.tick(0.5)
    again = [record for record in written if record["kind"] == "gpu"]
    for name in ("memory", "power", "busy", "sm_clock", "temperature"):
        assert [record[name] for record in again] == [getattr(sample, name) for sample in samples]
