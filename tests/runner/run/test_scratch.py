"""The folder for shared memory: in /dev/shm, or where there is room."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.run import scratch
from runner.util import disk


def test_the_first_place_with_room_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_dir, broken, small, good = (tmp_path / name for name in ("run", "broken", "small", "good"))
    broken.write_text("no folder")
    for folder in (run_dir, small, good):
        folder.mkdir()
    monkeypatch.setattr(
        disk, "free_bytes", lambda folder: (4 << 20) if folder.is_relative_to(small) else 1 << 40
    )

    monkeypatch.setattr(scratch, "PLACES", (good, small))
    assert scratch.make_scratch(run_dir, 2) == (scratch.scratch_dirs(run_dir)[0], "")
    # A folder that exists may belong to another user: it is left alone.
    monkeypatch.setattr(scratch, "PLACES", (small, good))
    folder, reason = scratch.make_scratch(run_dir, 2)
    assert folder == run_dir / "scratch"
    assert reason == (
        f"{small} cannot be used (only 4 MiB are free, and the ranks need 40 MiB for shared memory), so"
        f" shared memory of the ranks is in {run_dir}: communication of ranks may be slower"
    )
    scratch.remove_scratch(run_dir)
    monkeypatch.setattr(scratch, "PLACES", (broken, small))
    assert scratch.make_scratch(run_dir, 2)[1].startswith(f"{broken} cannot be used (Not a directory)")
    scratch.remove_scratch(run_dir)
    assert [*small.iterdir(), *good.iterdir(), *run_dir.iterdir()] == []
