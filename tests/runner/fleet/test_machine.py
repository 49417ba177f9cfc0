"""What a machine says of its GPUs, and that it does not ask the driver while something is measured."""

from __future__ import annotations

from pathlib import Path

from runner.engines.gpu_facts import GpuSetup, GpuSurvey
from runner.fleet.machine import NOT_READ, MachineWatch, gpu_use, logged_gpus
from runner.run.device_locks import DeviceLocks
from runner.util.processes import user_name
from tests.support import recorded_runs
from tests.support.runs import wait_for

RUN = "20260101T000000Z_p_7f3a"


def test_a_log_has_the_last_readings_of_its_gpus(tmp_path: Path) -> None:
    gpus = logged_gpus(recorded_runs.on_gpus(2, 2).write(tmp_path))
    assert [(gpu.index, gpu.name, gpu.memory_total) for gpu in gpus] == [
        (0, "NVIDIA H200", 140 << 30),
        (1, "NVIDIA H200", 140 << 30),
    ]
    assert all(gpu.memory_used and gpu.busy is not None for gpu in gpus)
    assert logged_gpus(recorded_runs.finished(1, 1).write(tmp_path, "no-gpus")) == []


def test_the_driver_is_not_asked_while_a_run_holds_a_device(tmp_path: Path) -> None:
    asked = []

    def survey() -> GpuSurvey:
        asked.append("now")
        return GpuSurvey(gpus=(GpuSetup(index=0, uuid="GPU-0", name="NVIDIA H200"),))

    watch = MachineWatch(survey)
    locks = DeviceLocks(RUN)
    assert locks.take(["gpu-0"]) is None
    machine = watch.look([], survey=True)
    assert (machine.gpus, machine.no_gpus, asked) == ([], NOT_READ, [])
    assert [(use.device, use.run, use.user) for use in machine.uses] == [("gpu-0", RUN, user_name())]
    locks.release()
    wait_for(lambda: bool(watch.look([]).gpus), "the answer of the driver")
    (gpu,) = watch.look([]).gpus
    assert asked == ["now"]
    assert gpu_use(gpu, machine.uses) == machine.uses[0]
    logged = watch.look([recorded_runs.on_gpus(2, 2).write(tmp_path)]).gpus
    assert [one.memory_used is not None for one in logged] == [True, True], "newer than the survey"
