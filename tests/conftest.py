"""Every test works in a home of its own: no run, profile or lock of the person at the keyboard takes part."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that holds runs, profiles and locks of one test."""
    home = tmp_path / "home"
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TRTBENCH_HOME", str(home / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return home
