"""Checks of an engine that a profile gives, before a run starts."""

from __future__ import annotations

from runner.engines.check import Check
from runner.engines.tensorrt_llm.engine_config import EngineConfig
from runner.engines.tensorrt_llm.versions import Version, version_of

REBUILD = "build it again: remove paths.engine_dir"


def no_engine(folder: str) -> Check:
    """Return the failed check of a folder without the config of an engine."""
    text = f"paths.engine_dir: {folder} has no config.json of an engine (is it a checkpoint?)"
    return Check("engine", "fail", text, f"ls {folder}")


def check_builder(engine: EngineConfig, version: Version | None) -> Check | None:
    """Return the failed check of an engine that another version built; None: it can be loaded, or unknown."""
    built_by = version_of(engine.version)
    if version is None or built_by is None or built_by == version:
        return None
    text = f"built by TensorRT-LLM {engine.version}, {version} is installed; engines do not load across them"
    return Check("engine", "fail", text, REBUILD)
