"""The help page (`?`): the keys of a screen, and the meaning of its terms; `/` filters it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen

from runner.metrics import BY_NAME
from runner.metrics.explain import in_sentences
from tui.framework.keymap import GLOBAL_KEYS, MOVEMENT, RowMovement, bindings
from tui.framework.rows import Panel, Row, Span, dim, row
from tui.framework.titles import set_subtitle, set_title
from tui.screens.registry import help_of, keys_of
from tui.text import fit, plain_text, width_of, wrap

if TYPE_CHECKING:
    from textual.widgets import Input

    from tui.framework.filter_input import FilterInput

HelpSection = tuple[str, tuple[tuple[str, str], ...]]
"""a heading, and lines of a term with its meaning; a line without a term is plain text"""


def screen_sections(screen: str, more: tuple[HelpSection, ...] = ()) -> tuple[HelpSection, ...]:
    """Return the help of a screen: purpose, keys, terms, the sections `more`, and every metric."""
    keys = tuple(
        (key.name, f"{key.help}{_STATE_NOTES.get(key.when, '')}") for key in (*keys_of(screen), *GLOBAL_KEYS)
    )
    page = help_of(screen)
    return (
        ("this screen", (("", page.about),)),
        ("keys", keys),
        ("terms", page.terms),
        *more,
        *metric_sections(),
    )


def metric_sections() -> tuple[HelpSection, ...]:
    """Describe every metric of the result table: definition and source."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for metric in BY_NAME.values():
        unit = f" ({metric.unit})" if metric.unit else ""
        text = in_sentences(metric)
        groups.setdefault(metric.group, []).append((f"{metric.title}{unit}", text))
    return tuple((f"metrics: {group}", tuple(lines)) for group, lines in groups.items())


TERM_WIDTH = 16
"""cells for a term, including the gap after it"""
_STATE_NOTES = {
    "running": " (while it runs)",
    "ended": " (after it ended)",
    "editing": " (while a field is edited)",
    "filtering": " (while a filter is typed)",
    "filtered": " (in a filtered list)",
    "welcome": " (on the first start)",
    "listing": " (in the list)",
    "joining": " (on an active run)",
    "sweeping": " (on a profile with a sweep)",
    "filling": " (in the options)",
    "folded": " (on a group of options)",
    "unfolded": " (on a group of options)",
    "inside": " (outside of the list)",
    "searching": " (while options are searched)",
    "searched": " (in options that were searched)",
}


def draw_sections(sections: tuple[HelpSection, ...], width: int, height: int) -> list[Row]:
    drawn: list[Row] = []
    for title, lines in sections:
        drawn += [()] if drawn else []
        drawn.append(row(Span(title, "title")))
        style = "key" if title == "keys" else ""
        for term, meaning in lines:
            column = TERM_WIDTH if term else 0
            wrapped = wrap(meaning, max(10, width - column - 2))
            if width_of(term) >= column and term:  # a long term goes above its meaning
                drawn.append(row("  ", Span(term, style)))
                term = ""
            for number, line in enumerate(wrapped):
                first = Span(fit("" if number else term, column), style)
                drawn.append(row("  ", first, dim(line) if column else line))
    return drawn


def filter_sections(sections: tuple[HelpSection, ...], text: str) -> tuple[HelpSection, ...]:
    """Return the lines that contain, with their heading, every word of `text`."""
    words = text.lower().split()

    def matches(title: str, line: tuple[str, str]) -> bool:
        return all(word in " ".join((title, *line)).lower() for word in words)

    kept = ((title, tuple(line for line in lines if matches(title, line))) for title, lines in sections)
    return tuple((title, lines) for title, lines in kept if lines)


class PageScreen(RowMovement, ModalScreen[None]):
    """A page of sections over a screen; the keys of `MOVEMENT` scroll it."""

    CSS_PATH = "help.tcss"

    def compose(self) -> ComposeResult:
        yield Panel(draw_sections, id="help", classes="dialog framed")

    @property
    def panel(self) -> Panel[tuple[HelpSection, ...]]:
        return self.query_one("#help", Panel)

    def move_rows(self, by: int) -> None:
        self.panel.move_to(self.panel.top + by)

    def rows_of_page(self) -> int:
        return max(1, self.panel.size.height - 1)

    def on_click(self, event: events.Click) -> None:
        """Close the page by a click outside of it."""
        if event.widget is self:
            self.dismiss()

    def action_close(self) -> None:
        self.dismiss()


class HelpScreen(PageScreen):
    """Shows the help of a screen; escape, q, ? and enter close it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(MOVEMENT),
        ("escape", "back", ""),
        ("q,question_mark,enter", "close", ""),
        ("slash", "filter", ""),
    ]

    def __init__(
        self,
        screen: str,
        *,
        title: str = "",
        about: tuple[HelpSection, ...] = (),
        more: tuple[HelpSection, ...] = (),
    ) -> None:
        """Show the help of a screen, with `about` (the current item) first and `more` after the terms."""
        super().__init__()
        self._title = title or f"help: {help_of(screen).name}"
        self._sections = (*about, *screen_sections(screen, more))
        self._filter = ""

    def on_mount(self) -> None:
        set_title(self.panel, self._title)
        self._show("")

    def _show(self, text: str) -> None:
        """Show the lines that match a filter; empty: all lines."""
        self._filter = text.strip()
        found = filter_sections(self._sections, self._filter)
        panel = self.panel
        panel.update(found or (("", (("", f"no line contains “{plain_text(self._filter)}”"),)),))
        if self._filter:
            panel.move_to(0)
        keys = f"filter: {self._filter}   esc all" if self._filter else "esc close   / filter   ↑ ↓ scroll"
        set_subtitle(panel, keys)

    async def action_filter(self) -> None:
        from tui.framework.filter_input import FilterInput

        if not self.query("#filter"):
            await FilterInput(self._filter, "type to filter").open_in(self)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._show(event.value)

    async def on_filter_input_closed(self, message: FilterInput.Closed) -> None:
        await self.query("#filter").remove()
        if not message.keep:
            self._show("")

    def on_filter_input_stepped(self, message: FilterInput.Stepped) -> None:
        self.move_rows(message.step)

    def action_back(self) -> None:
        """Show all lines again; then close the page."""
        if self._filter:
            self._show("")
        else:
            self.dismiss()
