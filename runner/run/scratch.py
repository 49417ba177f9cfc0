"""A run's folder for shared memory and launcher sessions: found by its name, removed when the run ends."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path


def scratch_dir(run: str) -> Path:
    """Where a run keeps shared memory; short, because launchers put sockets below it (108 bytes of path)."""
    root = Path("/dev/shm")
    if not root.is_dir():
        root = Path(tempfile.gettempdir())
    return root / f"trtbench-{hashlib.blake2s(run.encode(), digest_size=4).hexdigest()}"
