"""The arguments of srun and sbatch of a profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.engines.registry import make_plan
from runner.engines.slurm import pyxis
from runner.engines.slurm.script import job_script
from runner.plan.plan import Plan
from runner.profile.yaml_file import load_text
from runner.util.errors import UserError

TORCH = """
engine: torch
name: small
model: {device: cuda, shape: {hidden_size: 64, intermediate_size: 128, num_hidden_layers: 2,
        num_attention_heads: 8, num_key_value_heads: 8, vocab_size: 256}}
parallel: {tp: 8}
"""
BENCH = """
engine: trtllm-bench
name: big
model: {name: org/model, dir: /models/org}
parallel: {tp: 8, pp: 2}
benchmark: {backend: pytorch, concurrency: [4]}
"""
TRTLLM = """
engine: trtllm
name: script
model: {family: llama, dir: /models/llama}
parallel: {tp: 2}
stages: [convert, build, benchmark]
"""


@pytest.fixture(autouse=True)
def _outside_of_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_JOB_ID", "SLURMD_NODENAME", "SLURM_JOB_NODELIST"):
        monkeypatch.delenv(name, raising=False)


def planned(profile: str, slurm: str) -> Plan:
    return make_plan(load_text(f"{profile}launch: {{slurm: {slurm}}}\n", "t.yaml"), Path("/runs/r"))


def test_ranks_are_spread_over_the_nodes_of_the_job() -> None:
    plan = planned(TORCH, "{nodes: 2, partition: gpu, account: a1, time: '30', extra: [--exclusive]}")
    assert plan.stages[0].argv[:7] == [
        *("srun", "--mpi=pmix", "--kill-on-bad-exit=1", "--export=ALL"),
        *("--nodes=2", "--ntasks=8", "--ntasks-per-node=4"),
    ]
    assert plan.job is not None
    assert plan.job.options == [
        *("--job-name=trtbench-small", "--partition=gpu", "--account=a1"),
        *("--nodes=2", "--ntasks=8", "--ntasks-per-node=4", "--gpus-per-node=4", "--time=30", "--exclusive"),
    ]
    assert plan.nodes is not None
    assert plan.nodes.argv[:4] == ["srun", "--overlap", "--nodes=2", "--ntasks=2"]
    assert plan.nodes.ranks_per_node == [4, 4]


def test_srun_asks_itself_without_an_allocation() -> None:
    plan = planned(TORCH, "{mode: srun, partition: gpu, gpus_per_node: 8, mpi: pmi2}")
    argv = plan.stages[0].argv
    assert {"--mpi=pmi2", "--partition=gpu", "--gpus-per-node=8", "--ntasks=8"} < set(argv)
    assert plan.nodes is None


def test_an_allocation_is_used_in_every_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURMD_NODENAME", "n1")
    plan = planned(TORCH, "{mode: sbatch, partition: gpu}")
    assert plan.job is not None
    assert plan.job.mode == "allocation"
    assert "--partition=gpu" not in plan.stages[0].argv
    assert plan.nodes is None


def test_tasks_become_the_ranks_of_trtllm_bench() -> None:
    dataset, benchmark = planned(BENCH, "{nodes: 2, container: {image: /t.sqsh, mounts: [/m:/m]}}").stages
    assert "trtllm-llmapi-launch" not in " ".join(dataset.argv)
    assert "--ntasks=1" in dataset.argv
    assert "--ntasks=16" in benchmark.argv
    index = benchmark.argv.index("trtllm-llmapi-launch")
    assert benchmark.argv[index + 2].endswith("/launched_command.py")
    assert benchmark.argv[index + 3].endswith("trtllm-bench")
    mounts = next(word for word in benchmark.argv if word.startswith("--container-mounts="))
    # The profile may mount a folder read-only that contains the run directory.
    assert mounts.startswith("--container-mounts=/m:/m,/runs/r:/runs/r,")
    assert dataset.argv[index] == "python3"


@pytest.mark.parametrize(
    ("options", "expected"), [("--container-env=NAME[,NAME...]", ["--container-env=A"]), ("", [])]
)
def test_an_image_keeps_no_value_of_a_variable(
    options: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pyxis, "srun_help", lambda: options)
    argv = planned(TORCH, "{container: {image: /t.sqsh}}, env: {A: b}").stages[0].argv
    assert [word for word in argv if word.startswith("--container-env")] == expected


def test_programs_in_an_image_are_those_of_its_interpreter() -> None:
    launch = "{container: {image: /t.sqsh}}, python: /opt/x/bin/python3"
    first = ["sh", "-c", 'PATH=$0:$PATH; exec "$@"', "/opt/x/bin"]
    for profile, program in ((BENCH, "trtllm-bench"), (TRTLLM, "trtllm-build")):
        for stage in planned(profile, launch).stages:
            start = stage.argv.index("sh")
            assert stage.argv[start : start + 4] == first
            assert not any(word.endswith(f"/{program}") for word in stage.argv)
            assert "PATH" not in stage.env
        assert "the image was not opened" in " ".join(planned(profile, launch).notes)


def test_a_folder_that_pyxis_cannot_mount_is_refused() -> None:
    profile = f"{TRTLLM}paths: {{work: '/my work'}}\n"
    with pytest.raises(UserError, match="pyxis cannot mount /my work, because its path has ' '"):
        planned(profile, "{container: {image: /t.sqsh}}")


def test_stages_of_one_process_get_one_task() -> None:
    convert, build, *_, benchmark = planned(TRTLLM, "{}").stages
    assert all("--ntasks=1" in stage.argv for stage in (convert, build))
    assert "--ntasks=2" in benchmark.argv
    assert "mpirun" not in " ".join(benchmark.argv)


def test_job_script_names_paths_with_spaces_and_patterns() -> None:
    request = planned(TORCH, "{}").job
    assert request is not None
    script = job_script(request, Path("/my runs/100%/r"))
    assert "#SBATCH '--output=/my runs/100%%/r/job.log'\n" in script
    assert "#SBATCH '--chdir=/my runs/100%/r'\n" in script
    assert script.splitlines()[-1].endswith("'/my runs/100%/r'")
