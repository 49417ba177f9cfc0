"""The memory of the GPUs of this machine, as nvidia-smi shows it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Collection

FREE_S = 30.0
"""How long the driver may take to free the memory of a process that has ended."""
_QUERY = ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]


def holders() -> dict[int, str]:
    """Return the processes that hold memory of a GPU, and how much, MiB."""
    lines = subprocess.run(_QUERY, capture_output=True, text=True, check=True).stdout.splitlines()
    return {int(pid): used.strip() for pid, _, used in (line.partition(",") for line in lines)}


def wait_until_free(members: Collection[int]) -> tuple[list[str], float]:
    """Wait until no process of a run, and no process that has ended, holds memory of a GPU.

    Returns:
        What does not hold, and the seconds that it took.
    """
    began = time.monotonic()
    while True:
        held = holders()
        left = {
            pid: used for pid, used in held.items() if pid in members or not os.path.exists(f"/proc/{pid}")
        }
        seconds = time.monotonic() - began
        if not left or seconds > FREE_S:
            return [f"process {pid} holds {used} MiB of a GPU" for pid, used in left.items()], seconds
