"""Preflight: each check on given facts, and all checks on stand-ins."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runner import preflight
from runner.engines.check import Check
from runner.engines.facts import Gpu, MachineFacts, ProbeAnswer
from runner.plan.plan import Plan, Stage
from runner.preflight import evaluate, has_failures, render
from runner.preflight.gather import gather_facts
from runner.profile.file import load_text, with_changes
from runner.profile.store import find
from runner.schema.base import Container, Profile
from tests import standins

BUILD_HELP = "--checkpoint_dir DIR\n--output_dir DIR\n--gemm_plugin {auto,disable}\n--max_batch_size N\n"

GIB = 1 << 30
TREE, MODEL = "/code/tensorrt_llm", "/test_data/Qwen2.5-32B-Instruct"
CONFIG = {
    "hidden_size": 5120,
    "num_attention_heads": 40,
    "num_key_value_heads": 8,
    "num_hidden_layers": 64,
    "torch_dtype": "bfloat16",
}
SCRIPTS = [
    "examples/qwen/convert_checkpoint.py",
    "examples/run.py",
    *(f"benchmarks/python/{name}.py" for name in ("benchmark", "base_benchmark", "gpt_benchmark")),
]
PROBE_ANSWER = ProbeAnswer(
    packages={"tensorrt_llm": "0.16.0", "torch": "2.6.0", "mpi4py": "4.0.1"},
    programs={name: f"/usr/bin/{name}" for name in ("mpirun", "trtllm-build", "nvidia-smi")},
    exists={TREE: True, MODEL: True} | {f"{TREE}/{script}": True for script in SCRIPTS},
    texts={
        f"{MODEL}/config.json": json.dumps(CONFIG),
        f"{TREE}/tensorrt_llm/version.py": '__version__ = "0.16.0"\n',
    },
    weights={MODEL: 61 * GIB},
    free={"/tmp/trtbench": 500 * GIB},
    shm=64 * GIB,
    root=True,
    cores=64,
)
BUILD = "trtllm-build --checkpoint_dir /c --output_dir /e --gemm_plugin auto --max_batch_size 16"
PLAN = Plan(
    engine="trtllm",
    profile="p",
    summary="",
    stages=[
        Stage(name="convert", argv=["python3", "convert_checkpoint.py"], cwd="/"),
        Stage(name="build", argv=BUILD.split(), cwd="/"),
    ],
)
FACTS = MachineFacts(
    python="/usr/bin/python3",
    probe=PROBE_ANSWER,
    mpirun="/usr/bin/mpirun (openmpi 5.0.6)",
    gpu_count=8,
    gpus=(Gpu(name="NVIDIA A40", total=46 * GIB, used=GIB),) * 8,
    plan=PLAN,
    helps={"trtllm-build": BUILD_HELP},
)


def flagship(*changes: str) -> Profile:
    return with_changes(find("qwen2.5-32b-fp16-tp8").load(), changes)


def facts(**changes: Any) -> MachineFacts:
    """The facts above; names of `Seen` change what the interpreter sees."""
    of_probe = {
        name: changes.pop(name)
        for name in list(changes)
        if name in ProbeAnswer.__struct_fields__ and name != "python"
    }
    return replace(FACTS, probe=msgspec.structs.replace(PROBE_ANSWER, **of_probe), **changes)


def one(name: str, changed: MachineFacts = FACTS, profile: Profile | None = None) -> Check:
    """The check of that name."""
    found = {check.name: check for check in evaluate(profile or flagship("benchmark.duration=0"), changed)}
    return found[name]


def test_a_machine_where_everything_is_right() -> None:
    checks = evaluate(flagship("benchmark.duration=0"), FACTS)
    assert [check for check in checks if check.verdict != "pass"] == []
    assert [check.name for check in checks] == [
        *("python", "mpirun", "root", "GPUs", "GPU use", "/dev/shm", "memlock", "clean-up"),
        *("TensorRT-LLM", "scripts", "model", "heads", "build options", "GPU memory", "timed loop", "disk"),
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
                "other programs use the GPUs and affect the measurement: 4711 python train.py",
                "nvidia-smi --query-compute-apps=pid,process_name --format=csv",
            ),
            id="busy GPUs",
        ),
        pytest.param(
            "GPU use", facts(gpus=None),
            Check("GPU use", "warn", "nvidia-smi did not answer within 10 s", "nvidia-smi"),
            id="nvidia-smi hangs",
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


def test_memory_is_shown_as_arithmetic() -> None:
    assert one("GPU memory").text == (
        "weights 61.0 GiB / 8 = 7.6 GiB, KV cache 2 x 64 layers x 1 heads x 128 x 2 B x 16 x 2048 tokens"
        " = 1.0 GiB: 8.6 GiB a GPU; 45.0 GiB of 46.0 GiB free;"
        " plus activations and workspace, not known"
    )


@pytest.mark.parametrize(("total", "used", "verdict"), [(46, 1, "pass"), (24, 20, "warn"), (8, 0, "fail")])
def test_memory_verdicts(total: int, used: int, verdict: str) -> None:
    gpus = (Gpu(name="GPU", total=total * GIB, used=used * GIB),) * 8
    assert one("GPU memory", facts(gpus=gpus)).verdict == verdict


def test_quantised_weights_are_smaller() -> None:
    profile = flagship("convert.use_weight_only=true", "convert.int8_kv_cache=true")
    text = one("GPU memory", FACTS, profile).text
    assert text.startswith("weights 30.5 GiB (61.0 GiB of bfloat16 as int8) / 8 = 3.8 GiB")
    assert "x 128 x 1 B x 16 x 2048 tokens = 0.5 GiB" in text


def test_memory_that_is_not_known_is_said() -> None:
    check = one("GPU memory", facts(weights={}))
    assert (check.verdict, check.text) == (
        "warn",
        "not computed: neither the model's folder nor an engine states the weights and layers",
    )


def test_heads() -> None:
    check = one("heads", FACTS, flagship("parallel.tp=16"))
    assert check == Check(
        "heads",
        "fail",
        "tp 16 does not fit the model's 40 heads and 8 key/value heads; allowed: 1, 2, 4, 8, 40",
        "--set parallel.tp=8",
    )


def test_ranks_that_end_by_their_own_clock() -> None:
    assert one("timed loop", FACTS, flagship()) == Check(
        "timed loop",
        "warn",
        "each of 8 ranks ends its loop after 60 s of its own clock, so one can wait for others that stopped;"
        " a fixed count prevents that; sequences end early if the model emits token 2 (hard-coded in"
        " benchmark.py); results flag that",
        "--set benchmark.duration=0 --set benchmark.num_runs=10",
    )


def engine_facts(**limits: Any) -> MachineFacts:
    config = {
        "version": "0.16.0",
        "pretrained_config": {"dtype": "float16", "mapping": {"world_size": 8, "tp_size": 8}},
        "build_config": {"max_batch_size": 16, "max_input_len": 1024, "max_seq_len": 2048},
    } | limits
    return facts(texts=PROBE_ANSWER.texts | {"/e/config.json": json.dumps(config)}, weights={"/e": 62 * GIB})


def test_an_engine_that_fits() -> None:
    profile = flagship("paths.engine_dir=/e")
    assert one("engine", engine_facts(), profile) == Check(
        "engine", "pass", "/e: max_batch_size 16, max_input_len 1024, max_seq_len 2048"
    )
    assert one("GPU memory", engine_facts(), profile).text.startswith("engine files 62.0 GiB / 8 = 7.8 GiB")


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (
            {"build_config": {"max_batch_size": 8, "max_seq_len": 1024}},
            "batch size 16 is more than the engine's max_batch_size 8\n"
            "input + output length 2048 is more than the engine's max_seq_len 1024",
        ),
        (
            {"version": "0.15.0"},
            "built by TensorRT-LLM 0.15.0, 0.16.0 is installed; engines do not load across them",
        ),
    ],
)
def test_an_engine_that_does_not_fit(limits: dict[str, Any], text: str) -> None:
    check = one("engine", engine_facts(**limits), flagship("paths.engine_dir=/e"))
    assert (check.verdict, check.text) == ("fail", text)


def test_a_checkpoint_given_as_engine() -> None:
    check = one("engine", FACTS, flagship("paths.engine_dir=/e"))
    assert check.text == "paths.engine_dir: /e has no config.json of an engine (is it a checkpoint?)"


def test_a_refused_plan_is_shown_when_no_check_explains_it() -> None:
    refused = replace(FACTS, plan=None, refused="stages: benchmark needs an engine")
    profile = flagship("benchmark.duration=0")
    assert evaluate(profile, refused)[0] == Check("plan", "fail", "stages: benchmark needs an engine")
    broken = replace(refused, mpirun="")
    assert "plan" not in [check.name for check in evaluate(profile, broken)]


TORCH = "{name: t, engine: torch, model: {dir: /m, device: cpu}, parallel: {tp: 4}}"


def test_torch_needs_its_packages() -> None:
    profile = load_text(TORCH, "t.yaml")
    assert one("mpi4py", facts(packages={"torch": "2.6.0"}), profile) == Check(
        "mpi4py",
        "fail",
        "not installed in /usr/bin/python3",
        "/usr/bin/python3 -m pip install '.[torch]' in the source folder of trtbench-tui",
    )
    assert one("cores", facts(cores=2), profile) == Check(
        "cores",
        "warn",
        "4 ranks share 2 cores, so they wait for each other and latency is not meaningful",
        "--set parallel.tp=2",
    )
    assert "GPUs" not in [check.name for check in evaluate(profile, FACTS)], "it runs on the CPU"


@pytest.mark.parametrize(
    ("changes", "free", "verdict", "start"),
    [
        ("", 100, "pass", "weights 15.0 + KV cache 2.2 + workspace"),
        ("", 18, "warn", "batch 16 1024→128 will be skipped: it needs weights 15.0 + KV cache 2.2"),
        ("", 15, "fail", "the model does not fit on a GPU: it needs weights 15.0 + workspace 1.0 + CUDA con"),
        ("benchmark.batch_size=[64]", 18, "fail", "no configuration fits: it needs weights 15.0"),
        ("parallel.tp=2", 15, "pass", "weights 7.5 + KV cache 1.1 + workspace"),
    ],
)
def test_memory_of_the_torch_engine_is_counted(changes: str, free: int, verdict: str, start: str) -> None:
    given = ["benchmark.batch_size=[1,16]", "benchmark.input_output_len=[[1024,128]]", *changes.split()]
    profile = with_changes(find("torch-1gpu").load(), given)
    gpus = tuple(Gpu(name="NVIDIA H200", total=140 << 30, used=(140 - free) << 30) for _ in range(2))
    found = one("GPU memory", facts(gpu_count=2, gpus=gpus), profile)
    assert found.verdict == verdict
    assert found.text.startswith(start)


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


# --- gathering, with stand-ins for TensorRT-LLM ---------------------------------------------------------


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """A profile on a machine where everything but GPUs seems to be there."""
    environment = standins.environment()
    mpirun = tmp_path / "bin" / "mpirun"
    mpirun.parent.mkdir()
    mpirun.write_text("#!/bin/sh\necho 'mpirun (Open MPI) 5.0.11'\n")
    mpirun.chmod(0o755)
    monkeypatch.setenv("PATH", f"{mpirun.parent}:{environment['PATH']}")
    text = {
        "name": "standin",
        "engine": "trtllm",
        "model": {"family": "qwen", "dir": str(standins.make_model(tmp_path / "model"))},
        "build": {"gemm_plugin": "auto", "max_batch_size": 8},
        "launch": {"env": environment},
        "paths": {"tensorrt_llm": str(standins.CHECKOUT), "work": f"{tmp_path}/work"},
    }
    return load_text(json.dumps(text), "standin.yaml")


def test_looking_at_a_machine(installed: Profile) -> None:
    found = gather_facts(installed)
    assert found.probe is not None
    assert found.probe.packages["tensorrt_llm"] == "0.16.0", "read from metadata in launch.python"
    assert all(size > 0 for size in found.probe.free.values())
    assert found.plan is not None
    assert "--max_num_tokens" in found.helps["trtllm-build"]
    verdicts = {check.name: check.verdict for check in evaluate(installed, found)}
    for name in ("TensorRT-LLM", "scripts", "model", "heads", "build options", "mpirun"):
        assert verdicts[name] == "pass", name


def test_an_unknown_build_option_is_found_before_anything_runs(installed: Profile) -> None:
    profile = with_changes(installed, ["build.extra_args=[--no_such_option]"])
    check = one("build options", gather_facts(profile), profile)
    assert check.text == "trtllm-build: --no_such_option is not one of its options"


def test_an_interpreter_that_is_not_there(installed: Profile) -> None:
    profile = with_changes(installed, ["launch.python=/nowhere/python"])
    checks = preflight.check(profile)
    assert checks[0].verdict == "fail"
    assert "python" in [check.name for check in checks if check.verdict == "fail"]
