"""Asking for one line of text; the answer is what was typed, or nothing."""

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
from tui.text import shown, wrap


@dataclass(frozen=True)
class Question:
    title: str
    about: str
    """what the answer is for, in a sentence"""
    answer: str = ""
    """what stands in the line at first"""
    refusal: Callable[[str], str] = lambda text: ""
    """why a text is no answer; empty when it is one"""


class AskScreen(ModalScreen[str | None]):
    """Says while one types why that is no answer; Enter takes only one that is."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "change nothing", show=False)]

    def __init__(self, question: Question) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        with Vertical(classes="framed dialog") as dialog:
            dialog.border_title = shown(self._question.title)
            entry = Input(self._question.answer, compact=True, select_on_focus=False, id="answer")
            entry.cursor_blink = False
            yield entry
            yield Panel(_draw, id="verdict")

    def on_mount(self) -> None:
        self._judge(self._question.answer)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._judge(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if not self._question.refusal(event.value):
            self.dismiss(event.value.strip())

    def action_cancel(self) -> None:
        self.dismiss(None)

    def _judge(self, text: str) -> None:
        verdict: Panel[tuple[str, str]] = self.query_one("#verdict", Panel)
        verdict.update((self._question.about, self._question.refusal(text)))


def _draw(verdict: tuple[str, str], width: int, height: int) -> list[Row]:
    about, refused = verdict
    lines = [row(Span(line, "bad")) for line in wrap(refused, width)] if refused else []
    lines = lines or [row(line) for line in wrap(about, width)]
    keys = row(Span("enter", "key"), dim(" save   "), Span("esc", "key"), dim(" change nothing"))
    return [*lines, (), keys]
