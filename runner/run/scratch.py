"""The scratch folder of a run for shared memory and launcher sessions; removed when the run ends."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from runner.util import disk

SHARED_MEMORY = Path("/dev/shm")
PLACES = (SHARED_MEMORY, Path("/tmp"), Path("/var/tmp"))
"""Where the folder may be, the best first: shared memory in other places is backed by a disk."""
RANK_BYTES = 20 << 20
"""Shared memory that Open MPI maps for a rank; without it, the rank dies of a bus error."""


def scratch_dirs(run_dir: Path) -> list[Path]:
    """Return every possible scratch folder of a run, the best first.

    The paths are short because launchers put sockets in them (limit 108 bytes).
    """
    name = f"trtbench-{hashlib.blake2s(run_dir.name.encode(), digest_size=4).hexdigest()}"
    return [*(place / name for place in PLACES), run_dir / "scratch"]


def make_scratch(run_dir: Path, ranks: int) -> tuple[Path, str]:
    """Create the scratch folder of a run, in the first place with room for the shared memory of its ranks.

    Returns:
        The folder, and why it is not in shared memory; empty: it is there.

    Raises:
        OSError: no place can be written, or none has room.
    """
    problems: list[OSError] = []
    for folder in scratch_dirs(run_dir):
        try:
            _create(folder, ranks * RANK_BYTES)
        except OSError as error:
            problems.append(error)
        else:
            return folder, _reason(problems[0], folder) if problems else ""
    raise problems[0]


def remove_scratch(run_dir: Path) -> None:
    """Remove the scratch folder of a run, wherever it is."""
    for folder in scratch_dirs(run_dir):
        shutil.rmtree(folder, ignore_errors=True)


def _create(folder: Path, needed: int) -> None:
    # Not an existing folder: another user may have created it in a place that all users may write to.
    folder.mkdir(mode=0o700)
    free = disk.free_bytes(folder)
    if free is not None and free < needed:
        folder.rmdir()
        text = f"only {free >> 20} MiB are free, and the ranks need {needed >> 20} MiB for shared memory"
        raise OSError(0, text, str(folder))


def _reason(problem: OSError, folder: Path) -> str:
    place = os.path.dirname(problem.filename)
    return (
        f"{place} cannot be used ({problem.strerror}), so shared memory of the ranks is in {folder.parent}:"
        " communication of ranks may be slower"
    )
