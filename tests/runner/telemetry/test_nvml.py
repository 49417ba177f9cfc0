"""The real nvidia-ml-py against the stand-in library: what each driver and each fault looks like."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from runner import events as ev
from runner.state.run import RunState
from runner.telemetry import monitor
from runner.telemetry.monitor import TelemetryMonitor
from runner.util import disk, processes
from tests.support.paths import ROOT
from tests.support.runs import wait_for

CLI = "import sys; from tui.main import main; sys.exit(main(sys.argv[1:]))"


class Machine:
    """Telemetry of a machine, without a run."""

    def __init__(self, folder: Path, hz: float = 5.0) -> None:
        self.watch = TelemetryMonitor(folder / "telemetry.jsonl", hz)
        self.state = RunState()
        self.events: list[ev.AnyEvent] = []
        self.watch.start()

    def poll(self) -> None:
        self.watch.reaped(processes.reap_children())
        for event in self.watch.poll():
            self.events.append(event)
            self.state.apply(event)

    def until(self, what: str, count: int = 1) -> None:
        def there() -> bool:
            self.poll()
            return self.count(what) >= count

        wait_for(there, what)

    def count(self, what: str) -> int:
        return sum(type(event).__name__ == what for event in self.events)

    def close(self) -> None:
        self.watch.finish()

        def over() -> bool:
            self.poll()
            return self.watch.over

        wait_for(over, "telemetry to end")
        self.watch.kill()

    def latest(self, reading: str) -> list[float | str]:
        return [self.state.telemetry.latest(gpu, reading) for gpu in self.state.gpus.values()]


def machine_after(folder: Path, samples: int) -> Machine:
    machine = Machine(folder)
    machine.until("GpuSamples", samples)
    machine.close()
    return machine


def test_everything_is_read_of_a_machine_of_today(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine.setenv("NVML_GPUS", "8")
    found = machine_after(tmp_path, 4)
    assert len(found.state.gpus) == 8
    assert found.latest("memory") == [float(20 + i << 30) for i in range(8)]
    assert found.latest("power") == [400.0 + 10 * i for i in range(8)]
    assert set(found.latest("dram_active")) == {60.0}
    gpu = next(iter(found.state.gpus.values()))
    assert (gpu.reserved, gpu.identity.memory_total) == (615 << 20, 143771 << 20)
    assert (gpu.identity.memory_bus_bits, gpu.identity.max_memory_clock) == (6016, 3201)
    assert gpu.sources == {}
    assert found.state.telemetry.throttled_by(gpu) == ["power cap"]


def test_an_old_driver_says_less_and_what_it_says_is_marked(
    machine: pytest.MonkeyPatch, old_library: Path, tmp_path: Path
) -> None:
    machine.setenv("LD_LIBRARY_PATH", str(old_library))
    found = machine_after(tmp_path, 3)
    gpu = next(iter(found.state.gpus.values()))
    assert found.latest("memory")[0] == float((20 << 30) + (615 << 20))  # the reserved part included
    assert "counts the memory that it reserves" in gpu.sources["memory"]
    assert found.latest("power")[0] == 395.0
    assert "mean of one second" in gpu.sources["power"]
    assert found.latest("temperature")[0] == 61.0
    assert found.latest("reasons")[0] == 4.0
    assert found.latest("sm_active")[0] == "not supported"
    assert gpu.identity.memory_bus_bits is None


@pytest.mark.parametrize(
    ("call", "reading"),
    [
        ("DeviceGetUtilizationRates", "busy"),
        ("DeviceGetClockInfo", "sm_clock"),
        ("DeviceGetCurrentClocksEventReasons", "sm_active"),
        ("GpmSampleGet", "dram_active"),
    ],
)
def test_one_reading_that_is_not_supported_costs_no_other(
    machine: pytest.MonkeyPatch, tmp_path: Path, call: str, reading: str
) -> None:
    machine.setenv("NVML_FAIL", f"{call}:3")
    found = machine_after(tmp_path, 3)
    if call != "DeviceGetCurrentClocksEventReasons":
        assert found.latest(reading)[0] == "not supported"
    assert found.latest("power")[0] == 400.0


def test_no_permission_is_a_reason_of_its_own(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine.setenv("NVML_FAIL", "GpmSampleGet:4")
    assert machine_after(tmp_path, 2).latest("sm_active")[0] == "no permission"


def test_call_costs_are_recorded_without_forbidden_calls(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine.setenv("NVML_SLOW", "DeviceGetTotalEnergyConsumption:20")
    found = machine_after(tmp_path, 3)
    cost = found.state.telemetry.cost
    assert cost is not None
    _, median, longest = cost.calls["nvmlDeviceGetTotalEnergyConsumption"]
    assert 20_000 <= median <= longest
    assert not any("PcieThroughput" in name for name in cost.calls)
    assert 0 <= cost.cpu_percent < 50


def test_process_lists_of_begin_and_end_are_recorded(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine.setenv("NVML_PIDS", "11,12,13")
    found = machine_after(tmp_path, 4)
    lists = [event for event in found.events if isinstance(event, ev.GpuProcesses)]
    assert [(event.when, event.pids) for event in lists] == [
        ("before", [11, 12, 13]), ("before", []), ("after", [11, 12, 13]), ("after", []),
    ]  # fmt: skip


def test_counter_reset_is_noticed(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine.setenv("NVML_RESET", "1")
    machine.setenv("NVML_AFTER_S", "1")
    found = machine_after(tmp_path, 7)
    assert all(len(gpu.resets) == 1 for gpu in found.state.gpus.values())


def test_samples_keep_their_rhythm(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine.delenv("NVML_GPUS", raising=False)
    found = Machine(tmp_path, hz=10.0)
    found.until("GpuSamples", 12)
    found.close()
    samples = [event for event in found.events if isinstance(event, ev.GpuSamples)]
    # A busy machine makes it miss some, or read more rarely: then that is the period that it states.
    assert min(sample.period_ms for sample in samples) == 100
    rhythm = [(b.t - a.t) / 1e6 / a.period_ms for a, b in itertools.pairwise(samples[:12])]
    assert statistics.median(rhythm) == pytest.approx(1.0, abs=0.3)


def test_phase_begin_during_start_does_not_end_process(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = Machine(tmp_path)
    found.watch.read_energy()
    found.until("GpuSamples", 1)
    found.close()
    assert found.state.telemetry.status_events == []


def test_a_killed_process_is_started_again(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = Machine(tmp_path)
    found.until("GpuSamples", 2)
    (pid,) = found.watch.pids
    os.kill(pid, signal.SIGKILL)
    found.until("GpuInventory", 2)
    assert "SIGKILL" in found.state.telemetry.status_events[0].text
    found.close()


def test_silent_process_is_stale_until_it_is_back(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine.setattr(monitor, "KILL_AFTER_S", 60.0)
    found = Machine(tmp_path)
    found.until("GpuSamples", 2)
    (pid,) = found.watch.pids
    os.kill(pid, signal.SIGSTOP)
    found.until("Telemetry")
    assert found.state.telemetry.stale
    os.kill(pid, signal.SIGCONT)
    found.until("Telemetry", 2)
    assert not found.state.telemetry.stale
    assert found.watch.pids == {pid}, "it was not killed"
    assert found.state.telemetry.status_events[-1].text.startswith("GPU readings are back after")
    found.close()


def test_a_full_disk_is_not_blamed_on_the_driver(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine.setattr(monitor, "KILL_AFTER_S", 0.0)
    machine.setattr(disk, "is_full", lambda _: True)
    found = Machine(tmp_path)
    found.until("GpuSamples", 2)
    (pid,) = found.watch.pids
    os.kill(pid, signal.SIGSTOP)  # as if what it says did not reach its file
    found.until("Telemetry")
    for _ in range(5):
        found.poll()
        time.sleep(0.1)
    assert [told.text for told in found.state.telemetry.status_events] == [
        "the disk of the run directory is full"
    ]
    os.kill(pid, signal.SIGCONT)
    found.until("Telemetry", 2)
    assert found.watch.pids == {pid}
    found.close()


def test_nvml_is_restarted_if_no_gpu_answers(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine.setenv("NVML_ALL_LOST", "999")
    machine.setenv("NVML_AFTER_S", "0.5")
    machine.setenv("NVML_ONCE", str(tmp_path / "once"))
    found = Machine(tmp_path)
    found.until("GpuInventory", 2)
    (ended,) = [told.text for told in found.state.telemetry.status_events if told.state == "ended"]
    assert re.match(r"no GPU has answered for \d+ s \(NVML error 999\)", ended)
    found.until("GpuSamples", found.count("GpuSamples") + 1)
    assert found.latest("power") == [400.0, 410.0]
    found.close()


def test_old_restarts_do_not_count_towards_giving_up(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine.setattr(monitor, "RESET_RESTARTS_AFTER_S", 0.0)
    machine.setattr(monitor, "BACKOFF_S", (0.0,))
    found = Machine(tmp_path)
    for time_ in range(1, 4):
        found.until("GpuInventory", time_)
        (pid,) = found.watch.pids
        os.kill(pid, signal.SIGKILL)
        found.until("Telemetry", time_)
    assert {told.state for told in found.state.telemetry.status_events} == {"ended"}
    found.until("GpuInventory", 4)
    found.close()


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("NVML_INIT_ERROR", "9", "driver is not loaded"),
        ("NVML_INIT_ERROR", "18", "was upgraded"),
        ("NVML_INIT_ERROR", "4", "may not read"),
        ("NVML_INIT_ERROR", "999", "unknown error"),
        ("NVML_GPUS", "0", "sees no GPU"),
    ],
)
def test_every_machine_without_gpus_says_why(
    machine: pytest.MonkeyPatch, tmp_path: Path, variable: str, value: str, words: str
) -> None:
    machine.setenv(variable, value)
    found = Machine(tmp_path)
    found.until("NoGpu")
    assert words in (found.state.no_gpu or "")
    assert found.watch.over


@pytest.mark.usefixtures("without_driver")
def test_a_machine_without_driver_says_so(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine.setenv("LD_LIBRARY_PATH", "")
    found = Machine(tmp_path)
    found.until("NoGpu")
    assert "libnvidia-ml.so.1 is not installed" in (found.state.no_gpu or "")
    assert found.watch.over


def gpus(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CLI, "gpus", *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_gpus_once_as_text(machine: pytest.MonkeyPatch) -> None:
    done = gpus("--once")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert "20.0 / 140.4" in lines[1]
    assert "400 / 700" in lines[1]


def test_gpus_once_as_json_has_a_reason_for_every_null(machine: pytest.MonkeyPatch) -> None:
    machine.setenv("NVML_FAIL", "DeviceGetUtilizationRates:3")
    machine.setenv("NVML_LOST", "1")
    found: dict[str, Any] = json.loads(gpus("--once", "--json").stdout)
    first, second = found["gpus"]
    assert first["power"] == 400.0
    assert (first["busy"], first["reasons"]["busy"]) == (None, "not supported")
    assert second["power"] is None
    assert second["reasons"]["power"] == "GPU lost"
    assert (second["throttled_by"], second["reasons"]["throttled_by"]) == (None, "GPU lost")


def test_gpus_shows_what_mig_devices_have_of_their_own(machine: pytest.MonkeyPatch) -> None:
    machine.setenv("NVML_MIG", "2")
    found: dict[str, Any] = json.loads(gpus("--once", "--json").stdout)
    first, second = found["gpus"]
    assert [(mig["memory"] >> 30, mig["memory_total"] >> 20) for mig in first["mig"]] == [
        (1, 20538),
        (2, 20538),
    ]
    assert second["mig"] == []
    lines = gpus("--once").stdout.splitlines()
    words = "MIG-00000000-0000-000 1.0 / 20.1 of its own; other readings exist for the whole GPU only"
    assert " ".join(lines[2].split()) == words


def test_a_total_that_is_not_known_is_not_zero(machine: pytest.MonkeyPatch) -> None:
    machine.setenv("NVML_FAIL", "DeviceGetMemoryInfo:3")
    assert "20.0 / –" in gpus("--once").stdout.splitlines()[1]
    found: dict[str, Any] = json.loads(gpus("--once", "--json").stdout)
    assert found["gpus"][0]["memory_total"] is None


@pytest.mark.usefixtures("without_driver")
def test_a_binding_that_knows_no_mismatch_of_libraries_does(tmp_path: Path) -> None:
    """nvidia-ml-py before 12.550."""
    program = """
