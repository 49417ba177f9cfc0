"""The help page (`?`): the keys of a screen, and the meaning of its terms."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen

from runner.metrics import BY_NAME
from runner.metrics.explain import in_sentences
from tui.framework.keymap import GLOBAL_KEYS
from tui.framework.rows import Panel, Row, Span, dim, row
from tui.framework.titles import set_subtitle, set_title
from tui.screens.registry import help_of, keys_of
from tui.text import fit, width_of, wrap

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


class HelpScreen(ModalScreen[None]):
    """Shows the help; escape, q, ? and enter close it, the arrow keys scroll."""

    CSS_PATH = "help.tcss"
    BINDINGS = [  # noqa: RUF012
        ("escape,q,question_mark,enter", "close"),
        ("up,k", "scroll_rows(-1)"),
        ("down,j", "scroll_rows(1)"),
        ("pageup", "scroll_rows(-10)"),
        ("pagedown,space", "scroll_rows(10)"),
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

    def compose(self) -> ComposeResult:
        yield Panel(draw_sections, id="help", classes="dialog framed")

    def on_mount(self) -> None:
        panel = self._panel
        set_title(panel, self._title)
        set_subtitle(panel, "esc close   ↑ ↓ scroll")
        panel.update(self._sections)

    @property
    def _panel(self) -> Panel[tuple[HelpSection, ...]]:
        return self.query_one("#help", Panel)

    def action_scroll_rows(self, by: int) -> None:
        self._panel.move_to(self._panel.top + by)

    def on_click(self, event: events.Click) -> None:
        """Close the page by a click outside of it."""
        if event.widget is self:
            self.dismiss()

    def action_close(self) -> None:
        self.dismiss()
