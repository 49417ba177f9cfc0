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
from runner.engines.tensorrt_llm.program_help import HelpPage, read_help
from runner.engines.tensorrt_llm.versions import Version, version_of
from runner.engines.trtllm_bench.options import Part, help_argv, parse_click_help
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


def read_helps(profile: BenchProfile, installation: BenchInstallation) -> dict[str, str]:
    """Return the `--help` of each part of trtllm-bench that a profile uses, as far as it answers."""
    version = installation.version
    if version is None:
        return {}
    needed: list[Part] = ["group", profile.benchmark.command]
    needed += ["build"] if profile.selects("build") else []
    found: dict[str, str] = {}
    for part in needed:
        argv = help_argv(installation.program, part)
        page = HelpPage(f"trtllm-bench-{part}", argv, version, installation.container, profile.launch.env)
        if text := read_help(page, lambda answer: bool(parse_click_help(answer).options)):
            found[part] = text
    return found


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
