"""The installation that a trtllm profile uses: machine or container, programs, version and GPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runner.engines import container
from runner.engines.build_cache import FileSystem
from runner.engines.mpi import (
    ROOT_ENV,
    MpirunProgram,
    RankLaunch,
    default_python,
    find_mpirun,
    launch_env,
)
from runner.engines.mpi.hosts import is_several
from runner.engines.tensorrt_llm.installation import (
    gpu_model,
    installed_version,
    program_of,
    python_of,
    version_of_tree,
)
from runner.engines.tensorrt_llm.options import ToolHelp, has_options, options_of, parse_help
from runner.engines.tensorrt_llm.program_help import HelpPage, read_help
from runner.engines.tensorrt_llm.versions import Version, example_folder, version_of
from runner.engines.trtllm.arguments import Program
from runner.engines.trtllm.families import script_of
from runner.engines.trtllm.profile import TrtllmProfile
from runner.engines.trtllm.quantization import SCRIPT
from runner.schema.base import Container
from runner.util.errors import UserError

OUTPUT_AT_ONCE = {"PYTHONUNBUFFERED": "1"}
"""For programs whose output is a file or a pipe; that of mpirun is a terminal, but not in containers."""


@dataclass(frozen=True)
class TrtllmInstallation:
    """TensorRT-LLM on this machine or in a container, as the stages see it."""

    container: Container | None
    file_system: FileSystem
    python: str
    mpirun: MpirunProgram
    trtllm_build: str
    version: Version | None
    """version of the installed package, else of the source tree; None when neither can be read"""
    gpu: str
    """name and compute capability; empty when not known"""
    helps: Mapping[Program, ToolHelp] = field(default_factory=dict)
    """the options in the `--help` of the programs that the profile needs, as far as they answer"""


def find_installation(profile: TrtllmProfile) -> TrtllmInstallation:
    """Find the installation of a profile by quick commands; start no benchmark, import no TensorRT-LLM."""
    inside = profile.launch.container
    file_system = container.file_system_for(inside, profile.paths.work)
    python = python_of(profile.launch)
    trtllm_build = program_of("trtllm-build", profile.launch, python, file_system)
    installed = version_of(installed_version(profile.launch, python))
    version = installed or _version_of_tree(profile, file_system)
    helps = _helps(profile, python, trtllm_build, file_system, installed)
    return TrtllmInstallation(
        container=inside,
        file_system=file_system,
        python=python,
        mpirun=_mpirun(profile, python),
        trtllm_build=trtllm_build,
        version=version,
        gpu=gpu_model(),
        helps={program: parse_help(text) for program, text in helps.items()},
    )


def rank_launch(profile: TrtllmProfile, installation: TrtllmInstallation) -> RankLaunch:
    """Return how the stages with ranks start them, with mpirun as a user calls it.

    Binding and mapping of ranks change what is measured, so there are none but those of the profile.
    """
    section, mpirun, inside = profile.launch.mpirun, installation.mpirun, installation.container
    env = ROOT_ENV | launch_env(mpirun, section) | profile.launch.env
    if inside is not None and is_several(section):
        env = container.env_outside(inside, OUTPUT_AT_ONCE | env)
    return RankLaunch(mpirun, section, profile.parallel.ranks, env, in_containers=inside is not None)


def help_texts(profile: TrtllmProfile) -> dict[Program, str]:
    """Return the `--help` of the programs that a profile needs, as far as they answer."""
    python = python_of(profile.launch)
    file_system = container.file_system_for(profile.launch.container, profile.paths.work)
    trtllm_build = program_of("trtllm-build", profile.launch, python, file_system)
    installed = version_of(installed_version(profile.launch, python))
    return _helps(profile, python, trtllm_build, file_system, installed)


def convert_script(profile: TrtllmProfile, version: Version | None) -> str:
    """Return the path of the convert_checkpoint.py of a profile."""
    model = profile.model
    folder = example_folder(script_of(model.family).folder or model.family, version)
    return model.script or f"{profile.paths.tensorrt_llm}/{folder}/convert_checkpoint.py"


def _helps(
    profile: TrtllmProfile, python: str, trtllm_build: str, file_system: FileSystem, version: Version | None
) -> dict[Program, str]:
    if version is None:
        return {}
    inside, env = profile.launch.container, profile.launch.env
    pages: dict[Program, HelpPage] = {}
    if profile.selects("convert"):
        script = convert_script(profile, version)
        source = file_system.read(script) or b""
        argv = [python, script, "--help"]
        pages["convert"] = HelpPage("convert-checkpoint", argv, version, inside, env, source)
    if profile.selects("quantize"):
        pages["quantize"] = _script_page(profile, python, SCRIPT, version, file_system)
    if profile.selects("build"):
        pages["build"] = HelpPage("trtllm-build", [trtllm_build, "--help"], version, inside, env)
    # These take long to answer, and options that the table has need no answer.
    if profile.selects("smoke") and (
        profile.smoke.extra_args or options_of(profile.smoke, "run", only_made=True)
    ):
        pages["run"] = _script_page(profile, python, "examples/run.py", version, file_system)
    if profile.selects("benchmark") and profile.benchmark.extra_args:
        script = "benchmarks/python/benchmark.py"
        pages["benchmark"] = _script_page(profile, python, script, version, file_system)
    found = {program: read_help(page, has_options) for program, page in pages.items()}
    return {program: text for program, text in found.items() if text}


def _script_page(
    profile: TrtllmProfile, python: str, script: str, version: Version, file_system: FileSystem
) -> HelpPage:
    """Return the page of a script of the source tree."""
    path = f"{profile.paths.tensorrt_llm}/{script}"
    argv = [python, path, "--help"]
    inside, env = profile.launch.container, profile.launch.env
    return HelpPage(Path(script).stem, argv, version, inside, env, file_system.read(path) or b"")


def _mpirun(profile: TrtllmProfile, python: str) -> MpirunProgram:
    wanted = profile.launch.mpirun.path
    # TensorRT-LLM is built for Open MPI; containers with another one are not known.
    usual = MpirunProgram(wanted or "mpirun", "openmpi", "")
    if profile.launch.container and not is_several(profile.launch.mpirun):
        return usual
    try:
        outside = default_python() if profile.launch.container else python
        return find_mpirun(wanted, outside, profile.launch.env)
    except UserError:
        # A plan can be shown where nothing is installed; starting it reports what is missing.
        return usual


def _version_of_tree(profile: TrtllmProfile, file_system: FileSystem) -> Version | None:
    source = file_system.read(f"{profile.paths.tensorrt_llm}/tensorrt_llm/version.py") or b""
    return version_of(version_of_tree(source))
