"""One question with a yes and a no; the answer is the result of the screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen

from runner.errors import UserError
from runner.run import layout
from tui.framework.rows import Panel, Row, Span, dim, row, row_width
from tui.text import wrap

if TYPE_CHECKING:
    from tui.app import TrtbenchApp

GAP = "     "


def draw_question(question: tuple[str, str, str, str], width: int, height: int) -> list[Row]:
    title, detail, yes, no = question
    lines = [row(line) for line in wrap(detail, max(1, width))]
    keys = row(*_yes(yes), GAP, Span("n", "key"), dim(" or "), Span("esc", "key"), f" {no}")
    return [row(Span(title, "strong")), (), *lines, (), keys]


def _yes(words: str) -> Row:
    return row(Span("y", "key"), f" {words}")


class ConfirmScreen(ModalScreen[bool]):
    """Enter is no answer: a key pressed a moment too late must not stop anything."""

    BINDINGS = [("y", "answer(True)"), ("n,escape,q", "answer(False)")]  # noqa: RUF012

    def __init__(self, title: str, detail: str, *, yes: str, no: str) -> None:
        super().__init__()
        self._question = (title, detail, yes, no)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog framed"):
            yield Panel(draw_question, id="question")

    def on_mount(self) -> None:
        self.query_one("#question", Panel).update(self._question)

    def on_click(self, event: events.Click) -> None:
        """The words of the last line answer, too."""
        panel = self.query_one("#question", Panel)
        offset = event.get_content_offset(panel)
        if offset is None or offset.y != panel.size.height - 1:
            return
        yes = row_width(_yes(self._question[2]))
        if not yes <= offset.x < yes + len(GAP):
            self.dismiss(offset.x < yes)

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)


async def ask_to_stop(app: TrtbenchApp, directory: Path, what: str, detail: str, *, name: str = "") -> None:
    """Ask whether to stop the run or sweep of a directory, and do it.

    Args:
        app: Shows the question.
        directory: Of the run, or of the sweep.
        what: To stop, in the question.
        detail: What becomes of what was measured.
        name: To say that `name` was asked to stop; empty where the screen shows that itself.
    """

    def answered(yes: bool | None) -> None:
        if not yes:
            return
        try:
            layout.request_stop(directory, "the dashboard")
        except UserError as error:
            app.notify_error(error)
        else:
            if name:
                app.notify(f"asked {name} to stop", timeout=3, markup=False)

    question = ConfirmScreen(f"Stop {what}?", detail, yes="stop it", no="let it run")
    await app.open_dialog(question, answered)
