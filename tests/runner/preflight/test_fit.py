"""Whether a profile fits a machine, from facts that cost little."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from runner.engines.facts import Gpu, ProbeAnswer
from runner.engines.gpu_facts import GpuSetup, GpuSurvey
from runner.preflight import fit, probe
from runner.preflight.fit import LocalMachine, judge
from runner.profile.set_fields import with_changes
from runner.profile.store import find
from tests.support.machine_facts import CONFIG, GIB, PROBE_ANSWER


def machine(gpus: int = 0, packages: tuple[str, ...] = ("torch", "mpi4py"), size: int = 44) -> LocalMachine:
    """A machine with GPUs of a size in GiB, whose memory other programs fill."""
    found = tuple(
        GpuSetup(index=index, uuid=str(index), memory_total=size * GIB, memory_used=size * GIB)
        for index in range(gpus)
    )
    answer = ProbeAnswer(packages=dict.fromkeys(packages, "1"), programs=PROBE_ANSWER.programs)
    return LocalMachine(answer, GpuSurvey(gpus=found))


def verdict(name: str, on: LocalMachine, *changes: str, trusted: bool = True) -> tuple[str, str]:
    """The verdict and why, with N for sizes."""
    found = judge(with_changes(find(name).load(), changes), on, trusted=trusted)
    assert bool(found.text) == bool(found.brief)
    return found.verdict, re.sub(r"\d+\.\d(?=,| GiB)", "N", found.brief)


@pytest.fixture(autouse=True)
def with_mpirun_and_all_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(fit, "locate_mpirun", lambda wanted, python: "/usr/bin/mpirun")


GPU_BOX = machine(1)


@pytest.mark.parametrize(
    ("name", "changes", "on", "expected"),
    [
        ("quickstart", [], machine(), ("fits", "")),
        ("quickstart", [], machine(packages=("torch",)), ("does not fit", "mpi4py is not installed")),
        ("torch-1gpu", [], machine(), ("does not fit", "no GPU")),
        ("torch-1gpu", [], GPU_BOX, ("fits", "")),
        ("torch-1gpu", ["parallel.tp=8"], machine(4), ("does not fit", "4 of 8 GPUs")),
        ("torch-1gpu", ["launch.env={CUDA_VISIBLE_DEVICES: '3'}", "parallel.tp=2"], machine(4),
         ("does not fit", "1 of 2 GPUs")),
        ("torch-1gpu", [], machine(1, size=8), ("does not fit", "needs N, has N GiB a GPU")),
        ("torch-1gpu", ["benchmark.batch_size=[1, 4000]"], GPU_BOX, ("fits", "1 of 2 sizes do not fit")),
        ("qwen2.5-7b-fp16-tp1", [], GPU_BOX, ("does not fit", "TensorRT-LLM is not installed")),
        ("qwen2.5-7b-fp16-tp1", ["launch.container={exec: box}"], GPU_BOX,
         ("unknown", "runs in a container")),
        ("quickstart", ["launch.python=/opt/python"], machine(), ("unknown", "packages are not known")),
        ("torch-1gpu", [], LocalMachine(ProbeAnswer(), None), ("unknown", "the GPUs are not known")),
        ("torch-1gpu", [], LocalMachine(GPU_BOX.answer, None, None, 1),
         ("unknown", "GPU memory is not known")),
        ("torch-1gpu", [], LocalMachine(GPU_BOX.answer, None, (Gpu(name="A", total=44 * GIB, used=0),), 1),
         ("fits", "")),
    ],
)  # fmt: skip
def test_why_a_profile_does_not_fit(
    name: str, changes: list[str], on: LocalMachine, expected: tuple[str, str]
) -> None:
    assert verdict(name, on, *changes) == expected


def test_the_size_of_a_model_decides_once_its_folder_is_there(tmp_path: Path) -> None:
    box = LocalMachine(PROBE_ANSWER, machine(1).survey)
    (tmp_path / "tokenizer.json").touch()
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    changes = [f"model.dir={tmp_path}"]
    name = "bench-llama-3.1-8b-tp1"
    box.answer.programs["trtllm-bench"] = "/usr/bin/trtllm-bench"
    assert verdict(name, box) == ("does not fit", "no folder /models/Llama-3.1-8B")
    assert verdict(name, box, *changes) == ("unknown", "size of the model is not known")
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.truncate(15 * GIB)
    assert verdict(name, box, *changes) == ("fits", "")
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.truncate(61 * GIB)
    assert verdict(name, box, *changes) == ("does not fit", "needs N, has N GiB a GPU")


def test_nothing_of_a_profile_of_another_user_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "file_answers", lambda questions: pytest.fail("a file was looked at"))
    monkeypatch.setattr(fit, "locate_mpirun", lambda wanted, python: pytest.fail("a program was looked for"))
    assert verdict("torch-1gpu", GPU_BOX, trusted=False) == ("unknown", "not checked")
    assert verdict("torch-1gpu", machine(), trusted=False) == ("does not fit", "no GPU")


def test_looking_starts_the_survey_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    survey = GpuSurvey(gpus=(GpuSetup(index=0, uuid="u", memory_total=GIB, memory_used=0),))
    monkeypatch.setattr(fit, "survey_gpus", lambda: survey)
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: pytest.fail("a program was started"))
    found = fit.look_at_machine()
    assert (found.survey, found.gpus) == (survey, None)
    assert found.answer.python
    assert judge(find("quickstart").load(), found, trusted=True).verdict in ("fits", "does not fit")
