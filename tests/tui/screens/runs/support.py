"""Runs for tests of the list of runs."""

from __future__ import annotations

import pytest

from runner.run import layout
from runner.util import paths
from tests.support import world


def some_runs() -> None:
    world.create_ended_run("aaaa", "quickstart", "finished", ago=180)
    world.create_ended_run("bbbb", "torch-1gpu", "failed", ago=7200, cause="rank 1 ran out of memory")
    world.create_ended_run("cccc", "quickstart", "stopped", ago=86400)
    world.create_ended_run(
        "dddd", "quickstart", "lost", ago=400 * 86400.0, cause="the run was lost: the machine restarted"
    )


def foreign() -> None:
    """Directories among the runs that are no runs, or of another program."""
    for name, content in (
        ("20260101T120000Z_stranger_0001", None),
        ("20260101T110000Z_torn_0002", b'{"engi'),
    ):
        folder = paths.runs_dir() / name
        folder.mkdir(parents=True)
        if content is not None:
            (folder / layout.PLAN).write_bytes(content)


def steady_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """File systems differ in how they count."""
    monkeypatch.setattr("runner.history.reader.disk_use", lambda path: 28 << 10)
