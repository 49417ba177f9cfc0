"""Plans of the flagship profile, without an installed TensorRT-LLM."""

from __future__ import annotations

from pathlib import Path

from runner.engines import build_cache
from runner.engines.mpi import MpirunProgram
from runner.engines.tensorrt_llm.versions import Version
from runner.engines.trtllm.installation import TrtllmInstallation
from runner.engines.trtllm.plan import TrtllmPlanner
from runner.engines.trtllm.profile import TrtllmProfile
from runner.plan.plan import RUN_DIR, Plan, Stage
from runner.profile.set_fields import with_changes
from runner.profile.store import find

# Names of outputs differ: they contain a hash of their inputs, so a changed profile makes a new one.
CHECKPOINT = "CHECKPOINT"
ENGINE = "ENGINE"


def site(
    version: str | None = "0.16.0", *, python: str = "/usr/bin/python3", gpu: str = "NVIDIA H200, 9.0"
) -> TrtllmInstallation:
    return TrtllmInstallation(
        container=None,
        file_system=build_cache.HOST,
        python=python,
        mpirun=MpirunProgram("mpirun", "openmpi", ""),
        trtllm_build="trtllm-build",
        version=Version.parse(version) if version else None,
        gpu=gpu,
    )


def flagship() -> TrtllmProfile:
    profile = find("qwen2.5-32b-fp16-tp8").load()
    assert isinstance(profile, TrtllmProfile)
    return profile


def changed(profile: TrtllmProfile, *assignments: str) -> TrtllmProfile:
    result = with_changes(profile, assignments)
    assert isinstance(result, TrtllmProfile)
    return result


def plan(profile: TrtllmProfile, where: TrtllmInstallation | None = None) -> Plan:
    return TrtllmPlanner(profile, RUN_DIR, where or site()).plan()


def stage(made: Plan, name: str) -> Stage:
    return next(stage for stage in made.stages if stage.name == name)


def words(made: Plan, name: str) -> list[str]:
    """The words of a stage, with the names of outputs replaced."""
    checkpoint = value_of(stage(made, "convert").argv, "--output_dir")
    engine = value_of(stage(made, "build").argv, "--output_dir")
    names = {checkpoint: CHECKPOINT, engine: ENGINE}
    return [names.get(word, word) for word in stage(made, name).argv]


def value_of(argv: list[str], option: str) -> str:
    return argv[argv.index(option) + 1]


def local(tmp_path: Path, *assignments: str) -> TrtllmProfile:
    """The flagship with its work folder in a place of this test."""
    return changed(flagship(), f"paths.work={tmp_path}/work", *assignments)
