"""The rules of the section `launch.slurm`."""

from __future__ import annotations

from typing import Any

import pytest

from runner.profile.yaml_file import load_text
from runner.schema.slurm import Slurm, SlurmContainer, slurm_problems


@pytest.mark.parametrize(
    ("fields", "ranks", "path"),
    [
        ({"time": "90 min"}, 1, "time"),
        ({"partition": "a b"}, 1, "partition"),
        ({"extra": ["--exclusive\n#SBATCH --uid=0"]}, 1, "extra[0]"),
        ({"extra": ["--exclude=n[1-2]", "exclusive"]}, 1, "extra[1]"),
        ({"container": SlurmContainer("t", ["/a:/b:ro+rprivate", "/m"])}, 1, "container.mounts[1]"),
        ({"container": SlurmContainer("t", ["/a:/a,/b:/b"])}, 1, "container.mounts[0]"),
        ({"container": SlurmContainer("r#t:1", ["tmpfs:/t", "data:/data"])}, 1, "container.mounts[1]"),
        ({"container": SlurmContainer("/t.sqsh", ["/$USER:/b"])}, 1, "container.mounts[0]"),
        ({"container": SlurmContainer("./t.sqsh")}, 1, "container.image"),
        ({"nodes": 3}, 8, "nodes"),
        ({"nodes": 2, "ntasks_per_node": 8}, 8, "ntasks_per_node"),
    ],
)
def test_what_slurm_would_reject_is_named(fields: dict[str, Any], ranks: int, path: str) -> None:
    (problem,) = slurm_problems(Slurm(**fields), ranks)
    assert problem.path == f"launch.slurm.{path}"


@pytest.mark.parametrize("time", ["30", "1:30:00", "90:00", "1-12", "2-0:30", "1-12:00:00"])
def test_times_of_slurm_are_accepted(time: str) -> None:
    assert not list(slurm_problems(Slurm(time=time, nodes=2, ntasks_per_node=4), 8))


def test_another_container_is_refused() -> None:
    (problem,) = slurm_problems(Slurm(), 1, object())
    assert "launch.slurm.container.image" in problem.message


def test_section_is_read_from_a_profile() -> None:
    text = """
        engine: trtllm-bench
        name: on-slurm
        model: {name: meta-llama/Llama-3.1-405B, dir: /models/405b}
        parallel: {tp: 8, pp: 2}
        benchmark: {backend: pytorch}
        launch: {slurm: {nodes: 2, time: "1:30:00", container: {image: /trtllm.sqsh}}}
    """
    slurm: Slurm = load_text(text, "t.yaml").launch.slurm  # type: ignore[assignment]
    assert (slurm.mode, slurm.nodes, slurm.time, slurm.mpi) == ("sbatch", 2, "1:30:00", "pmix")
