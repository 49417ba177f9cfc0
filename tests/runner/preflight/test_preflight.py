"""Each check of the machine and of a profile, on given facts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runner.engines.check import Check
from runner.engines.facts import BusyProcess, HostLoad, MachineFacts
from runner.preflight import evaluate, has_failures, render
from runner.run.device_locks import DeviceHolder
from runner.schema.base import Container
from tests.support.machine_facts import FACTS, GIB, MODEL, PROBE_ANSWER, SCRIPTS, TREE, facts, flagship, one

BUSY = HostLoad(
    busy=6.5,
    average=11.0,
    waiting_percent=None,
    busiest=(BusyProcess(pid=4711, name="make", user="alice", percent=97.0),),
)


def test_a_machine_where_everything_is_right() -> None:
    checks = evaluate(flagship("benchmark.duration=0"), FACTS)
    assert [check for check in checks if check.verdict != "pass"] == []
    assert [check.name for check in checks] == [
        *("python", "mpirun", "root", "GPUs", "GPU use", "/dev/shm", "memlock", "clean-up"),
        *("TensorRT-LLM", "scripts", "model", "heads", "build options", "GPU memory", "timed loop", "slots"),
        *("host memory", "disk"),
    ]


@pytest.mark.parametrize(
    ("name", "changed", "expected"),
    [
        pytest.param(
            "TensorRT-LLM", facts(packages={}),
            Check(
                "TensorRT-LLM", "fail", "no package tensorrt_llm in /usr/bin/python3; required: 0.12 to 0.19",
                "set launch.python to the interpreter that has it, or launch.container",
            ),
            id="not installed",
        ),
        pytest.param(
            "TensorRT-LLM", facts(packages={"tensorrt_llm": "0.20.0"}),
            Check(
                "TensorRT-LLM", "fail",
                "TensorRT-LLM 0.20.0 has no benchmarks/python/benchmark.py, 0.19 was the last release with"
                " it; measure this version with engine: trtllm-bench (`trtbench-tui profiles list` shows"
                " profiles of it, `profiles copy NAME mine` makes one yours), or leave benchmark out of"
                " stages",
            ),
            id="too new",
        ),
        pytest.param(
            "TensorRT-LLM", facts(packages={"tensorrt_llm": "0.17.0"}),
            Check(
                "TensorRT-LLM", "warn",
                "0.17.0 is installed, the source tree is 0.16.0; scripts and package may not match",
                "git -C /code/tensorrt_llm checkout v0.17.0",
            ),
            id="package and tree differ",
        ),
        pytest.param(
            "scripts", facts(exists={}),
            Check(
                "scripts", "fail", "paths.tensorrt_llm: /code/tensorrt_llm does not exist",
                "git clone --depth 1 --branch v0.16.0 https://github.com/NVIDIA/TensorRT-LLM"
                " /code/tensorrt_llm",
            ),
            id="no source tree",
        ),
        pytest.param(
            "scripts", facts(exists={}, packages={"tensorrt_llm": "0.19.0"}),
            Check(
                "scripts", "fail", "paths.tensorrt_llm: /code/tensorrt_llm does not exist",
                "git clone --depth 1 --branch v0.19.0 https://github.com/NVIDIA/TensorRT-LLM"
                " /code/tensorrt_llm",
            ),
            id="no source tree of another version",
        ),
        pytest.param(
            "scripts", facts(exists=PROBE_ANSWER.exists | {f"{TREE}/{SCRIPTS[2]}": False}),
            Check(
                "scripts", "fail",
                "missing: /code/tensorrt_llm/benchmarks/python/benchmark.py;"
                " required: the source tree of 0.12 to 0.19",
                "git -C /code/tensorrt_llm checkout v0.16.0",
            ),
            id="no benchmark.py",
        ),
        pytest.param(
            "mpirun", facts(mpirun=""),
            Check(
                "mpirun", "fail", "not found on PATH",
                "apt-get install openmpi-bin, or set launch.mpirun.path",
            ),
            id="no mpirun",
        ),
        pytest.param(
            "nvidia-smi", facts(programs=PROBE_ANSWER.programs | {"nvidia-smi": None}),
            Check(
                "nvidia-smi", "fail",
                "nvidia-smi is missing; benchmark.py calls it for each result and would crash at the end",
                "docker run --gpus=all, or install the driver's tools",
            ),
            id="no nvidia-smi",
        ),
        pytest.param(
            "GPUs", facts(gpu_count=4),
            Check(
                "GPUs", "fail", "8 ranks need 8 GPUs, found: 4 (NVIDIA A40)", "--set parallel.tp=4"
            ),
            id="too few GPUs",
        ),
        pytest.param(
            "GPUs", facts(env={"CUDA_VISIBLE_DEVICES": "0,1"}),
            Check(
                "GPUs", "fail",
                "8 ranks need 8 GPUs, found: 2 (NVIDIA A40, CUDA_VISIBLE_DEVICES=0,1)",
                "--set parallel.tp=2",
            ),
            id="too few visible GPUs",
        ),
        pytest.param(
            "GPU use", facts(gpu_processes=("4711 python train.py",)),
            Check(
                "GPU use", "warn",
                "other programs use GPUs and affect the measurement: 4711 python train.py",
                "nvidia-smi --query-compute-apps=pid,process_name --format=csv",
            ),
            id="busy GPUs",
        ),
        pytest.param(
            "GPU use", facts(gpus=None),
            Check("GPU use", "warn", "neither NVML nor nvidia-smi answered in time", "nvidia-smi"),
            id="nvidia-smi hangs",
        ),
        pytest.param(
            "slots", facts(cpus=[0, 1, 2, 3], physical_cores=2, mpirun_is_open=True),
            Check(
                "slots", "fail",
                "Open MPI starts at most 2 ranks here, one for each core, and 8 are needed",
                "--set parallel.tp=2, or --set 'launch.mpirun.args=[--oversubscribe]'",
            ),
            id="too few slots",
        ),
        pytest.param(
            "host memory", facts(memory_available=32 * GIB),
            Check(
                "host memory", "warn",
                "convert and build: weights of 61.0 GiB are loaded, 32.0 GiB of host memory available;"
                " the kernel may kill the stage",
                "free host memory, or build on a larger machine and set paths.engine_dir",
            ),
            id="little host memory",
        ),
        pytest.param(
            "device", facts(holders=(DeviceHolder("gpu-0", "0001_other", 4711, "alice", 724.0),)),
            Check(
                "device", "warn",
                "gpu-0 is in use by run 0001_other (alice) for 12:04; a run waits for it",
                "trtbench-tui stop 0001_other",
            ),
            id="a device of another run",
        ),
        pytest.param(
            "CPU load", facts(cores=8, load=replace(BUSY, waiting_percent=40.0)),
            Check(
                "CPU load", "warn",
                "others use 6.5 of 8 CPUs (load average 11.0), and processes waited for a CPU in 40 % of the"
                " last 10 s: latencies would include scheduling delay; busiest: 4711 make (alice) 97 %",
                "renice -n 19 -p 4711",
            ),
            id="others use the CPUs",
        ),
        pytest.param(
            "CPU load", facts(load=BUSY),
            Check("CPU load", "pass", "others use 6.5 of 64 CPUs"),
            id="others use few of many CPUs",
        ),
        pytest.param(
            "/dev/shm", facts(shm=64 << 20),
            Check(
                "/dev/shm", "warn", "0.1 GiB; NCCL between GPUs fails with less than about 1 GiB",
                "mount -o remount,size=8g /dev/shm",
            ),
            id="small shared memory",
        ),
        pytest.param(
            "/dev/shm", facts(shm=64 << 20, container=Container(exec="box")),
            Check(
                "/dev/shm", "warn", "0.1 GiB; NCCL between GPUs fails with less than about 1 GiB",
                "docker run --ipc=host (or --shm-size=1g)",
            ),
            id="small shared memory of a container",
        ),
        pytest.param(
            "shared memory", facts(shm_writable=False),
            Check(
                "shared memory", "warn",
                "/dev/shm: cannot be written; ranks share memory on a disk, which may be slower",
                "mount -o remount,rw /dev/shm",
            ),
            id="shared memory that is read-only",
        ),
        pytest.param(
            "shared memory", facts(shm_free=5 << 20, container=Container(exec="box")),
            Check(
                "shared memory", "warn",
                "/dev/shm: 5 MiB are free, and the ranks need 160 MiB; ranks die of a bus error",
                "docker run --ipc=host (or --shm-size=1g)",
            ),
            id="shared memory of a container without room",
        ),
        pytest.param(
            "memlock", facts(memlock=65536),
            Check(
                "memlock", "warn", "at most 64 KiB can be locked; NCCL may fail to register memory",
                "ulimit -l unlimited",
            ),
            id="memlock",
        ),
        pytest.param(
            "root", facts(env={"OMPI_ALLOW_RUN_AS_ROOT": "1=1"}),
            Check(
                "root", "warn",
                "OMPI_ALLOW_RUN_AS_ROOT is '1=1' here, which Open MPI rejects;"
                " stages get 1, your own commands do not",
                "export OMPI_ALLOW_RUN_AS_ROOT=1",
            ),
            id="1=1 in the shell",
        ),
        pytest.param(
            "root", facts(environment={"OMPI_ALLOW_RUN_AS_ROOT": "1=1"}),
            Check(
                "root", "fail",
                "launch.env.OMPI_ALLOW_RUN_AS_ROOT is '1=1', and Open MPI accepts only 1",
                "--set launch.env.OMPI_ALLOW_RUN_AS_ROOT=1",
            ),
            id="1=1 in the profile",
        ),
        pytest.param(
            "model", facts(exists=PROBE_ANSWER.exists | {MODEL: False}),
            Check(
                "model", "fail", "model.dir: /test_data/Qwen2.5-32B-Instruct does not exist",
                "--set model.dir=FOLDER",
            ),
            id="no model",
        ),
        pytest.param(
            "model", facts(texts={}),
            Check(
                "model", "fail",
                "/test_data/Qwen2.5-32B-Instruct has no config.json that states heads and layers",
                "ls /test_data/Qwen2.5-32B-Instruct",
            ),
            id="no config.json",
        ),
        pytest.param(
            "disk", facts(free={"/tmp/trtbench": 100 * GIB}),
            Check(
                "disk", "fail",
                "checkpoint and engine: 2 x 61.0 GiB = 122.0 GiB, 100.0 GiB free at /tmp/trtbench",
                "--set paths.work=FOLDER on a larger disk",
            ),
            id="disk",
        ),
        pytest.param(
            "build options",
            facts(helps={"trtllm-build": "--checkpoint_dir D\n--output_dir D\n--gemm_plugin {fp8}\n"}),
            Check(
                "build options", "fail",
                "trtllm-build: --gemm_plugin auto is not allowed; allowed: fp8\n"
                "--max_batch_size is not one of its options",
                "trtllm-build --help",
            ),
            id="build options",
        ),
        pytest.param(
            "build options", facts(helps={"trtllm-build": "Traceback (most recent call last):"}),
            Check(
                "build options", "warn",
                "trtllm-build --help does not list its options, so they are not checked",
                "trtllm-build --help",
            ),
            id="no help",
        ),
        pytest.param(
            "python", replace(FACTS, probe=None),
            Check(
                "python", "fail",
                "/usr/bin/python3 does not run, so further checks there are not possible",
                "set launch.python to the interpreter that has the engine",
            ),
            id="no interpreter",
        ),
        pytest.param(
            "container", replace(FACTS, probe=None, container=Container(exec="box"), container_runs=False),
            Check(
                "container", "fail", "the container box does not exist or does not run", "docker start box"
            ),
            id="stopped container",
        ),
        pytest.param(
            "container",
            replace(FACTS, probe=None, container=Container(run="i", tool="podman"), container_tool=False),
            Check(
                "container", "fail", "launch.container needs podman, which does not run here",
                "podman version",
            ),
            id="no podman",
        ),
        pytest.param(
            "locks", replace(FACTS, no_locks="none of /tmp is a directory of root with mode 1777"),
            Check(
                "locks", "warn",
                "several runs may use a device at once, because no locks are possible:"
                " none of /tmp is a directory of root with mode 1777",
                "export TRTBENCH_LOCKS=DIR, a directory that all users share",
            ),
            id="no locks",
        ),
        (
            "logout",
            replace(FACTS, ends_at_logout=True),
            Check(
                "logout",
                "warn",
                "systemd ends all your processes when you log out (KillUserProcesses=yes), runs too",
                "loginctl enable-linger && systemd-run --user --scope bash",
            ),
        ),
    ],
)  # fmt: skip
def test_what_is_wrong(name: str, changed: MachineFacts, expected: Check) -> None:
    assert one(name, changed) == expected


def test_a_refused_plan_is_shown_when_no_check_explains_it() -> None:
    refused = replace(FACTS, plan=None, refused="stages: benchmark needs an engine")
    profile = flagship("benchmark.duration=0")
    assert evaluate(profile, refused)[0] == Check("plan", "fail", "stages: benchmark needs an engine")
    broken = replace(refused, mpirun="")
    assert "plan" not in [check.name for check in evaluate(profile, broken)]


@pytest.mark.parametrize(("possible", "begin"), [(True, "a control group ends"), (False, "every process")])
def test_what_ends_the_processes_of_a_run(possible: bool, begin: str) -> None:
    assert one("clean-up", replace(FACTS, own_cgroup=possible)).text.startswith(begin)


def test_the_machine_alone() -> None:
    names = [check.name for check in evaluate(None, FACTS)]
    assert names == ["python", "mpirun", "root", "GPUs", "GPU use", "/dev/shm", "memlock", "clean-up"]


def test_as_text_worst_first() -> None:
    checks = [
        Check("mpirun", "fail", "there is none", "install it"),
        Check("engine", "warn", "one\ntwo"),
        Check("python", "pass", "3.12"),
    ]
    assert has_failures(checks)
    assert render(checks) == (
        "FAIL  mpirun  there is none\n"
        "              fix: install it\n"
        "WARN  engine  one\n"
        "              two\n"
        "PASS  python  3.12\n"
        "\n"
        "1 fail, 1 warn, 1 pass\n"
    )
    assert not has_failures(checks[1:])
