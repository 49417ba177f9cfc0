"""Make a profile that measures an existing TensorRT-LLM engine."""

from __future__ import annotations

from pathlib import Path

from runner.engines.trtllm.built_engine import profile_data
from runner.profile.yaml_file import decode
from runner.schema.base import Profile


def profile_of_engine(path: Path) -> Profile:
    """Return a profile for the engine in a folder.

    Raises:
        UserError: the folder has no engine, or one that cannot be benchmarked.
    """
    return decode(profile_data(path), str(path / "config.json"))
