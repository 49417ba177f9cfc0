"""Checks of how GPUs are set up, on a stand-in driver whose last GPU is set up badly."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runner.engines.facts import MachineFacts, ProbeAnswer
from runner.preflight.gather import survey_gpus
from runner.preflight.gpu_setup import gpu_setup_checks
from tests.standins import nvml


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> MachineFacts:
    """Four GPUs, of which the last is set up badly."""
    if nvml.compiler() is None:
        pytest.skip("the stand-in for NVML needs a C compiler (cc)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LD_LIBRARY_PATH", str(nvml.build(tmp_path_factory.mktemp("nvml"))))
        patch.setenv("NVML_GPUS", "4")
        patch.setenv("NVML_POOR", "1")
        survey = survey_gpus()
    assert survey is not None
    assert len(survey.gpus) == 4
    return MachineFacts(python="python3", probe=ProbeAnswer(cpus=[0, 1]), survey=survey)


def found(facts: MachineFacts, ranks: int, verdict: str = "warn") -> dict[str, str]:
    checks = gpu_setup_checks(facts, ranks, needed=True)
    return {check.name: check.fix or check.text for check in checks if check.verdict == verdict}


def test_each_problem_of_a_gpu_has_a_command_for_it(facts: MachineFacts) -> None:
    assert found(facts, 4) == {
        "persistence": "sudo nvidia-smi -i 3 -pm 1",
        "power limit": "sudo nvidia-smi -i 3 -pl 700",
        "clocks": "sudo nvidia-smi -i 3 -rgc; sudo nvidia-smi -i 3 -rac",
        "ECC": "sudo nvidia-smi -i 3 -e 1",
        "PCIe": "nvidia-smi -i 3 -q -d PCIE; sudo lspci -vv -s 0000:13:00.0 | grep LnkSta",
        "links": "nvidia-smi topo -m; --set launch.env.CUDA_VISIBLE_DEVICES=GPUS",
    }


def test_only_the_gpus_of_the_run_are_checked(facts: MachineFacts) -> None:
    assert found(facts, 3) == {}
    passed = found(facts, 3, "pass")
    assert passed["links"] == "NVLink between all 3 GPUs"
    assert passed["power limit"] == "700 W, the maximum"
    last = replace(facts, environment={"CUDA_VISIBLE_DEVICES": "3"})
    assert "persistence" in found(last, 1)


def test_ranks_that_may_not_use_the_cpus_of_a_gpu(facts: MachineFacts) -> None:
    far = replace(facts, probe=ProbeAnswer(cpus=[8, 9]))
    assert found(far, 1) == {"placement": "start trtbench-tui with: taskset -c 0-7 ..."}
