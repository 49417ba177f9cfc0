"""The sweep screen: cells in a matrix, throughput over latency, and the runs of a cell."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical

from runner.cli.places import SweepPlace
from runner.sweep.pareto import PER_TEXT
from runner.sweep.progress import ENDED
from runner.sweep.spec import LENGTHS
from tui.framework.keymap import Key, bindings
from tui.framework.rows import Panel
from tui.framework.screen import KeyFooter
from tui.framework.titles import set_title
from tui.plots.throughput_latency import TradeData, TradePoint, draw_trades
from tui.screens.sweep.base import SweepScreen
from tui.screens.sweep.keys import KEYS
from tui.screens.sweep.sweep_lines import draw_point, draw_sweep_header, draw_sweep_progress
from tui.screens.sweep.sweep_matrix import draw_legend, draw_matrix, draw_pareto, heading
from tui.screens.sweep.view import BoardView, first_board_view
from tui.text import plain_text

if TYPE_CHECKING:
    from runner.sweep.board import Board
    from runner.sweep.sweep_feed import SweepFeed

SIDE_BY_SIDE = 120
"""From this width on the matrix and the plot can be side by side."""


@dataclass
class BoardReader:
    """Reads what was added to the directory of a sweep since the last time."""

    directory: Path
    feed: SweepFeed | None = None

    def read(self) -> Board:
        from runner.sweep.sweep_feed import SweepFeed

        if self.feed is None:
            self.feed = SweepFeed(self.directory)
        self.feed.drain()
        return self.feed.board()


class BoardScreen(SweepScreen):
    """Draws the board of the sweep."""

    CSS_PATH = "screen.tcss"
    screen_name = "sweep"
    own_keys = KEYS
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(KEYS),
        *(Binding(str(number), f"open({number})", "open a run", show=False) for number in range(2, 10)),
    ]

    def __init__(self, directory: Path, hosts: str = "") -> None:
        self.reader = BoardReader(directory)
        super().__init__(directory, self.reader, hosts)
        self.view: BoardView | None = None

    def compose(self) -> ComposeResult:
        yield Panel(draw_sweep_header, id="header")
        yield Panel(draw_sweep_progress, id="progress")
        with Container(id="sweep-body"):
            with Vertical(id="matrix-frame", classes="framed"):
                yield Panel(draw_matrix, id="matrix")
                yield Panel(draw_pareto, id="pareto")
                yield Panel(draw_legend, id="legend")
            yield Panel(draw_trades, id="trades", classes="framed")
        yield Panel(draw_point, id="point")
        yield KeyFooter()

    def on_sweep_screen_loaded(self, message: SweepScreen.Loaded) -> None:
        board: Board = message.content
        self._show(self.view.with_board(board) if self.view else first_board_view(board))

    # --- showing ----------------------------------------------------------------------------------------

    def _show(self, view: BoardView) -> None:
        self.view, self.status = view, view.board.status
        self._panel("#header").update(view.board)
        self._panel("#progress").update(view.board)
        self._panel("#matrix").update(view)
        self._panel("#pareto").update(view)
        self._panel("#legend").update(view)
        self._panel("#point").update(view)
        self._panel("#trades").update(trade_data(view))
        self._title("#matrix-frame", matrix_title(view))
        lengths = f", in/out {view.lengths}" if view.lengths else ""
        self._title("#trades", f"{PER_TEXT[view.per]} over latency, ms{lengths}")
        self._update_layout()
        self.show_keys()

    def on_resize(self) -> None:
        self._update_layout()

    def _update_layout(self) -> None:
        """Put a long matrix to the left of the plot if it fits, a short one above it."""
        if self.view is not None:
            rows = len(self.view.matrix.row_heads)
            self.set_class(self.size.width >= SIDE_BY_SIDE and rows * 3 > self.size.height, "-beside")

    def _title(self, name: str, text: str) -> None:
        set_title(self.query_one(name), plain_text(text))

    def is_key_enabled(self, key: Key) -> bool:
        if not super().is_key_enabled(key):
            return False
        action = key.action.partition("(")[0]
        view = self.view
        if view is None:
            return True
        if action == "start":
            return self._resumable
        if action == "slice":
            return view.slice_number[1] > 1
        if action == "switch_axes":
            return not view.of_metrics
        return action != "open" or bool(view.point and view.point.runs)

    @property
    def _resumable(self) -> bool:
        if self.view is None:
            return False
        board = self.view.board
        return board.status in ENDED and (
            board.status != "finished" or any(point.state == "failed" for point in board.points)
        )

    # --- keys -------------------------------------------------------------------------------------------

    def move_rows(self, by: int) -> None:
        if self.view is not None:
            self._show(self.view.move(by, 0))

    def action_across(self, columns: int) -> None:
        if self.view is not None:
            self._show(self.view.move(0, columns))

    def action_slice(self, step: int) -> None:
        if self.view is not None:
            self._show(self.view.next_slice(step))

    def action_switch_axes(self) -> None:
        if self.view is not None:
            self._show(self.view.switch_axes())

    def action_metric(self) -> None:
        if self.view is not None:
            self._show(self.view.next_metric())

    def action_view(self) -> None:
        if self.view is not None:
            self._show(self.view.next_per())

    def action_mark(self) -> None:
        if self.view is not None:
            self._show(self.view.toggle_mark())

    def action_compare(self) -> None:
        """Compare the marked cells; all runs of a cell are one side."""
        view, feed = self.view, self.reader.feed
        if view is None or feed is None:
            return
        sides = tuple(side for cell in view.to_compare if (side := feed.progress.measured_runs(cell)))
        if len(sides) < 2:
            text = "mark two or more measured cells with space to compare them"
            self.notify(text, timeout=4)
            return
        self.compare(sides)

    def action_open(self, repeat: int = 0) -> None:
        """Open the newest run of the selected cell, or the run of this repeat (from 1)."""
        point = self.view.point if self.view else None
        runs = [ref for ref in point.runs if ref.repeat + 1 == repeat or not repeat] if point else []
        if not runs:
            text = f"no run of repeat {repeat}" if repeat else "no run yet"
            self.notify(f"{text} for this cell", timeout=3)
            return
        self.open_run(runs[-1].run_dir, live=runs[-1].live)

    def action_start(self) -> None:
        """Resume the sweep; a finished one repeats its failed runs."""
        if not self._resumable or self.view is None:
            return
        self.resume(failed_too=self.view.board.status == "finished")

    def action_copy(self) -> None:
        if self.view is not None:
            from runner.sweep.board_text import as_markdown

            self.app.copy_to_clipboard(as_markdown(self.view.board, self.view.per))
            self.notify("board copied to the clipboard of your terminal, as Markdown", timeout=3)

    def action_quit(self) -> None:
        """Leave with the exit code of an ended sweep."""
        if self.view is None or not self.ended:
            super().action_quit()
            return
        from runner.cli.sweep_narration import sweep_exit_code

        self.app.leave(sweep_exit_code(self.view.board))


def matrix_title(view: BoardView) -> str:
    """Return what the numbers are, and the fixed values of the slice."""
    if view.of_metrics:
        return view.board.axes[view.view.rows].title
    across = view.board.axes[view.view.columns or 0].title
    at, of = view.slice_number
    fixed = f" · slice {at}/{of}: {view.fixed_values}" if view.fixed_values else ""
    return f"{heading(view.metric)} by {across}{fixed}"


def trade_data(view: BoardView) -> TradeData:
    """Return the points of the plot: those with the lengths of the point under the cursor."""
    selected = view.point.at if view.point else None
    points = tuple(
        TradePoint(
            trade.latency.mean,
            trade.throughput.mean,
            view.plot_label(trade.point.at),
            view.short_plot_label(trade.point.at),
            best=trade.best,
            tied=bool(trade.ties),
            chosen=trade.point.at == selected,
        )
        for trade in view.trades
    )
    titles = [axis.title for axis in view.board.axes if axis.path != LENGTHS]
    named = "/".join(titles) if len(titles) > 1 else ""
    return TradeData(points, empty="no point with latency and throughput yet", short=named)


def open_screen(place: SweepPlace) -> BoardScreen:
    return BoardScreen(place.directory, place.hosts)
