"""What is installed where the stages of a TensorRT-LLM profile run: programs, version, GPU."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Protocol

from runner.engines import container
from runner.engines.build_cache import Place
from runner.engines.mpi import default_python
from runner.schema.base import AnyLaunch, Container

_METADATA = "import importlib.metadata; print(importlib.metadata.version('tensorrt_llm'))"
FAILURE_S = 10.0
HELP_TIMEOUT_S = 120.0
"""`--help` of TensorRT-LLM's programs imports the whole of it."""
_known: dict[tuple[str, ...], tuple[float, str]] = {}
"""Short commands whose answers do not change while this program runs: when each was asked, and its answer"""


class InContainer(AnyLaunch, Protocol):
    """The section `launch` of a profile whose stages may run in a container."""

    @property
    def container(self) -> Container | None: ...


def python_of(launch: InContainer) -> str:
    """The interpreter that TensorRT-LLM is installed for."""
    return launch.python or ("python3" if launch.container else default_python())


def program_of(name: str, launch: InContainer, python: str, place: Place) -> str:
    """The one that belongs to the interpreter, else the one on PATH."""
    folder = os.path.dirname(python)
    beside = f"{folder}/{name}"
    if folder and place.read(beside) is not None:
        return beside
    if launch.container:
        return name
    return shutil.which(name, path=launch.env.get("PATH")) or name


def installed_version(launch: InContainer, python: str) -> str:
    inside = launch.container
    return _ask(container.words_inside(inside, [python, "-c", _METADATA], launch.env))


def version_of_tree(source: bytes) -> str:
    """What `tensorrt_llm/version.py` states; empty when it states none."""
    for line in source.decode(errors="replace").splitlines():
        name, equals, value = line.partition("=")
        if equals and name.strip() == "__version__":
            return value.strip().strip("\"'")
    return ""


def gpu_model() -> str:
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
