"""What the screens of sweeps and tunings share: reading in a worker, and the keys."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from textual.message import Message

from runner.run.liveness import is_mirror, mirror_problem
from runner.sweep.progress import ENDED
from runner.util.errors import UserError
from runner.util.formatting import command
from tui.framework.keymap import Key, KeyState
from tui.framework.rows import Panel
from tui.framework.run_header import short_id
from tui.framework.screen import KeyedScreen
from tui.plots.throughput_latency import TradeData
from tui.text import plain_text

if TYPE_CHECKING:
    from tui.screens.sweep.remote import RemoteSweep

ALWAYS = ("quit", "help", "back", "runs", "home", "app.next_theme", "app.command_palette")
"""actions that need no content"""


class Reader(Protocol):
    """Reads the directory of a sweep; called in a worker, once at a time."""

    def read(self) -> object:
        """Return what the sweep is now.

        Raises:
            UserError: it cannot be read; it is not read again.
        """


class SweepScreen(KeyedScreen):
    """A screen about the sweep in a directory.

    It reads in a worker and posts `Loaded`, which the screen of the kind of sweep draws. Its panels `#header`
    and `#trades` show that it is reading, and why it cannot.
    """

    what: ClassVar[str] = "sweep"
    """for questions and messages"""
    poll_s: ClassVar[float] = 0.5
    """seconds between two readings"""

    @dataclass
    class Loaded(Message):
        """The sweep was read."""

        content: Any

    @dataclass
    class Failed(Message):
        """The sweep cannot be read; the screen has nothing to show."""

        error: UserError

    def __init__(self, directory: Path, reader: Reader, hosts: str) -> None:
        super().__init__()
        self.directory = directory
        self.remote: RemoteSweep | None = None
        """None: a sweep of this machine, or one without a connection"""
        self._hosts = hosts
        self.status = ""
        """of the sweep; empty: nothing was read yet"""
        self._reader = reader
        self._busy = False
        self._broken = False

    def on_mount(self) -> None:
        self._panel("#header").update(())
        self._panel("#trades").update(TradeData(empty=f"reading the {self.what} ..."))
        self.show_keys()
        if is_mirror(self.directory):
            self._connect()
        self._poll()
        self.set_interval(self.poll_s, self._poll)

    def _connect(self) -> None:
        """Keep the copy of a sweep of another machine up to date."""
        from tui.screens.sweep.remote import RemoteSweep

        try:
            self.remote = RemoteSweep(self, self.app.fleet_of(self._hosts), self.directory)
        except UserError as error:
            self.app.notify_error(error)

    def on_unmount(self) -> None:
        if self.remote is not None:
            self.remote.close()

    def _panel(self, name: str) -> Panel[Any]:
        return self.query_one(name, Panel)

    # --- reading ----------------------------------------------------------------------------------------

    def _poll(self) -> None:
        if not self._busy and not self._broken and self.is_current:
            self._busy = True
            self.run_worker(self._read, thread=True, group="sweep")

    def _read(self) -> None:
        try:
            self.post_message(self.Loaded(self._reader.read()))
        except UserError as error:
            self.post_message(self.Failed(error))

    def on_sweep_screen_loaded(self, message: Loaded) -> None:
        self._busy = False

    def on_sweep_screen_failed(self, message: Failed) -> None:
        self._busy, self._broken = False, True
        self._panel("#trades").update(TradeData(empty=plain_text(str(message.error).splitlines()[0])))
        self.show_keys()

    # --- keys -------------------------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Whether the sweep was read and does not run."""
        return self.status in ENDED

    def key_states(self) -> tuple[KeyState, ...]:
        return ("running",) if self.status and not self.ended else ("ended",)

    def is_key_enabled(self, key: Key) -> bool:
        """Hide keys that have nothing to act on until the sweep is read."""
        return super().is_key_enabled(key) and (bool(self.status) or key.action.partition("(")[0] in ALWAYS)

    def open_run(self, run_dir: Path, *, live: bool) -> None:
        """Open a run of the sweep: the live screen or the result; that of another machine is copied first."""
        if self.remote is not None:
            self.remote.copy(
                [run_dir.name], whole=not live, then=lambda copies: self._open_run(copies[0], live=live)
            )
        else:
            self._open_run(run_dir, live=live)

    def _open_run(self, run_dir: Path, *, live: bool) -> None:
        from runner.history.run_feed import open_feed

        try:
            if live:
                self.app.open_live(open_feed(run_dir))
            elif run_dir.is_dir():
                self.app.open_result(run_dir)
            else:
                raise UserError(f"run {run_dir.name} was deleted")
        except UserError as error:
            self.app.notify_error(error)

    def compare(self, sides: tuple[str, ...]) -> None:
        """Compare sides, each runs with commas between them; those of another machine are copied first."""
        runs = list(dict.fromkeys(run for side in sides for run in side.split(",")))
        remote = self.remote
        if remote is None:
            self.app.open_compare(sides)
            return

        def then(copies: list[Path]) -> None:
            by_run = dict(zip(runs, map(str, copies), strict=True))
            self.app.open_compare(tuple(",".join(by_run[run] for run in side.split(",")) for side in sides))

        remote.copy(runs, whole=True, then=then)

    def show_keys(self, note: str = "") -> None:
        """Update the footer; it says what is being copied."""
        super().show_keys(note or (self.remote.copies.note if self.remote is not None else ""))

    def action_plot(self) -> None:
        self.toggle_class("-plot")

    def action_back(self) -> None:
        if self.has_class("-plot"):
            self.remove_class("-plot")
        else:
            self.app.back()

    async def action_stop(self) -> None:
        from runner.sweep.control import stop_sweep
        from tui.screens.dialogs.confirm import ask_to_stop

        consequence = (
            f"The current run is stopped. Its measurements are kept; the {self.what} can be resumed."
        )
        if is_mirror(self.directory) and mirror_problem(self.directory):
            consequence = "Its machine does not answer; it is asked to stop as soon as it does."
        await ask_to_stop(
            self.app, stop_sweep, self.directory, f"this {self.what}", consequence, name=f"the {self.what}"
        )

    def action_start(self) -> None:
        self.resume()

    def resume(self, *, failed_too: bool = False) -> None:
        """Resume the sweep in a worker, which reports an error itself."""

        remote = self.remote

        def work() -> None:
            from runner.sweep import control

            try:
                if remote is not None:
                    remote.resume(failed_too=failed_too)
                else:
                    control.resume_sweep(self.directory, failed_too=failed_too)
            except UserError as error:
                self.app.call_from_thread(self.app.notify_error, error)

        self.run_worker(work, thread=True, group="resume")

    def action_quit(self) -> None:
        """Leave the dashboard, and say how to come back to a sweep that runs."""
        name = short_id(self.directory.name)
        where = " on its machine" if is_mirror(self.directory) else f": {command('attach', name)}"
        continues = f"{self.what} {name} continues{where}"
        self.app.leave(message=continues if self.status and not self.ended else "")
