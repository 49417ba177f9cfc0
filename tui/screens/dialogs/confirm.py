"""A dialog with a question and two answers; the result is True for yes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from runner.run import liveness
from runner.util.errors import UserError
from runner.util.processes import user_name
from tui.framework.rows import Panel, Row, Span, dim, row, row_width
from tui.screens.dialogs.fitting import fitting_terminal
from tui.text import wrap

if TYPE_CHECKING:
    from tui.app import TrtbenchApp

GAP = "     "
STOPPED_BY = f"{user_name()}, in the dashboard"


def draw_question(question: tuple[str, str, str, str], width: int, height: int) -> list[Row]:
    title, detail, yes, no = question
    lines = [row(line) for line in wrap(detail, max(1, width))]
    keys = row(*_yes(yes), GAP, Span("n", "key"), dim(" or "), Span("esc", "key"), f" {no}")
    return [row(Span(title, "strong")), (), *lines, (), keys]


def _yes(label: str) -> Row:
    return row(Span("y", "key"), f" {label}")


class ConfirmScreen(ModalScreen[bool]):
    """Asks a question. Enter does not answer it: a key pressed too late must not stop a run."""

    BINDINGS = [("y", "answer(True)"), ("n,escape,q", "answer(False)")]  # noqa: RUF012

    def __init__(self, title: str, detail: str, *, yes: str, no: str) -> None:
        super().__init__()
        self._question = (title, detail, yes, no)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog framed"):
            yield Panel(fitting_terminal(self.app, draw_question), id="question")

    def on_mount(self) -> None:
        self.query_one("#question", Panel).update(self._question)

    def on_click(self, event: events.Click) -> None:
        """Answer by a click on a label of the last line."""
        panel = self.query_one("#question", Panel)
        offset = event.get_content_offset(panel)
        if offset is None or offset.y != panel.size.height - 1:
            return
        yes = row_width(_yes(self._question[2]))
        if not yes <= offset.x < yes + len(GAP):
            self.dismiss(offset.x < yes)

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)


class StopFunction(Protocol):
    """`stop_run` or `stop_sweep`."""

    def __call__(self, directory: Path, by: str, /, *, is_cancelled: Callable[[], bool]) -> object: ...


async def ask_to_stop(
    app: TrtbenchApp, stop: StopFunction, directory: Path, what: str, detail: str, *, name: str = ""
) -> None:
    """Ask whether to stop a run or sweep, and request the stop.

    Args:
        app: the app that shows the question.
        stop: stops the run or sweep and waits for its end; called in a thread.
        directory: the directory of the run or sweep.
        what: name of the run or sweep in the question.
        detail: what happens to the results.
        name: notify that the stop of `name` was requested; empty where the screen shows it.
    """

    def answered(yes: bool | None) -> None:
        if not yes:
            return
        try:
            # At once, so that the request is not lost when the dashboard is closed right after.
            liveness.request_stop(directory, STOPPED_BY)
        except UserError as error:
            app.notify_error(error)
        else:
            _stop_in_thread(app, stop, directory)
            if name:
                app.notify(f"stop requested: {name}", timeout=3)

    question = ConfirmScreen(f"Stop {what}?", detail, yes="stop", no="cancel")
    await app.open_dialog(question, answered)


def _stop_in_thread(app: TrtbenchApp, stop: StopFunction, directory: Path) -> None:
    """Stop a run or sweep in a daemon thread, which ends with the dashboard."""

    def work() -> None:
        try:
            stop(directory, STOPPED_BY, is_cancelled=lambda: not app.is_running)
        except UserError as error:
            app.call_later(app.notify_error, error)

    threading.Thread(target=work, name="stop", daemon=True).start()
