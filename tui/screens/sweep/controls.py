"""What the screens of sweeps and tunings share: open a run, stop, resume, leave."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from runner import paths
from runner.errors import UserError
from runner.util.formatting import command
from tui.framework.run_header import short_id
from tui.framework.screen import KeyedScreen


class SweepControls(KeyedScreen):
    """A screen about the sweep in a directory."""

    what: ClassVar[str] = "sweep"
    """for questions and messages"""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.directory = directory

    def open_run(self, run: str, *, live: bool) -> None:
        """Open a run of the sweep: the live screen or the result."""
        from runner.history.run_feed import open_feed

        run_dir = paths.runs_dir() / run
        try:
            if live:
                self.app.open_live(open_feed(run_dir))
            elif run_dir.is_dir():
                self.app.open_result(run_dir)
            else:
                raise UserError(f"run {run} was deleted")
        except UserError as error:
            self.app.notify_error(error)

    async def action_stop(self) -> None:
        from runner.sweep.control import stop_sweep
        from tui.screens.dialogs.confirm import ask_to_stop

        consequence = (
            f"The current run is stopped. Its measurements are kept; the {self.what} can be resumed."
        )
        await ask_to_stop(
            self.app, stop_sweep, self.directory, f"this {self.what}", consequence, name=f"the {self.what}"
        )

    def action_start(self) -> None:
        self.resume()

    def resume(self, *, failed_too: bool = False) -> None:
        """Resume the sweep in a worker, which reports an error itself."""

        def work() -> None:
            from runner.sweep import control

            try:
                control.resume_sweep(self.directory, failed_too=failed_too)
            except UserError as error:
                self.app.call_from_thread(self.app.notify_error, error)

        self.run_worker(work, thread=True, group="resume")

    def leave_running(self) -> None:
        """Leave the dashboard, and say how to come back."""
        name = short_id(self.directory.name)
        self.app.leave(message=f"{self.what} {name} continues: {command('attach', name)}")
