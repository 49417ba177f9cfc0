"""The page behind `?`: what the keys of a screen do, and what its words mean."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen

from runner.metrics import BY_NAME
from runner.metrics.explain import in_sentences
from tui.framework.keymap import EVERYWHERE
from tui.framework.rows import Panel, Row, Span, dim, row
from tui.screens.registry import help_of, keys_of
from tui.text import fit, shown, width_of, wrap

Section = tuple[str, tuple[tuple[str, str], ...]]
"""a heading, and lines of a word with its meaning; a line without a word is plain text"""


def screen_sections(screen: str, more: tuple[Section, ...] = ()) -> tuple[Section, ...]:
    """What a screen is for, its keys and words, `more` about it, and every metric."""
    keys = tuple(
        (key.name, f"{key.help}{_WHEN.get(key.when, '')}") for key in (*keys_of(screen), *EVERYWHERE)
    )
    page = help_of(screen)
    return (
        ("this screen", (("", page.about),)),
        ("keys", keys),
        ("words", page.terms),
        *more,
        *metric_sections(),
    )


def metric_sections() -> tuple[Section, ...]:
    """Every metric of the final table: what it is made of, and where that comes from."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for metric in BY_NAME.values():
        unit = f" ({metric.unit})" if metric.unit else ""
        text = in_sentences(metric)
        groups.setdefault(metric.group, []).append((f"{metric.title}{unit}", text))
    return tuple((f"metrics: {group}", tuple(lines)) for group, lines in groups.items())


WORDS = 16
"""cells for a word, with the gap after it"""
_WHEN = {
    "running": " (while it runs)",
    "ended": " (when it has ended)",
    "editing": " (while a field is edited)",
    "filtering": " (while one types a filter)",
    "filtered": " (in a filtered list)",
    "welcome": " (on a first start)",
}


def draw_sections(sections: tuple[Section, ...], width: int, height: int) -> list[Row]:
    drawn: list[Row] = []
    for title, lines in sections:
        drawn += [()] if drawn else []
        drawn.append(row(Span(title, "title")))
        style = "key" if title == "keys" else ""
        for word, meaning in lines:
            column = WORDS if word else 0
            wrapped = wrap(meaning, max(10, width - column - 2))
            if width_of(word) >= column and word:  # a long word stands above its meaning
                drawn.append(row("  ", Span(word, style)))
                word = ""
            for number, line in enumerate(wrapped):
                first = Span(fit("" if number else word, column), style)
                drawn.append(row("  ", first, dim(line) if column else line))
    return drawn


class HelpScreen(ModalScreen[None]):
    """Text to read; any of the usual keys closes it, arrows scroll when it is longer than the terminal."""

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
        about: tuple[Section, ...] = (),
        more: tuple[Section, ...] = (),
    ) -> None:
        """Help of a screen; `about` comes first: what the cursor is on; `more` comes behind its words."""
        super().__init__()
        self._title = title or f"help: {help_of(screen).name}"
        self._sections = (*about, *screen_sections(screen, more))

    def compose(self) -> ComposeResult:
        yield Panel(draw_sections, id="help", classes="dialog framed")

    def on_mount(self) -> None:
        panel = self._panel
        panel.border_title = shown(self._title)
        panel.border_subtitle = shown("esc closes   ↑ ↓ scroll")
        panel.update(self._sections)

    @property
    def _panel(self) -> Panel[tuple[Section, ...]]:
        return self.query_one("#help", Panel)

    def action_scroll_rows(self, by: int) -> None:
        self._panel.move_to(self._panel.top + by)

    def on_click(self, event: events.Click) -> None:
        """A click beside the page closes it."""
        if event.widget is self:
            self.dismiss()

    def action_close(self) -> None:
        self.dismiss()
