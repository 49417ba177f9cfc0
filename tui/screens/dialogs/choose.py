"""A dialog with a list to choose one value from; the result is the value, or None."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from tui.framework.picker import LinePicker, Picker, PickerLine
from tui.framework.rows import Panel, Row, Span, dim, row, spread
from tui.framework.titles import set_title
from tui.text import NOT_SET, wrap


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of the list."""

    value: str
    note: str = ""
    """shown next to it"""


class ChooseScreen(ModalScreen[str | None]):
    """Shows values; one that is not allowed shows why under the cursor, and Enter does not take it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "accept", "apply", show=False),
        Binding("escape", "cancel", "cancel", show=False),
    ]

    def __init__(
        self,
        title: str,
        about: str,
        choices: Sequence[Choice],
        current: str,
        problem: Callable[[str], str] = lambda value: "",
    ) -> None:
        """Show choices with the cursor on the current one.

        Args:
            title: the name of what is chosen.
            about: what it is, in a sentence.
            choices: the values; empty: none is set.
            current: the value that is set now.
            problem: returns why a value is not allowed; empty if it is.
        """
        super().__init__()
        self._title, self._about, self._choices = title, about, tuple(choices)
        self._current, self._problem = current, problem

    def compose(self) -> ComposeResult:
        with Vertical(classes="framed dialog") as dialog:
            set_title(dialog, self._title)
            yield LinePicker(id="choices")
            yield Panel(_draw_verdict, id="choice-verdict")

    def on_mount(self) -> None:
        values = [choice.value for choice in self._choices]
        at = values.index(self._current) if self._current in values else 0
        picker = self._picker
        picker.styles.height = len(values)
        picker.show_lines(lambda width: draw_choices(self._choices, self._current, width), at)
        self._judge(at)

    @property
    def _picker(self) -> LinePicker:
        return self.query_one("#choices", LinePicker)

    def on_picker_chosen(self, event: Picker.Chosen) -> None:
        self._judge(event.item)

    def on_picker_activated(self, event: Picker.Activated) -> None:
        self.action_accept()

    def _judge(self, item: int) -> None:
        panel: Panel[tuple[str, str]] = self.query_one("#choice-verdict", Panel)
        panel.update((self._about, self._problem(self._choices[item].value)))

    def action_accept(self) -> None:
        value = self._choices[self._picker.chosen].value
        if not self._problem(value):
            self.dismiss(value)

    def action_cancel(self) -> None:
        self.dismiss(None)


def draw_choices(choices: Sequence[Choice], current: str, width: int) -> list[PickerLine]:
    """Draw one line a choice, with a mark on the current one."""
    return [
        PickerLine(
            spread(
                row(Span("● ", "accent") if choice.value == current else "  ", choice.value or dim(NOT_SET)),
                row(dim(choice.note)),
                width,
            ),
            number,
        )
        for number, choice in enumerate(choices)
    ]


def _draw_verdict(message: tuple[str, str], width: int, height: int) -> list[Row]:
    about, problem = message
    text, style = (problem, "bad") if problem else (about, "dim")
    lines = [row(Span(line, style)) for line in wrap(text, max(20, width))]
    apply = () if problem else (Span("enter", "key"), dim(" apply   "))
    return [(), *lines, (), row(*apply, Span("esc", "key"), dim(" cancel"))]
