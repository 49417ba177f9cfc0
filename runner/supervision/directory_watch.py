"""Whether the run directory can be used: a network file system may be away for a while, and come back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

AWAY_S = 300.0
"""How long the directory may be away before the run is ended."""
POLL_S = 0.1


def look(run_dir: Path) -> Literal["there", "deleted", "away"]:
    """Return the state of a run directory: without its parent, or with an error, its file system is away."""
    try:
        run_dir.stat()
    except FileNotFoundError:
        return "deleted" if run_dir.parent.is_dir() else "away"
    except OSError:
        return "away"
    return "there"


@dataclass(slots=True)
class DirectoryWatch:
    """Follows the state of the directory of a run."""

    run_dir: Path
    warn: Callable[[str], None]
    _away_since: float | None = None

    def check(self, now: float) -> str:
        """Return why the run must end, empty: it need not; called about once a second (monotonic, s)."""
        found = look(self.run_dir)
        if found == "deleted" and self._away_since is None:
            return "the run directory was deleted"
        if found == "there":
            if self._away_since is not None:
                self.warn(
                    f"the file system of the run directory is back after {now - self._away_since:.0f} s"
                )
            self._away_since = None
            return ""
        if self._away_since is None:
            self._away_since = now
            self.warn("the file system of the run directory is away: the run writes its log later")
        if now > self._away_since + AWAY_S:
            return f"the file system of the run directory was away for {AWAY_S:.0f} s"
        return ""

    def wait(self, stop_wanted: Callable[[], bool], idle: Callable[[], object]) -> None:
        """Wait until the directory is there, for a limited time."""
        until = time.monotonic() + AWAY_S
        while look(self.run_dir) == "away" and time.monotonic() < until and not stop_wanted():
            idle()
            time.sleep(POLL_S)
