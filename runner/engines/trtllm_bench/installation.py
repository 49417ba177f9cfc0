"""The installation that a trtllm-bench profile uses: machine or container, program, version and GPU."""

from __future__ import annotations

from dataclasses import dataclass

from runner.engines import container
from runner.engines.build_cache import FileSystem
from runner.engines.tensorrt_llm.installation import (
    gpu_model,
    installed_version,
    program_of,
    python_of,
)
from runner.engines.tensorrt_llm.versions import Version, version_of
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.schema.base import Container


@dataclass(frozen=True)
class BenchInstallation:
    """trtllm-bench on this machine or in a container, as the stages see it."""

    container: Container | None
    file_system: FileSystem
    python: str
    program: str
    """path or name of trtllm-bench"""
    version: Version | None
    """version of the installed package; None when it cannot be read"""
    gpu: str
    """name and compute capability; empty when not known"""

    @property
    def where(self) -> str:
        """Name of the container; empty: this machine."""
        inside = self.container
        return f"{inside.tool} {inside.exec or inside.run}" if inside else ""


def find_installation(profile: BenchProfile) -> BenchInstallation:
    """Find the installation of a profile; the tool needs neither mpirun nor the source tree."""
    inside = profile.launch.container
    file_system = container.file_system_for(inside, profile.paths.work)
    python = python_of(profile.launch)
    return BenchInstallation(
        container=inside,
        file_system=file_system,
        python=python,
        program=program_of("trtllm-bench", profile.launch, python, file_system),
        version=version_of(installed_version(profile.launch, python)),
        gpu=gpu_model(),
    )
