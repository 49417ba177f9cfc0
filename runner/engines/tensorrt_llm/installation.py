"""What is installed where the stages of a TensorRT-LLM profile run: programs, version, GPU.

Each answer comes from a short command, on this machine or in the container, and is remembered.
"""

from __future__ import annotations

import os
import shutil
import time
from typing import Protocol

from runner.engines import container
from runner.engines.build_cache import FileSystem
from runner.engines.mpi import default_python
from runner.schema.base import AnyLaunch, Container

_METADATA = "import importlib.metadata; print(importlib.metadata.version('tensorrt_llm'))"
FAILURE_S = 10.0
"""How long a failed command is remembered; the user may repair the installation."""
_answers: dict[tuple[str, ...], tuple[float, str]] = {}
"""Command -> when it ran, and its output, which does not change while this program runs"""


class ContainerLaunch(AnyLaunch, Protocol):
    """The section `launch` of a profile whose stages may run in a container."""

    @property
    def container(self) -> Container | None: ...


def python_of(launch: ContainerLaunch) -> str:
    """Return the interpreter that TensorRT-LLM is installed for."""
    inside = launch.container is not None or _is_in_image(launch)
    return launch.python or ("python3" if inside else default_python())


def _is_in_image(launch: ContainerLaunch) -> bool:
    """Check whether Slurm starts the stages in an image, whose files are not visible from outside."""
    return launch.slurm is not None and launch.slurm.container is not None


def program_of(name: str, launch: ContainerLaunch, python: str, file_system: FileSystem) -> str:
    """Return the program next to the interpreter, else the one on PATH."""
    if _is_in_image(launch):
        return name
    folder = os.path.dirname(python)
    neighbour = f"{folder}/{name}"
    if folder and file_system.read(neighbour) is not None:
        return neighbour
    if launch.container:
        return name
    return shutil.which(name, path=launch.env.get("PATH")) or name


def installed_version(launch: ContainerLaunch, python: str) -> str:
    """Return the version of the installed package tensorrt_llm; empty: it is not installed, or not known."""
    if _is_in_image(launch):
        return ""
    inside = launch.container
    argv = container.argv_inside(inside, [python, "-c", _METADATA], launch.env)
    return _ask(argv, container.env_outside(inside, launch.env))


def why_unknown(launch: ContainerLaunch, python: str) -> str:
    """Return why the installed package states no version."""
    return "the image was not opened" if _is_in_image(launch) else f"no package in {python}"


def version_of_tree(source: bytes) -> str:
    """Return the version that `tensorrt_llm/version.py` states; empty when it states none."""
    for line in source.decode(errors="replace").splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip() == "__version__":
            return value.strip().strip("\"'")
    return ""


def gpu_model() -> str:
    """Return name and compute capability of the first GPU; empty when not known."""
    lines = _ask(["nvidia-smi", "--query-gpu=name,compute_cap", "--format=csv,noheader"]).splitlines()
    return lines[0].strip() if lines else ""


def _ask(argv: list[str], env: dict[str, str] | None = None) -> str:
    """Return the output of a short command; empty when it fails. A failure is soon tried again."""
    # PATH decides which program answers.
    words = {"PATH": os.environ.get("PATH", ""), **(env or {})}
    key = (*argv, *(f"{name}={value}" for name, value in words.items()))
    asked, answer = _answers.get(key, (-FAILURE_S, ""))
    if not answer and time.monotonic() - asked >= FAILURE_S:
        answer = (container.output_of(argv, env=env) or b"").decode(errors="replace").strip()
        _answers[key] = (time.monotonic(), answer)
    return answer
