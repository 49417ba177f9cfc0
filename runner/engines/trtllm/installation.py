"""Where the stages of a trtllm profile run, and which programs and version are there."""

from __future__ import annotations

from dataclasses import dataclass

from runner.engines import container
from runner.engines.build_cache import Place
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
class Site:
    """This machine, or a container, as the stages see it."""

    container: Container | None
    place: Place
    python: str
    mpirun: str
    trtllm_build: str
    version: Version | None
    """of the installed package, else of the source tree; None when neither can be read"""
    gpu: str
    """name and compute capability; empty when not known"""


def site_of(profile: TrtllmProfile) -> Site:
    """What can be found out quickly; starts no benchmark and imports nothing of TensorRT-LLM."""
    inside = profile.launch.container
    place = container.place_for(inside, profile.paths.work)
    python = python_of(profile.launch)
    return Site(
        container=inside,
        place=place,
        python=python,
        mpirun=_mpirun(profile, python),
        trtllm_build=program_of("trtllm-build", profile.launch, python, place),
        version=_version(profile, python, place),
        gpu=gpu_model(),
    )


def _mpirun(profile: TrtllmProfile, python: str) -> str:
    wanted = profile.launch.mpirun.path
    if profile.launch.container:
        return wanted or "mpirun"
    try:
        return find_mpirun(wanted, python).path
    except UserError:
        # A plan can be shown where nothing is installed; starting it says what is missing.
        return wanted or "mpirun"


def _version(profile: TrtllmProfile, python: str, place: Place) -> Version | None:
    text = installed_version(profile.launch, python)
    if not text:
        text = version_of_tree(place.read(f"{profile.paths.tensorrt_llm}/tensorrt_llm/version.py") or b"")
    return version_of(text)
