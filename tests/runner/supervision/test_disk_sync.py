"""What is brought to the disk, and when."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.supervision import disk_sync
from runner.supervision.disk_sync import DiskSync


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of what was flushed since the list was cleared."""
    names: list[str] = []

    def note(file: int) -> None:
        names.append(Path(os.readlink(f"/proc/self/fd/{file}")).name)

    monkeypatch.setattr(os, "fsync", note)
    monkeypatch.setattr(os, "fdatasync", note)
    return names


def test_a_pass_flushes_what_changed_and_its_folders(tmp_path: Path, synced: list[str]) -> None:
    run_dir = tmp_path / "runs" / "run"
    records = run_dir / "ranks" / "0" / "0.jsonl"
    records.parent.mkdir(parents=True)
    os.mkfifo(run_dir / "pipe")
    (run_dir / "link").symlink_to("/dev/zero")
    for path in (records, run_dir / "events.jsonl", run_dir / "0-benchmark.log"):
        path.write_text("x")
    disk = DiskSync(run_dir)
    disk.sync()
    everything = ["0", "0-benchmark.log", "0.jsonl", "events.jsonl", "ranks", "run", "runs"]
    assert sorted(synced) == everything
    synced.clear()
    with open(records, "a") as file:
        file.write("y")
    disk.finish()
    assert synced == ["0.jsonl"]


def test_passes_have_a_distance(tmp_path: Path, synced: list[str]) -> None:
    disk = DiskSync(tmp_path)
    disk.start_if_due(100.0)
    disk.finish()
    (tmp_path / "events.jsonl").write_text("x")
    synced.clear()
    disk.start_if_due(100.0 + disk_sync.PERIOD_S - 0.1)
    assert synced == []
    disk.start_if_due(100.0 + disk_sync.PERIOD_S)
    disk.finish()
    assert "events.jsonl" in synced
