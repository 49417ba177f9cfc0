"""The command `trtbench-tui`: the commands of `runner.cli` plus the dashboard. Fast to import."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from runner.util import imports

with imports.uncollected():
    from runner.cli import dashboard
    from runner.cli.main import main as run_command
    from runner.cli.places import DashboardPlace


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; `argv` defaults to the arguments of the process."""
    dashboard.open_app = _open_app
    return run_command(argv)


def _open_app(place: DashboardPlace) -> int:
    with imports.uncollected():
        from tui.app import run_app  # Textual takes a third of the start, and most commands do not draw

    return run_app(place)


if __name__ == "__main__":
    sys.exit(main())
