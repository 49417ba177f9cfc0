"""Screens are drawn the same for everybody: nothing of the shell that runs the tests reaches Textual."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from tui.text import ascii_only

# Textual reads these when it is imported, so they go before any test module imports it. The snapshot plugin
# hands its own folder on in one of them.
for _name in list(os.environ):
    if _name == "TRTBENCH_ASCII" or (_name.startswith("TEXTUAL_") and "SNAPSHOT" not in _name):
        del os.environ[_name]
os.environ.pop("NO_COLOR", None)
os.environ.pop("TRTBENCH_THEME", None)
os.environ["TERM"] = "xterm-256color"
os.environ["COLORTERM"] = "truecolor"  # pictures show the colours of the themes

BASELINE_PYTHON = (3, 11)


def pytest_configure(config: pytest.Config) -> None:
    if getattr(config.option, "update_snapshots", False) and sys.version_info[:2] != BASELINE_PYTHON:
        wanted = ".".join(map(str, BASELINE_PYTHON))
        raise pytest.UsageError(f"snapshots are made with Python {wanted} only")


@pytest.fixture(autouse=True)
def encoding_is_asked_again() -> Iterator[None]:
    """Whether the terminal needs ASCII is found out once a process; here once a test."""
    ascii_only.cache_clear()
    yield
    ascii_only.cache_clear()
