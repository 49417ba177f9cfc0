"""What is read when, with an injected backend: numbers or reasons, and no question too many."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest

from runner.telemetry.backend import ReadingSources
from runner.telemetry.nvml_errors import ReadingUnavailable, ReadingValue, absence
from runner.telemetry.process_tables import INTERVAL_S, ProcessTables
from runner.telemetry.reading_schedule import RECOVERY_TICKS, Pace
from runner.telemetry.sampler import ENERGY_S, GpuSampler


class Machine:
    """A backend that says what a test wants: an exception in `faults` in place of a number."""

    def __init__(self, gpus: int = 1) -> None:
        self.gpus = gpus
        self.now = 0
        self.faults: dict[tuple[str, int], int] = {}
        self.asked: Counter[tuple[str, int]] = Counter()
        self.throttled = 0
        self.xid: list[tuple[int | None, int]] = []
        self.process_cost = 0
        self.process_memory: int | None = 1 << 30

    parts: tuple[ReadingValue, ...] = (52.04, ReadingUnavailable(3), 60.0)

    def _ask(self, call: str, gpu: int) -> None:
        self.asked[(call, gpu)] += 1
        for key in ((call, gpu), ("*", gpu)):
            if key in self.faults:
                raise ReadingUnavailable(self.faults[key])

    def machine(self) -> tuple[dict[str, str], list[dict[str, Any]]]:
        return {"driver": "1"}, [{"uuid": f"GPU-{i}", "index": i} for i in range(self.gpus)]

    def memory(self, gpu: int) -> tuple[int, int | None]:
        self._ask("memory", gpu)
        return 1 << 30, 600

    def utilization(self, gpu: int) -> tuple[int, int]:
        self._ask("utilization", gpu)
        return 90, 40

    def fields(self, gpu: int) -> tuple[ReadingValue, ReadingValue, dict[str, int]]:
        self._ask("fields", gpu)
        return 512.34, 498.76, {"power cap": self.throttled}

    def slices(self, gpu: int) -> dict[str, int]:
        self._ask("slices", gpu)
        return {"MIG-1": 5 << 30}

    def clocks(self, gpu: int) -> tuple[int, int]:
        self._ask("clocks", gpu)
        return 1755, 3201

    def temperature(self, gpu: int) -> int:
        self._ask("temperature", gpu)
        return 60

    def reasons(self, gpu: int) -> int:
        self._ask("reasons", gpu)
        return 4

    def profile(self, gpu: int) -> tuple[ReadingValue, ...] | None:
        self._ask("profile", gpu)
        return self.parts

    def energy(self, gpu: int) -> int:
        self._ask("energy", gpu)
        return 1000

    def pcie(self, gpu: int) -> tuple[int, int]:
        self._ask("pcie", gpu)
        return 5, 16

    def ecc(self, gpu: int) -> tuple[int, int]:
        self._ask("ecc", gpu)
        return 0, 0

    def remapped(self, gpu: int) -> tuple[int, bool, bool]:
        self._ask("remapped", gpu)
        return 0, False, False

    def processes(self, gpu: int) -> list[tuple[int, int | None]]:
        self._ask("processes", gpu)
        self.now += self.process_cost
        return [(7, self.process_memory)]

    def xids(self) -> list[tuple[int | None, int]]:
        found, self.xid = self.xid, []
        return found

    def sources(self, gpu: int) -> ReadingSources:
        return ReadingSources()


def sampler_of(
    machine: Machine, tables: ProcessTables | None = None
) -> tuple[GpuSampler, list[dict[str, Any]]]:
    written: list[dict[str, Any]] = []
    sampler = GpuSampler(machine, written.append, lambda: machine.now, tables)
    sampler.open()
    return sampler, written


def tick(sampler: GpuSampler, machine: Machine, seconds: float = 0.5) -> None:
    machine.now += round(seconds * 1e9)
    sampler.tick(0.5)


def of_kind(written: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [record for record in written if record["kind"] == kind]


def test_a_sample_has_numbers_and_says_why_one_is_missing() -> None:
    machine = Machine()
    sampler, written = sampler_of(machine)
    tick(sampler, machine)
    (sample,) = of_kind(written, "gpu")
    assert (sample["power"], sample["busy"], sample["sm_active"]) == ([512.3], [90], [52.0])
    assert "tensor_active" not in sample
    said = {record["reading"]: record["reason"] for record in of_kind(written, "gpu_reason")}
    assert said == {"tensor_active": "not supported"}


@pytest.mark.parametrize(
    ("code", "reason"), [(3, "not supported"), (13, "not supported"), (4, "no permission")]
)
def test_what_cannot_be_read_is_asked_once(code: int, reason: str) -> None:
    machine = Machine()
    machine.faults[("utilization", 0)] = code
    sampler, written = sampler_of(machine)
    for _ in range(5):
        tick(sampler, machine)
    assert machine.asked[("utilization", 0)] == 1
    said = [r for r in of_kind(written, "gpu_reason") if r["reading"] in ("busy", "memory_busy")]
    assert [r["reason"] for r in said] == [reason, reason]
    assert machine.asked[("memory", 0)] == 5


@pytest.mark.parametrize("code", [10, 999])
def test_a_passing_error_is_asked_again_and_its_end_is_said(code: int) -> None:
    machine = Machine()
    machine.faults[("temperature", 0)] = code
    sampler, written = sampler_of(machine)
    for _ in range(3):
        tick(sampler, machine)
    del machine.faults[("temperature", 0)]
    tick(sampler, machine)
    said = [r["reason"] for r in of_kind(written, "gpu_reason") if r["reading"] == "temperature"]
    assert said == [f"NVML error {code}", ""]
    assert of_kind(written, "gpu")[-1]["temperature"] == [60]


@pytest.mark.parametrize("code", [15, 16])
def test_a_lost_gpu_is_never_asked_again_and_the_others_are(code: int) -> None:
    machine = Machine(gpus=2)
    sampler, written = sampler_of(machine)
    tick(sampler, machine)
    machine.faults[("*", 1)] = code
    tick(sampler, machine)
    asked = sum(count for (_, gpu), count in machine.asked.items() if gpu == 1)
    for _ in range(20):
        tick(sampler, machine)
    assert sum(count for (_, gpu), count in machine.asked.items() if gpu == 1) == asked
    assert of_kind(written, "gpu")[-1]["power"] == [512.3, None]
    assert [record["what"] for record in of_kind(written, "gpu_problem")] == ["lost"]


def test_throttling_is_recorded_as_time_since_the_sample_before() -> None:
    machine = Machine()
    sampler, written = sampler_of(machine)
    for counter in (5_000_000_000, 5_000_000_000, 5_250_000_000):
        machine.throttled = counter
        tick(sampler, machine)
    found = [sample.get("throttled_us") for sample in of_kind(written, "gpu")]
    assert found == [None, None, {"power cap": [250_000]}]


def test_slow_readings_take_turns_over_the_gpus() -> None:
    machine = Machine(gpus=8)
    sampler, written = sampler_of(machine)
    most = 0
    for _ in range(round(2 * ENERGY_S / 0.5)):
        before = len(of_kind(written, "gpu_energy"))
        tick(sampler, machine)
        most = max(most, len(of_kind(written, "gpu_energy")) - before)
    assert most <= 2
    assert {machine.asked[("energy", gpu)] for gpu in range(8)} <= {1, 2}


def test_a_boundary_reads_the_energy_of_every_gpu_at_once() -> None:
    machine = Machine(gpus=8)
    sampler, written = sampler_of(machine)
    sampler.boundary()
    assert [record["gpu"] for record in of_kind(written, "gpu_energy")] == [f"GPU-{i}" for i in range(8)]


def test_profiling_metrics_keep_their_minimum_interval() -> None:
    machine = Machine()
    sampler, _ = sampler_of(machine)
    for _ in range(20):
        tick(sampler, machine, 0.1)
    assert machine.asked[("profile", 0)] <= 10


def test_an_xid_names_its_gpu_and_what_it_means() -> None:
    machine = Machine(gpus=2)
    sampler, written = sampler_of(machine)
    machine.xid = [(1, 79)]
    tick(sampler, machine)
    (problem,) = of_kind(written, "gpu_problem")
    assert (problem["gpu"], problem["code"]) == ("GPU-1", 79)
    assert "fell off the bus" in problem["text"]


def test_an_xid_of_a_gpu_that_is_not_known_is_no_other_gpu_s() -> None:
    machine = Machine(gpus=2)
    sampler, written = sampler_of(machine)
    machine.xid = [(None, 79)]
    tick(sampler, machine)
    (problem,) = of_kind(written, "gpu_problem")
    assert problem["gpu"] == ""


def test_reason_of_a_missing_part_is_written_once() -> None:
    machine = Machine()
    sampler, written = sampler_of(machine)
    for _ in range(5):
        tick(sampler, machine)
    assert len(of_kind(written, "gpu_reason")) == 1


def test_nan_is_missing_and_costs_no_other_reading() -> None:
    machine = Machine()
    machine.parts = (math.nan, 40.0, math.inf)
    sampler, written = sampler_of(machine)
    tick(sampler, machine)
    (sample,) = of_kind(written, "gpu")
    assert "sm_active" not in sample
    assert (sample["tensor_active"], sample["power"]) == ([40.0], [512.3])
    said = {record["reading"]: record["reason"] for record in of_kind(written, "gpu_reason")}
    assert said == {"sm_active": "not a number", "dram_active": "not a number"}


@pytest.mark.parametrize(
    ("code", "words"),
    [(3, "supports no reading"), (4, "may not read the GPUs"), (15, "every GPU is lost")],
)
def test_nothing_readable_is_a_state_of_its_own(code: int, words: str) -> None:
    machine = Machine()
    machine.faults[("*", 0)] = code
    sampler, _ = sampler_of(machine)
    tick(sampler, machine)
    assert words in sampler.no_readings_reason()


def test_a_driver_that_is_not_ready_yet_is_asked_again() -> None:
    machine = Machine()
    machine.faults[("*", 0)] = 999
    sampler, _ = sampler_of(machine)
    tick(sampler, machine)
    assert sampler.no_readings_reason() == ""
    assert sampler.silence() == (0.0, ""), "it has never spoken"


def test_a_driver_that_falls_silent_says_for_how_long_and_why() -> None:
    machine = Machine(gpus=2)
    machine.faults[("*", 0)] = 15
    sampler, _ = sampler_of(machine)
    tick(sampler, machine)
    assert sampler.silence() == (0.0, ""), "one GPU is lost, the other answers"
    machine.faults[("*", 1)] = 18
    tick(sampler, machine, 2.0)
    assert sampler.silence() == (2.0, "driver upgraded")
    machine.faults[("*", 1)] = 15
    tick(sampler, machine, 2.0)
    assert sampler.silence() == (0.0, ""), "starting anew finds no GPU that is lost"


@pytest.mark.parametrize("code", [4, 9, 12, 18, 999])
def test_every_absence_has_a_cause_and_a_remedy(code: int) -> None:
    sentence = absence(code)
    assert ":" in sentence
    assert sentence.endswith("host load is shown instead")


class TestPace:
    def test_deadlines_are_absolute(self) -> None:
        pace = Pace(0.5, start=100.0)
        for number in range(10):
            pace.after(pace.deadline + 0.01, pace.deadline + 0.05)
            assert pace.deadline == pytest.approx(100.0 + 0.5 * (number + 1))

    def test_missed_ticks_are_skipped_and_counted_never_bunched(self) -> None:
        pace = Pace(0.5, start=100.0)
        pace.after(101.7, 101.75)  # woken late: the machine was busy
        assert pace.deadline == pytest.approx(102.0)
        assert pace.missed == 3

    def test_expensive_reading_lengthens_the_period(self) -> None:
        pace = Pace(0.5, start=100.0)
        assert pace.after(100.0, 100.15)
        assert pace.period >= 0.15 / 0.2
        assert not pace.after(pace.deadline, pace.deadline + 0.15)

    def test_it_is_never_slower_than_once_in_five_seconds(self) -> None:
        pace = Pace(0.5, start=100.0)
        pace.after(100.0, 160.0)
        assert pace.period == 5.0
        assert pace.deadline == 165.0

    def test_after_a_while_of_cheap_readings_it_goes_back(self) -> None:
        pace = Pace(0.5, start=100.0)
        pace.after(100.0, 100.2)
        changes = [pace.after(pace.deadline, pace.deadline + 0.01) for _ in range(RECOVERY_TICKS)]
        assert changes.count(True) == 1
        assert pace.period == 0.5


def alice(pid: int) -> dict[str, str]:
    return {"user": "alice", "command": f"python {pid}.py"}


def test_processes_are_recorded_when_they_change() -> None:
    machine = Machine(gpus=2)
    sampler, written = sampler_of(machine, ProcessTables(alice))
    for _ in range(100):
        tick(sampler, machine)
    tables = of_kind(written, "gpu_process_table")
    assert [table["gpu"] for table in tables] == ["GPU-0", "GPU-1"], "once for each GPU"
    process = {"pid": 7, "memory": 1 << 30, "user": "alice", "command": "python 7.py"}
    assert tables[0]["processes"] == [process]
    assert tables[0]["t"] != tables[1]["t"], "not in the same tick"
    assert machine.asked[("processes", 0)] == pytest.approx(50 / INTERVAL_S, abs=1)
    machine.process_memory = None
    for _ in range(100):
        tick(sampler, machine)
    assert "memory" not in of_kind(written, "gpu_process_table")[-1]["processes"][0]


def test_a_slow_list_of_processes_is_read_less_often() -> None:
    machine = Machine(gpus=8)
    machine.process_cost = 5_000_000
    sampler, _ = sampler_of(machine, ProcessTables(alice))
    for _ in range(240):
        tick(sampler, machine)
    # 5 ms x 8 GPUs are a thousandth of 40 s.
    assert all(machine.asked[("processes", gpu)] == pytest.approx(120 / 40, abs=1) for gpu in range(8))


def test_processes_are_not_read_unless_asked_for() -> None:
    machine = Machine()
    sampler, written = sampler_of(machine)
    for _ in range(40):
        tick(sampler, machine)
    assert of_kind(written, "gpu_process_table") == []
    assert machine.asked[("processes", 0)] == 0
