"""A headless Chromium, if one is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True)
class Seen:
    dom: str
    console: list[str]
    """messages of the page and of the browser on the console"""


def browser() -> str:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is on PATH; `apt install chromium` installs one")
    return found


def look_at(page: Path) -> Seen:
    """Open a page from disk and wait until it has loaded."""
    words = [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1100,900"]
    words += ["--enable-logging=stderr", "--disable-background-networking"]
    # The browser creates a socket in its profile, which needs a short path.
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as profile:
        words += [f"--user-data-dir={profile}", "--dump-dom", f"file://{page}"]
        env = {**os.environ, "TMPDIR": profile}
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True, env=env)
    return Seen(done.stdout, [line for line in done.stderr.splitlines() if ":CONSOLE" in line])
