"""The tuning screen: the best points so far, which options matter, and what is left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.message import Message

from runner.cli.places import TunePlace
from runner.errors import ExitCode, UserError
from runner.sweep.board import Board
from runner.sweep.progress import ENDED
from runner.sweep.tune.view import TuneView
from tui.framework.keymap import Key, KeyState, bindings
from tui.framework.rows import Panel
from tui.framework.screen import KeyFooter
from tui.framework.titles import set_title
from tui.plots.throughput_latency import TradeData, draw_trades
from tui.screens.sweep.controls import SweepControls
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
from tui.text import plain_text

if TYPE_CHECKING:
    from runner.sweep.tune.view import TuneFeed

POLL_S = 1.0
TITLES = {
    "points": "points, the best first",
    "effects": "which options matter",
    "trades": "tokens/s over latency, ms",
    "pruned": "without a number",
}


class TuneScreen(SweepControls):
    """Reads the tuning in a worker and draws changes."""

    CSS_PATH = "screen.tcss"
    screen_name = "tune"
    own_keys = KEYS
    what = "tuning"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(KEYS)]

    @dataclass
    class Loaded(Message):
        """The tuning was read."""

        board: Board
        view: TuneView

    @dataclass
    class Failed(Message):
        """The tuning cannot be read; the screen has nothing to show."""

        error: UserError

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.view: TuneView | None = None
        self._board: Board | None = None
        self._at = 0
        self._feed: TuneFeed | None = None
        self._busy = False
        self._broken = False

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
        self._panel("#header").update(())
        self._panel("#trades").update(TradeData(empty="reading the tuning ..."))
        self.show_keys()
        self._poll()
        self.set_interval(POLL_S, self._poll)

    def _panel(self, name: str) -> Panel[Any]:
        return self.query_one(name, Panel)

    # --- reading ----------------------------------------------------------------------------------------

    def _poll(self) -> None:
        if not self._busy and not self._broken and self.is_current:
            self._busy = True
            self.run_worker(self._read, thread=True, group="tune")

    def _read(self) -> None:
        from runner.sweep.sweep_feed import SweepFeed
        from runner.sweep.tune.study import require_optuna
        from runner.sweep.tune.view import TuneFeed

        try:
            if self._feed is None:
                require_optuna()
                self._feed = TuneFeed(SweepFeed(self.directory))
            self._feed.sweep.drain()
            self.post_message(self.Loaded(self._feed.sweep.board(numbers=False), self._feed.view()))
        except UserError as error:
            self.post_message(self.Failed(error))

    def on_tune_screen_loaded(self, message: Loaded) -> None:
        self._busy = False
        self._board, self.view = message.board, message.view
        self._show()

    def on_tune_screen_failed(self, message: Failed) -> None:
        self._busy, self._broken = False, True
        self._panel("#trades").update(TradeData(empty=plain_text(str(message.error).splitlines()[0])))
        self.show_keys()

    def _show(self) -> None:
        view = self.view
        if view is None or self._board is None:
            return
        self._at = max(0, min(self._at, len(view.points) - 1))
        self._panel("#header").update(self._board)
        self._panel("#progress").update(self._board)
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

    def key_states(self) -> tuple[KeyState, ...]:
        if self.view is None:
            return ("ended",)
        return ("ended",) if self.view.status in ENDED else ("running",)

    def is_key_enabled(self, key: Key) -> bool:
        if not super().is_key_enabled(key):
            return False
        action = key.action.partition("(")[0]
        if self.view is None:
            return action in ("quit", "help", "back", "runs", "home", "app.next_theme", "app.command_palette")
        if action == "start":
            return self.view.status in ENDED and self.view.status != "finished"
        return action not in ("open", "move") or bool(self.view.points)

    def move_rows(self, by: int) -> None:
        self._at += by
        self._show()

    def rows_of_page(self) -> int:
        return max(1, self.query_one("#points").size.height - 1)

    def action_open(self) -> None:
        """Open the newest run of the selected point."""
        if self.view is not None and self._feed is not None and self.view.points:
            cell = self.view.points[self._at].cell
            runs = [note for note in self._feed.sweep.progress.runs.values() if note.slot.cell == cell]
            if runs:
                self.open_run(runs[-1].run, live=runs[-1].ended is None)

    def action_plot(self) -> None:
        self.toggle_class("-plot")

    def action_copy(self) -> None:
        if self.view is not None:
            from runner.sweep.tune.tune_text import render

            self.app.copy_to_clipboard(render(self.view))
            self.notify("tuning copied to the clipboard of your terminal, as text", timeout=3)

    def action_back(self) -> None:
        if self.has_class("-plot"):
            self.remove_class("-plot")
        else:
            self.app.back()

    def action_quit(self) -> None:
        if self.view is None:
            self.app.leave()
        elif self.view.status not in ENDED:
            self.leave_running()
        elif self.view.status == "finished":
            self.app.leave(ExitCode.OK if self.view.best is not None else ExitCode.RUN_FAILED)
        elif self._board is not None:
            from runner.cli.sweep_narration import sweep_exit_code

            self.app.leave(sweep_exit_code(self._board))


def open_screen(place: TunePlace) -> TuneScreen:
    return TuneScreen(place.directory)
