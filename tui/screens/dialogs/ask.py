"""A dialog that asks for one line of text; the result is the text, or None."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from tui.framework.rows import Panel, Row, Span, dim, row
from tui.framework.titles import set_title
from tui.text import wrap


@dataclass(frozen=True)
class Question:
    """Title, explanation and validation of a text dialog."""

    title: str
    about: str
    """purpose of the text, in a sentence"""
    answer: str = ""
    """initial text"""
    problem: Callable[[str], str] = lambda text: ""
    """returns why a text is invalid; empty if it is valid"""


class AskScreen(ModalScreen[str | None]):
    """Shows while the user types why the text is invalid; Enter accepts only a valid text."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "cancel", show=False)]

    def __init__(self, question: Question) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        with Vertical(classes="framed dialog") as dialog:
            set_title(dialog, self._question.title)
            entry = Input(self._question.answer, compact=True, select_on_focus=False, id="answer")
            entry.cursor_blink = False
            yield entry
            yield Panel(_draw, id="verdict")

    def on_mount(self) -> None:
        self._validate(self._question.answer)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._validate(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if not self._question.problem(event.value):
            self.dismiss(event.value.strip())

    def action_cancel(self) -> None:
        self.dismiss(None)

    def _validate(self, text: str) -> None:
        panel: Panel[tuple[str, str]] = self.query_one("#verdict", Panel)
        panel.update((self._question.about, self._question.problem(text)))


def _draw(message: tuple[str, str], width: int, height: int) -> list[Row]:
    about, problem = message
    lines = [row(Span(line, "bad")) for line in wrap(problem, width)] if problem else []
    lines = lines or [row(line) for line in wrap(about, width)]
    keys = row(Span("enter", "key"), dim(" save   "), Span("esc", "key"), dim(" cancel"))
    return [*lines, (), keys]
