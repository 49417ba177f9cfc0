"""Write the HTML report of a run or a comparison and open it in a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from runner.compare.comparison import Comparison
from runner.export import comparison_html, formats
from runner.util import paths
from runner.util.errors import UserError

MOST_NAMES = 8
"""number of sides that the name of a file of a comparison contains"""


def reports_dir() -> Path:
    """Return the directory of HTML reports; the directory of a run that ended never changes."""
    return paths.state_home() / "reports"


def write(run_dir: Path) -> Path:
    """Write the HTML report and return its path.

    Raises:
        UserError: the run cannot be read, or the file cannot be written.
    """
    path = _reports_dir() / f"{run_dir.name}.html"
    formats.export(run_dir, "html", path)
    return path


def write_comparison(comparison: Comparison) -> Path:
    """Write the HTML page of a comparison and return its path.

    Raises:
        UserError: the file cannot be written.
    """
    names = "-".join(side.runs[0].rpartition("_")[2] for side in comparison.sides[:MOST_NAMES])
    path = _reports_dir() / f"compare-{names}.html"
    comparison_html.write(comparison, path)
    return path


def _reports_dir() -> Path:
    target = reports_dir()
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{target}: cannot be created: {error.strerror}") from None
    return target


def show(path: Path) -> bool:
    """Open a file in the browser of the desktop; return False without a desktop, for example over ssh."""
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
    """Return the opener of the desktop; None without one, where a text browser would take the terminal."""
    if any(name in os.environ for name in ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT")):
        return None
    if sys.platform == "darwin":
        return shutil.which("open")
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return shutil.which("xdg-open")
    return None
