"""Where the stages of a trtllm-bench profile run, and which program and version are there."""

from __future__ import annotations

from dataclasses import dataclass

from runner.engines import container
from runner.engines.build_cache import Place
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
class BenchSite:
    """This machine, or a container, as the stages of trtllm-bench see it."""

    container: Container | None
    place: Place
    python: str
    program: str
    """trtllm-bench itself"""
    version: Version | None
    """of the installed package; None when it cannot be read"""
    gpu: str
    """name and compute capability; empty when not known"""

    @property
    def where(self) -> str:
        """Which container; empty: this machine."""
        inside = self.container
        return f"{inside.tool} {inside.exec or inside.run}" if inside else ""


def bench_site_of(profile: BenchProfile) -> BenchSite:
    """The same for trtllm-bench, which needs neither mpirun nor the source tree."""
    inside = profile.launch.container
    place = container.place_for(inside, profile.paths.work)
    python = python_of(profile.launch)
    return BenchSite(
        container=inside,
        place=place,
        python=python,
        program=program_of("trtllm-bench", profile.launch, python, place),
        version=version_of(installed_version(profile.launch, python)),
        gpu=gpu_model(),
    )
