"""A profile that measures a TensorRT-LLM engine which is built already."""

from __future__ import annotations

from pathlib import Path

from runner.engines.trtllm.built_engine import profile_data
from runner.profile.file import decode
from runner.schema.base import Profile


def profile_of_engine(path: Path) -> Profile:
    """The profile of an engine's folder.

    Raises:
        UserError: the folder holds no engine, or one that cannot be benchmarked.
    """
    return decode(profile_data(path), str(path / "config.json"))
