"""The tuning screen: the best points so far, which options matter, and what is left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from runner.cli.places import TunePlace
from runner.sweep.board import Board
from runner.sweep.tune.view import TuneView
from runner.util.exit_codes import ExitCode
from tui.framework.keymap import Key, bindings
from tui.framework.rows import Panel
from tui.framework.screen import KeyFooter
from tui.framework.titles import set_title
from tui.plots.throughput_latency import draw_trades
from tui.screens.sweep.base import SweepScreen
from tui.screens.sweep.sweep_lines import draw_sweep_header, draw_sweep_progress
from tui.screens.tune.keys import KEYS
from tui.screens.tune.tune_lines import (
    NARROW,
    Points,
    draw_answer,
    draw_effects,
    draw_points,
    draw_pruned,
    trade_data,
)

if TYPE_CHECKING:
    from runner.sweep.tune.view import TuneFeed

TITLES = {
    "points": "points, the best first",
    "effects": "which options matter",
    "trades": "tokens/s over latency, ms",
    "pruned": "without a number",
}


@dataclass(frozen=True)
class Tuning:
    """What the screen shows."""

    board: Board
    view: TuneView


@dataclass
class TuneReader:
    """Reads what was added to the directory of a tuning since the last time."""

    directory: Path
    feed: TuneFeed | None = None

    def read(self) -> Tuning:
        from runner.sweep.sweep_feed import SweepFeed
        from runner.sweep.tune.study import require_optuna
        from runner.sweep.tune.view import TuneFeed

        if self.feed is None:
            require_optuna()
            self.feed = TuneFeed(SweepFeed(self.directory))
        self.feed.sweep.drain()
        return Tuning(self.feed.sweep.board(numbers=False), self.feed.view())


class TuneScreen(SweepScreen):
    """Draws the state of the tuning."""

    CSS_PATH = "screen.tcss"
    screen_name = "tune"
    own_keys = KEYS
    what = "tuning"
    poll_s = 1.0
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(KEYS)]

    def __init__(self, directory: Path, hosts: str = "") -> None:
        self.reader = TuneReader(directory)
        super().__init__(directory, self.reader, hosts)
        self.shown: Tuning | None = None
        self._at = 0

    def compose(self) -> ComposeResult:
        yield Panel(draw_sweep_header, id="header")
        yield Panel(draw_sweep_progress, id="progress")
        with Container(id="tune-body"):
            yield Panel(draw_points, id="points", classes="framed")
            with Container(id="tune-lower"):
                yield Panel(draw_effects, id="effects", classes="framed")
                yield Panel(draw_trades, id="trades", classes="framed")
                yield Panel(draw_pruned, id="pruned", classes="framed")
        yield Panel(draw_answer, id="answer")
        yield KeyFooter()

    def on_mount(self) -> None:
        for name, title in TITLES.items():
            set_title(self.query_one(f"#{name}"), title)

    # --- showing ----------------------------------------------------------------------------------------

    def on_sweep_screen_loaded(self, message: SweepScreen.Loaded) -> None:
        self.shown = message.content
        self._show()

    def _show(self) -> None:
        if self.shown is None:
            return
        board, view = self.shown.board, self.shown.view
        self.status = view.status
        self._at = max(0, min(self._at, len(view.points) - 1))
        self._panel("#header").update(board)
        self._panel("#progress").update(board)
        self._panel("#points").update(Points(view, self._at))
        self._panel("#effects").update(view)
        self._panel("#pruned").update(view)
        self._panel("#answer").update(view)
        self._panel("#trades").update(trade_data(view, self._at))
        self.set_class(self.size.width < NARROW, "-narrow")
        self.show_keys()

    def on_resize(self) -> None:
        self._show()

    # --- keys -------------------------------------------------------------------------------------------

    def is_key_enabled(self, key: Key) -> bool:
        if not super().is_key_enabled(key):
            return False
        action = key.action.partition("(")[0]
        if action == "start":
            return self.ended and self.status != "finished"
        points = self.shown.view.points if self.shown is not None else ()
        return action not in ("open", "move") or bool(points)

    def move_rows(self, by: int) -> None:
        self._at += by
        self._show()

    def rows_of_page(self) -> int:
        return max(1, self.query_one("#points").size.height - 1)

    def action_open(self) -> None:
        """Open the newest run of the selected point."""
        if self.shown is not None and self.reader.feed is not None and self.shown.view.points:
            cell = self.shown.view.points[self._at].cell
            feed = self.reader.feed.sweep
            runs = [note for note in feed.progress.runs.values() if note.slot.cell == cell]
            if runs:
                self.open_run(feed.files.run_dir(runs[-1].run), live=runs[-1].ended is None)

    def action_copy(self) -> None:
        if self.shown is not None:
            from runner.sweep.tune.tune_text import render

            self.app.copy_to_clipboard(render(self.shown.view))
            self.notify("tuning copied to the clipboard of your terminal, as text", timeout=3)

    def action_quit(self) -> None:
        """Leave with the exit code of an ended tuning."""
        if self.shown is None or not self.ended:
            super().action_quit()
        elif self.status == "finished":
            self.app.leave(ExitCode.OK if self.shown.view.best is not None else ExitCode.RUN_FAILED)
        else:
            from runner.cli.sweep_narration import sweep_exit_code

            self.app.leave(sweep_exit_code(self.shown.board))


def open_screen(place: TunePlace) -> TuneScreen:
    return TuneScreen(place.directory, place.hosts)
