"""The GPUs that a run uses, for the locks on devices."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping


def claimed_gpus(env: Mapping[str, str], count: int) -> list[str]:
    """Return the lock names of the first `count` GPUs that ranks with this environment see."""
    visible = env.get("CUDA_VISIBLE_DEVICES", os.environ.get("CUDA_VISIBLE_DEVICES", ""))
    names = [name.strip() for name in visible.split(",") if name.strip()]
    if not names:
        names = [str(index) for index in range(count)]
    return [f"gpu-{name}" for name in names[:count]]


def numbered_gpus(numbers: Iterable[int]) -> list[str]:
    """Return the names of GPUs of another machine as ranks there number them: `cuda:0` is the first they see.

    Only that machine can tell which GPU it is.
    """
    return [f"cuda:{number}" for number in numbers]
