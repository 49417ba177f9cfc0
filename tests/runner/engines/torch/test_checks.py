"""Checks of a profile of the torch engine: packages, cores and memory."""

from __future__ import annotations

import pytest

from runner.engines.check import Check
from runner.engines.facts import Gpu
from runner.preflight import evaluate
from runner.profile.set_fields import with_changes
from runner.profile.store import find
from runner.profile.yaml_file import load_text
from tests.support.machine_facts import FACTS, facts, one

TORCH = "{name: t, engine: torch, model: {dir: /m, device: cpu}, parallel: {tp: 4}}"


def test_torch_needs_its_packages() -> None:
    profile = load_text(TORCH, "t.yaml")
    assert one("mpi4py", facts(packages={"torch": "2.6.0"}), profile) == Check(
        "mpi4py",
        "fail",
        "not installed in /usr/bin/python3",
        "/usr/bin/python3 -m pip install '.[torch]' in the source folder of trtbench-tui",
    )
    assert one("CPUs", facts(cores=2), profile) == Check(
        "CPUs",
        "warn",
        "4 ranks share 2 CPUs: they wait for each other, and latency is not meaningful",
        "--set parallel.tp=2",
    )
    assert "GPUs" not in [check.name for check in evaluate(profile, FACTS)], "it runs on the CPU"


@pytest.mark.parametrize(
    ("changes", "free", "verdict", "start"),
    [
        ("", 100, "pass", "weights 15.0 + KV cache 2.2 + execution"),
        ("", 18, "warn", "batch 16 1024→128 will be skipped: it needs weights 15.0 + KV cache 2.2"),
        ("", 15, "fail", "the model does not fit on a GPU: it needs weights 15.0 + execution 1.0 + CUDA con"),
        ("benchmark.batch_size=[64]", 18, "fail", "no configuration fits: it needs weights 15.0"),
        ("parallel.tp=2", 15, "pass", "weights 7.5 + KV cache 1.1 + execution"),
    ],
)
def test_memory_of_the_torch_engine_is_counted(changes: str, free: int, verdict: str, start: str) -> None:
    given = ["benchmark.batch_size=[1,16]", "benchmark.input_output_len=[[1024,128]]", *changes.split()]
    profile = with_changes(find("torch-1gpu").load(), given)
    gpus = tuple(Gpu(name="NVIDIA H200", total=140 << 30, used=(140 - free) << 30) for _ in range(2))
    found = one("GPU memory", facts(gpu_count=2, gpus=gpus), profile)
    assert found.verdict == verdict
    assert found.text.startswith(start)


def test_memory_of_the_host_is_counted_on_the_cpu() -> None:
    text = TORCH.replace("dir: /m", "shape: {}".replace("{}", str(SHAPE).replace("'", "")))
    profile = load_text(text, "t.yaml")
    found = one("host memory", facts(memory_available=20 << 30), profile)
    assert found.verdict == "warn"
    assert found.text.startswith("weights and KV cache need 30.2 GiB, 20.0 GiB are available: the kernel may")
    names = [check.name for check in evaluate(profile, facts(memory_available=40 << 30))]
    assert "host memory" not in names


SHAPE = {
    "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 8, "vocab_size": 128256,
}  # fmt: skip
