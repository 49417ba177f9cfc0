"""The installation that a trtllm profile uses: machine or container, programs, version and GPU."""

from __future__ import annotations

from dataclasses import dataclass

from runner.engines import container
from runner.engines.build_cache import FileSystem
from runner.engines.mpi import find_mpirun
from runner.engines.tensorrt_llm.installation import (
    gpu_model,
    installed_version,
    program_of,
    python_of,
    version_of_tree,
)
from runner.engines.tensorrt_llm.versions import Version, version_of
from runner.engines.trtllm.profile import TrtllmProfile
from runner.errors import UserError
from runner.schema.base import Container


@dataclass(frozen=True)
class TrtllmInstallation:
    """TensorRT-LLM on this machine or in a container, as the stages see it."""

    container: Container | None
    file_system: FileSystem
    python: str
    mpirun: str
    trtllm_build: str
    version: Version | None
    """version of the installed package, else of the source tree; None when neither can be read"""
    gpu: str
    """name and compute capability; empty when not known"""


def find_installation(profile: TrtllmProfile) -> TrtllmInstallation:
    """Find the installation of a profile by quick commands; start no benchmark, import no TensorRT-LLM."""
    inside = profile.launch.container
    file_system = container.file_system_for(inside, profile.paths.work)
    python = python_of(profile.launch)
    return TrtllmInstallation(
        container=inside,
        file_system=file_system,
        python=python,
        mpirun=_mpirun(profile, python),
        trtllm_build=program_of("trtllm-build", profile.launch, python, file_system),
        version=_version(profile, python, file_system),
        gpu=gpu_model(),
    )


def _mpirun(profile: TrtllmProfile, python: str) -> str:
    wanted = profile.launch.mpirun.path
    if profile.launch.container:
        return wanted or "mpirun"
    try:
        return find_mpirun(wanted, python).path
    except UserError:
        # A plan can be shown where nothing is installed; starting it reports what is missing.
        return wanted or "mpirun"


def _version(profile: TrtllmProfile, python: str, file_system: FileSystem) -> Version | None:
    text = installed_version(profile.launch, python)
    if not text:
        text = version_of_tree(
            file_system.read(f"{profile.paths.tensorrt_llm}/tensorrt_llm/version.py") or b""
        )
    return version_of(text)
