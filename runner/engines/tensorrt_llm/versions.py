"""Versions of TensorRT-LLM, and the differences between them.

Nothing here imports tensorrt_llm: that is slow, prints, starts MPI and may hang. Versions come from package
metadata.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

FIRST = "0.12"
"""The first release whose benchmark.py has the current options; before, it took names of models."""
LAST = "0.19"
"""The last release with benchmarks/python/benchmark.py."""

AFTER = "0.20"
"""The first release without it; the examples moved in this release, too."""

_NUMBERS = re.compile(r"\s*(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?(?:\.?(dev|a|b|rc|post)(\d{1,9}))?")
_STAGES = {"dev": -4, "a": -3, "b": -2, "rc": -1, None: 0, "post": 1}
"""Order of the releases of one number."""


@dataclass(frozen=True, order=True)
class Version:
    """Major and minor number, which are compared; `exact` also has patch and pre-release numbers."""

    major: int
    minor: int
    text: str = field(default="", compare=False)
    """as the package states it"""
    exact: tuple[int, ...] = field(default=(), compare=False)
    """order of all releases: 0.17.0.dev2024121700 < 0.17.0 < 0.17.0.post1"""

    @classmethod
    def parse(cls, text: str) -> Version:
        """Parse a version like `0.16.0`, `0.17.0.post1`, `1.0.0rc3`.

        Raises:
            ValueError: it does not begin with two numbers.
        """
        match = _NUMBERS.match(text)
        if match is None:
            raise ValueError(f"{text!r} is not a version")
        major, minor, patch, stage, number = match.groups()
        exact = (int(major), int(minor), int(patch or 0), _STAGES[stage], int(number or 0))
        return cls(int(major), int(minor), text.strip(), exact)

    def __str__(self) -> str:
        return self.text


def version_of(text: str) -> Version | None:
    """Parse a version; None for any other text."""
    try:
        return Version.parse(text)
    except ValueError:
        return None


def why_unsupported(version: Version) -> str:
    """Return why benchmark.py of this version is not supported, and what to use instead; empty if it is."""
    if version < Version.parse(FIRST):
        return (
            f"TensorRT-LLM {version} has an older benchmark.py, which takes names of models;"
            f" use TensorRT-LLM {FIRST} to {LAST}"
        )
    if version >= Version.parse(AFTER):
        return (
            f"TensorRT-LLM {version} has no benchmarks/python/benchmark.py, {LAST} was the last release with"
            " it; measure this version with engine: trtllm-bench (`trtbench-tui profiles list` shows"
            " profiles of it, `profiles copy NAME mine` makes one yours), or leave benchmark out of stages"
        )
    return ""


_CONTRIB = {
    "baichuan", "bloom", "cogvlm", "dbrx", "deepseek_v1", "deepseek_v2", "dit", "falcon", "gptj", "gptneox",
    "grok", "mpt", "opt",
}  # fmt: skip
"""Families that moved to `models/contrib` instead of `models/core`."""
_NOT_MOVED = {"eagle", "medusa", "redrafter"}


def example_folder(family: str, version: Version | None) -> str:
    """Return the folder of the scripts of a model family in the source tree; most moved in 0.20."""
    moved = version is not None and version >= Version.parse(AFTER) and family not in _NOT_MOVED
    group = "contrib" if family in _CONTRIB else "core"
    return f"examples/models/{group}/{family}" if moved else f"examples/{family}"
