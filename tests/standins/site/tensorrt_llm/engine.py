"""Loading an engine directory of trtllm-build, with every check that can fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tensorrt_llm import faults


class Engine:
    """One rank's engine.

    Attributes:
        model: `pretrained_config` of its config.json.
        limits: `build_config` of its config.json.
    """

    def __init__(self, directory: str, rank: int, world_size: int, dtype: str | None) -> None:
        config = json.loads((Path(directory) / "config.json").read_text())
        if "build_config" not in config:
            config["builder_config"]  # a directory of the format before 0.8, or a checkpoint
        self.model: dict[str, Any] = config["pretrained_config"]
        self.limits: dict[str, Any] = config["build_config"]
        if dtype is not None:
            built = self.model["dtype"]
            assert built == dtype, f"Engine dtype ({built}) != Runtime dtype ({dtype})"
        world = self.model["mapping"]["world_size"]
        assert world == world_size, f"Engine world size ({world}) != Runtime world size ({world_size})"
        if self.limits["plugin_config"].get("multiple_profiles"):
            raise NotImplementedError(
                "Python runtime only support 1 or 2 optimization profiles, set --multiple_profiles=disable"
                " when calling trtllm-build to disable the feature."
            )
        (Path(directory) / f"rank{rank}.engine").read_bytes()
        faults.strike("load")
        print("Allocated 117.74 MiB for execution context memory.")