import pynvml
vars(pynvml).pop("NVMLLibraryMismatchError", None)
from runner.telemetry.costs import CallCosts
from runner.telemetry.nvml import Nvml
from runner.telemetry.nvml_errors import ReadingUnavailable
try:
    Nvml(CallCosts())
except ReadingUnavailable as unread:
    print(unread.reason)
"""
    environ = {**os.environ, "LD_LIBRARY_PATH": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout == "no library\n"


def test_silent_mig_device_costs_no_other_reading(machine: pytest.MonkeyPatch) -> None:
    machine.setenv("NVML_MIG", "2")
    machine.setenv("NVML_FAIL", "DeviceGetMemoryInfo_v2:4")
    found: dict[str, Any] = json.loads(gpus("--once", "--json").stdout)
    assert [mig["memory"] for mig in found["gpus"][0]["mig"]] == [None, None]
    assert found["gpus"][0]["power"] == 400.0


def test_gpus_without_a_driver_is_a_sentence_and_no_error(machine: pytest.MonkeyPatch) -> None:
    machine.setenv("NVML_INIT_ERROR", "9")
    done = gpus()
    assert done.returncode == 0
    assert done.stdout.startswith("no GPU readings: the NVIDIA driver is not loaded")
    assert "host load" not in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_gpus_runs_until_a_signal_and_leaves_nothing(
    machine: pytest.MonkeyPatch, number: int, code: int
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", CLI, "gpus", "--json", "--gpu-hz", "5"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    for _ in range(3):
        assert len(json.loads(process.stdout.readline())["gpus"]) == 2
    children = processes.descendants(process.pid)
    process.send_signal(number)
    assert process.wait() == code
    wait_for(
        lambda: all(processes.start_time(pid) != start for pid, start in children), "its children to end"
    )
    assert os.listdir(tempfile.gettempdir()) == []


@pytest.mark.parametrize("hz", ["0.1", "11", "fast"])
def test_a_rate_beyond_reason_is_refused(hz: str) -> None:
    done = gpus("--gpu-hz", hz)
    assert done.returncode == 2
    assert "0.2 to 10" in done.stderr


def test_telemetry_that_has_not_started_has_not_ended(tmp_path: Path) -> None:
    # A run on several machines polls it while the others join.
    watch = TelemetryMonitor(tmp_path / "telemetry.jsonl", 5.0)
    assert watch.poll() == []
    assert not watch.over
