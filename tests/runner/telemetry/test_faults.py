"""Every fault of NVML against a real supervised run: it is said, and the run itself is untouched."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from runner import events as ev
from runner.events.journal import EventReader
from runner.history.reports import load_report
from runner.report.build import build_report
from runner.run import layout, liveness
from runner.state.run import RunState
from runner.telemetry.monitor import MISSED_TICKS, SLACK_S
from runner.util import processes
from tests.support.runs import is_supervised, single, start, state_of, wait_for, wait_until_ended
from tests.support.slow import first_of

FIRST = "GPU-000000a0-0000-0000-0000-000000000000"


@pytest.fixture(autouse=True)
def nothing_left(home: Path) -> Iterator[None]:
    """No run and no telemetry process outlives a test."""
    yield
    for run_dir in layout.list_runs():
        if is_supervised(run_dir):
            liveness.request_stop(run_dir, "the end of a test")
            wait_until_ended(run_dir)
        assert telemetry_of(run_dir) == []


def telemetry_of(run_dir: Path) -> list[int]:
    """Live telemetry processes of a run: their arguments name its file."""
    wanted = str(run_dir / layout.TELEMETRY).encode()
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if wanted in words and processes.start_time(int(entry)) is not None:
                found.append(int(entry))
    return found


def events_of(run_dir: Path) -> list[ev.AnyEvent]:
    reader = EventReader(run_dir / layout.EVENTS)
    found: list[ev.AnyEvent] = []
    while events := reader.read():
        found += events
    return found


def told(state: RunState) -> list[str]:
    return [event.state for event in state.telemetry.status_events]


def wait_for_status(run_dir: Path, wanted: str) -> RunState:
    wait_for(lambda: wanted in told(state_of(run_dir)), f"telemetry to be {wanted}")
    return state_of(run_dir)


def max_gap(times: list[int]) -> int:
    """The longest time between one and the next, ns."""
    return max(after - before for before, after in itertools.pairwise(times))


def stop(run_dir: Path) -> RunState:
    liveness.request_stop(run_dir, "a test")
    return wait_until_ended(run_dir)


def test_gpus_are_read_before_the_first_and_after_the_last_stage(
    machine: pytest.MonkeyPatch,
) -> None:
    machine.setenv("NVML_PIDS", "4711")
    run_dir = start(single("short"))
    state = wait_until_ended(run_dir)

    assert state.status == "finished"
    assert state.no_gpu is None
    assert next(iter(state.gpus)) == FIRST
    gpu = state.gpus[FIRST]
    assert gpu.baseline == 20 << 30
    assert (gpu.before, gpu.after) == ([4711], [4711])
    kinds = [event for event in events_of(run_dir) if not isinstance(event, ev.Host)]
    first_sample = next(i for i, event in enumerate(kinds) if isinstance(event, ev.GpuSamples))
    stage = next(i for i, event in enumerate(kinds) if isinstance(event, ev.StageStarted))
    assert first_sample < stage
    assert state.telemetry.mapping is not None
    assert state.telemetry.mapping.order == "PCI_BUS_ID"
    assert not (run_dir / layout.TELEMETRY).exists()
    assert load_report(run_dir) == build_report(layout.load_plan(run_dir), state)

    iterations = [event for event in kinds if isinstance(event, ev.Iteration)]
    warmed_up = max(event.t for event in iterations if event.phase == "warmup")
    last = iterations[-1].t
    read = [event.t for event in kinds if isinstance(event, ev.GpuEnergy) and event.gpu == FIRST]
    assert [t for t in read if warmed_up <= t < last], "energy, as timing begins"
    assert len([t for t in read if t >= last]) == 2, "as it ends, and after everything"


def test_the_final_table_has_what_the_gpus_say(machine: pytest.MonkeyPatch) -> None:
    machine.setenv("RANK_DEVICE", "cuda:1")
    run_dir = start(single("slow"))
    wait_for(lambda: len(state_of(run_dir).telemetry.recent()) > 12, "six seconds of readings")
    state = stop(run_dir)
    rows = {row.metric: row for row in load_report(run_dir).configurations[0].rows}
    configuration = state.configurations[0]
    assert configuration.timing_began is not None
    seconds = (configuration.last_t - configuration.timing_began) / 1e9
    # GPU 1 of the stand-in: 21 GiB and 410 W, a tenth of the time at its power cap.
    assert rows["gpu_memory_sampled_gib"].value == 21.0
    energy = rows["gpu_energy_j"]
    error = float(energy.note.split()[1]) + 0.5  # it is stated in whole joules
    assert rows["gpu_power_mean_w"].value == pytest.approx(410, abs=error / seconds)
    assert rows["gpu_power_peak_w"].value == 410.0
    assert energy.value == pytest.approx(410 * seconds, abs=error)
    assert rows["gpu_throttled_percent"].value == pytest.approx(10, abs=3)


def test_mig_run_has_own_memory_and_shared_other_readings(
    machine: pytest.MonkeyPatch,
) -> None:
    machine.setenv("NVML_MIG", "3")
    machine.setenv("CUDA_VISIBLE_DEVICES", "MIG-00000001")
    machine.setenv("RANK_DEVICE", "cuda:0")
    run_dir = start(single("slow"))
    wait_for(lambda: len(state_of(run_dir).telemetry.recent()) > 7, "readings")
    state = stop(run_dir)
    gpu = state.gpus[FIRST]
    slice_ = "MIG-00000001-0000-0000-0000-000000000000"
    assert state.telemetry.mig_device(gpu) == slice_

    rows = {row.metric: row for row in load_report(run_dir).configurations[0].rows}
    memory = rows["gpu_memory_sampled_gib"]
    assert memory.value == 2.0
    assert memory.note == f"sampled @ 2 Hz; {slice_} of GPU 0: 2.0 of 20.1"
    assert rows["gpu_energy_j"].value is None
    assert "not the MIG device's" in rows["gpu_energy_j"].note
    power = rows["gpu_power_mean_w"]
    assert power.value == 400.0
    assert "of the whole GPU, which its MIG devices share" in power.note


@pytest.mark.parametrize(
    "call",
    first_of(
        ["DeviceGetMemoryInfo_v2", "EventSetWait", "DeviceGetFieldValues", "DeviceGetTotalEnergyConsumption"],
        2,
    ),
)
def test_hanging_call_is_reported_within_two_ticks(
    machine: pytest.MonkeyPatch, tmp_path: Path, call: str
) -> None:
    machine.setenv("NVML_HANG", call)
    machine.setenv("NVML_AFTER_S", "1.5")
    machine.setenv("NVML_ONCE", str(tmp_path / "once"))
    run_dir = start(single("slow"))
    wait_for_status(run_dir, "stale")
    # The one after it is well.
    wait_for(lambda: not state_of(run_dir).telemetry.stale, "telemetry to be back")
    assert stop(run_dir).status == "stopped"

    events = events_of(run_dir)
    stale = next(event.t for event in events if isinstance(event, ev.Telemetry) and event.state == "stale")
    samples = [event.t for event in events if isinstance(event, ev.GpuSamples)]
    last, back = max(t for t in samples if t < stale), min(t for t in samples if t > stale)
    # A supervisor that a busy machine lets wait looks late; it looks at the host once a second.
    late_s = max_gap([event.t for event in events if isinstance(event, ev.Host)]) / 1e9 - 1.0
    assert (stale - last) / 1e9 < (MISSED_TICKS + 1) * 0.5 + SLACK_S + late_s

    # Iterations went on all the time.
    assert max_gap([event.t for event in events if isinstance(event, ev.Iteration)]) < (back - last) / 2


def test_a_hang_at_the_start_delays_a_run_but_does_not_stop_it(machine: pytest.MonkeyPatch) -> None:
    machine.setenv("NVML_HANG", "Init")
    run_dir = start(single("short"))
    state = wait_until_ended(run_dir)
    assert state.status == "finished"
    assert any("there is no baseline" in notice.text for notice in state.notices)


def test_a_stop_does_not_wait_for_a_hang(machine: pytest.MonkeyPatch) -> None:
    machine.setenv("NVML_HANG", "DeviceGetUtilizationRates")
    machine.setenv("NVML_AFTER_S", "1")
    run_dir = start(single("slow"))
    wait_for_status(run_dir, "stale")
    assert stop(run_dir).status == "stopped", "the call hangs on"


def test_a_crash_is_restarted_with_its_signal_in_the_log(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine.setenv("NVML_CRASH", "DeviceGetClockInfo")
    machine.setenv("NVML_AFTER_S", "1")
    machine.setenv("NVML_ONCE", str(tmp_path / "once"))
    run_dir = start(single("slow"))
    state = wait_for_status(run_dir, "ended")
    assert "SIGSEGV" in next(event.text for event in state.telemetry.status_events if event.state == "ended")
    wait_for(lambda: not state_of(run_dir).telemetry.stale, "telemetry to be back")
    assert stop(run_dir).status == "stopped"


def test_telemetry_is_given_up_after_three_restarts(machine: pytest.MonkeyPatch) -> None:
    machine.setenv("NVML_CRASH", "DeviceGetUtilizationRates")
    run_dir = start(single("slow"))
    state = wait_for_status(run_dir, "given up")
    assert state.running
    assert told(state).count("ended") == 4
    assert "after 3 restarts" in state.telemetry.status_events[-1].text
    assert stop(run_dir).status == "stopped"


def test_lost_gpu_does_not_affect_the_other(machine: pytest.MonkeyPatch) -> None:
    machine.setenv("NVML_LOST", "1")
    machine.setenv("NVML_AFTER_S", "1")
    run_dir = start(single("slow"))

    def power() -> list[float | str]:
        state = state_of(run_dir)
        return [state.telemetry.latest(gpu, "power") for gpu in state.gpus.values()]

    wait_for(lambda: power() == [400.0, "GPU lost"], "a GPU to be lost")
    wait_for(lambda: bool(state_of(run_dir).telemetry.problems), "what is said of it")
    state = state_of(run_dir)
    assert [problem.what for problem in state.telemetry.problems] == ["lost"]
    assert stop(run_dir).status == "stopped"


@pytest.mark.parametrize(
    ("code", "reason"),
    [(18, "driver upgraded"), pytest.param(999, "NVML error 999", marks=pytest.mark.slow)],
)
def test_container_without_gpus_shows_reasons_only(
    machine: pytest.MonkeyPatch, code: int, reason: str
) -> None:
    machine.setenv("NVML_ALL_LOST", str(code))
    machine.setenv("NVML_AFTER_S", "1")
    run_dir = start(single("slow"))
    wait_for(
        lambda: reason in [gpu.reasons.get("power") for gpu in state_of(run_dir).gpus.values()], "the reason"
    )
    state = state_of(run_dir)
    assert {state.telemetry.latest(gpu, "memory") for gpu in state.gpus.values()} == {reason}
    assert stop(run_dir).status == "stopped"


@pytest.mark.parametrize(
    ("code", "words"), [(18, "was upgraded but the old one is still loaded"), (9, "driver is not loaded")]
)
def test_replaced_driver_is_reported_after_a_restart(
    machine: pytest.MonkeyPatch, tmp_path: Path, code: int, words: str
) -> None:
    machine.setenv("NVML_INIT_FILE", str(tmp_path / "error"))
    run_dir = start(single("slow"))
    wait_for(lambda: bool(state_of(run_dir).telemetry.recent()), "a reading")
    (tmp_path / "error").write_text(str(code))
    (pid,) = telemetry_of(run_dir)
    os.kill(pid, signal.SIGKILL)
    state = wait_for_status(run_dir, "given up")

    assert told(state) == ["ended", "given up"]
    assert state.telemetry.status_events[-1].text.startswith("GPU readings ended: the NVIDIA driver")
    assert words in state.telemetry.status_events[-1].text
    assert {state.telemetry.latest(gpu, "power") for gpu in state.gpus.values()} == {"stale"}
    assert stop(run_dir).status == "stopped"
    assert any(words in flag for flag in load_report(run_dir).flags)


def test_driver_library_mismatch_is_reported_at_start(machine: pytest.MonkeyPatch) -> None:
    machine.setenv("NVML_INIT_ERROR", "18")
    run_dir = start(single("short"))
    state = wait_until_ended(run_dir)
    assert state.status == "finished"
    assert state.no_gpu is not None
    assert "was upgraded" in state.no_gpu


def test_xid_is_reported_with_its_meaning(machine: pytest.MonkeyPatch) -> None:
    machine.setenv("NVML_XID", "31")
    machine.setenv("NVML_AFTER_S", "0.5")
    run_dir = start(single("slow"))
    wait_for(lambda: bool(state_of(run_dir).telemetry.problems), "the Xid")
    state = stop(run_dir)
    assert [(problem.what, problem.code) for problem in state.telemetry.problems] == [("xid", 31)]
    assert any("Xid 31: a kernel touched memory" in flag for flag in load_report(run_dir).flags)


def test_expensive_reading_slows_down_and_reports_it(machine: pytest.MonkeyPatch) -> None:
    machine.setenv("NVML_SLOW", "DeviceGetUtilizationRates:150")
    run_dir = start(single("slow"))
    state = wait_for_status(run_dir, "slowed")
    slowed = next(event for event in state.telemetry.status_events if event.state == "slowed")
    assert 0.2 <= slowed.hz < 1
    wait_for(lambda: len(state_of(run_dir).telemetry.since(slowed.t)) > 1, "samples at the slower pace")
    assert set(told(state_of(run_dir))) == {"slowed"}
    assert stop(run_dir).status == "stopped"


def test_telemetry_is_no_process_of_the_run(machine: pytest.MonkeyPatch) -> None:
    run_dir = start(single("slow"))
    wait_for(lambda: bool(state_of(run_dir).gpus), "the GPUs")
    seen = run_dir / layout.PROCESSES
    wait_for(lambda: seen.exists() and bool(seen.read_text()), "the members of the run")
    (pid,) = telemetry_of(run_dir)
    assert str(pid) not in (run_dir / layout.PROCESSES).read_text().split()
    assert pid not in [process for process, _ in processes.find_tagged(run_dir.name)]
    assert os.getsid(pid) == pid
    stop(run_dir)


def test_telemetry_ends_with_a_supervisor_that_is_killed(machine: pytest.MonkeyPatch) -> None:
    run_dir = start(single("slow"))
    wait_for(lambda: bool(state_of(run_dir).gpus), "the GPUs")
    started = state_of(run_dir).started
    assert started is not None
    os.kill(started.pid, 9)
    wait_for(lambda: telemetry_of(run_dir) == [], "telemetry to end")


def test_it_can_be_switched_off(machine: pytest.MonkeyPatch) -> None:
    run_dir = start(msgspec.structs.replace(single("ok"), gpu_hz=0.0))
    state = wait_until_ended(run_dir)
    assert state.gpus == {}
    assert state.no_gpu == "reading GPUs was switched off; host load is shown instead"
