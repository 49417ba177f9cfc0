"""Where the stages of a TensorRT-LLM profile run, and what is found there: programs, versions, GPUs."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from runner.engines import container
from runner.engines.build_cache import Place
from runner.engines.mpi import default_python, find_mpirun
from runner.engines.tensorrt_llm.versions import Version, version_of
from runner.engines.trtllm.profile import Container, TrtllmProfile
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.errors import UserError

_METADATA = "import importlib.metadata; print(importlib.metadata.version('tensorrt_llm'))"
FAILURE_S = 10.0
_known: dict[tuple[str, ...], tuple[float, str]] = {}
"""Short commands whose answers do not change while this program runs: when each was asked, and its answer"""


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


def site_of(profile: TrtllmProfile) -> Site:
    """What can be found out quickly; starts no benchmark and imports nothing of TensorRT-LLM."""
    inside = profile.launch.container
    place = container.place_for(inside, profile.paths.work)
    python = profile.launch.python or ("python3" if inside else default_python())
    return Site(
        container=inside,
        place=place,
        python=python,
        mpirun=_mpirun(profile, python),
        trtllm_build=_program("trtllm-build", profile, python, place),
        version=_version(profile, python, place),
        gpu=_gpu(),
    )


def bench_site_of(profile: BenchProfile) -> BenchSite:
    """The same for trtllm-bench, which needs neither mpirun nor the source tree."""
    inside = profile.launch.container
    place = container.place_for(inside, profile.paths.work)
    python = profile.launch.python or ("python3" if inside else default_python())
    return BenchSite(
        container=inside,
        place=place,
        python=python,
        program=_program("trtllm-bench", profile, python, place),
        version=version_of(_installed(profile, python)),
        gpu=_gpu(),
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


def _program(name: str, profile: TrtllmProfile | BenchProfile, python: str, place: Place) -> str:
    """The one that belongs to the interpreter, else the one on PATH."""
    folder = os.path.dirname(python)
    beside = f"{folder}/{name}"
    if folder and place.read(beside) is not None:
        return beside
    if profile.launch.container:
        return name
    return shutil.which(name, path=profile.launch.env.get("PATH")) or name


def _version(profile: TrtllmProfile, python: str, place: Place) -> Version | None:
    text = _installed(profile, python)
    if not text:
        text = version_of_tree(place.read(f"{profile.paths.tensorrt_llm}/tensorrt_llm/version.py") or b"")
    return version_of(text)


def _installed(profile: TrtllmProfile | BenchProfile, python: str) -> str:
    inside = profile.launch.container
    return _ask(container.words_inside(inside, [python, "-c", _METADATA], profile.launch.env))


def version_of_tree(source: bytes) -> str:
    """What `tensorrt_llm/version.py` states; empty when it states none."""
    for line in source.decode(errors="replace").splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip() == "__version__":
            return value.strip().strip("\"'")
    return ""


def _gpu() -> str:
    if not Path("/dev/nvidiactl").exists():
        return ""
    lines = _ask(["nvidia-smi", "--query-gpu=name,compute_cap", "--format=csv,noheader"]).splitlines()
    return lines[0].strip() if lines else ""


def _ask(words: list[str]) -> str:
    """Output of a short command; empty when it fails. A failure may be mended, so it is soon asked again."""
    key = tuple(words)
    asked, answer = _known.get(key, (-FAILURE_S, ""))
    if not answer and time.monotonic() - asked >= FAILURE_S:
        answer = (container.answer_of(words) or b"").decode(errors="replace").strip()
        _known[key] = (time.monotonic(), answer)
    return answer
