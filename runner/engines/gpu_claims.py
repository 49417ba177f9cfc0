"""The GPUs that a run uses, for the locks on devices."""

from __future__ import annotations

import os
from collections.abc import Mapping


def claimed_gpus(env: Mapping[str, str], count: int) -> list[str]:
    """Return the lock names of the first `count` GPUs that ranks with this environment see."""
    visible = env.get("CUDA_VISIBLE_DEVICES", os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    names = [name.strip() for name in visible.split(",") if name.strip()]
    if not names:
        names = [str(index) for index in range(count)]
    return [f"gpu-{name}" for name in names[:count]]
