"""The HTML report of a run where its reader can open it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from runner import paths
from runner.errors import UserError
from runner.export import formats


def reports_dir() -> Path:
    """Reports lie beside the runs: nothing changes in the directory of a run that has ended."""
    return paths.state_home() / "reports"


def write(run_dir: Path) -> Path:
    """Write the HTML report; returns its file.

    Raises:
        UserError: the run cannot be read, or the file cannot be written.
    """
    target = reports_dir()
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{target}: cannot be made: {error.strerror}") from None
    path = target / f"{run_dir.name}.html"
    formats.export(run_dir, "html", path)
    return path


def show(path: Path) -> bool:
    """Open a file in the browser of this desktop; False where there is none, as over ssh."""
    opener = _opener()
    if opener is None:
        return False
    try:
        subprocess.Popen(
            [opener, str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    return True


def _opener() -> str | None:
    """The desktop's own command, where there is a desktop: a browser in this terminal would draw over us."""
    if any(name in os.environ for name in ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")):
        return None
    if sys.platform == "darwin":
        return shutil.which("open")
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return shutil.which("xdg-open")
    return None
