"""The scratch folder of a run for shared memory and launcher sessions; removed when the run ends."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path


def scratch_dir(run: str) -> Path:
    """Return the scratch folder; the path is short because launchers put sockets in it (limit 108 bytes)."""
    root = Path("/dev/shm")
    if not root.is_dir():
        root = Path(tempfile.gettempdir())
    return root / f"trtbench-{hashlib.blake2s(run.encode(), digest_size=4).hexdigest()}"
