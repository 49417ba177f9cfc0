"""Facts about a machine where everything is right, and one check on changed facts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec

from runner.engines.check import Check
from runner.engines.facts import Gpu, MachineFacts, ProbeAnswer
from runner.plan.plan import Plan, Stage
from runner.preflight import evaluate
from runner.profile.set_fields import with_changes
from runner.profile.store import find
from runner.schema.base import Profile

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
    memory_available=500 * GIB,
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
    """The facts above; names of `ProbeAnswer` change what the interpreter sees."""
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
