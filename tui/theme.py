"""The colours: one calm dark theme with one accent, and what each style of text makes of a theme's tokens.

Other themes of Textual work as well, for example `TEXTUAL_THEME=textual-light` on a light desk or
`TEXTUAL_THEME=ansi-dark` for the terminal's own sixteen colours.
"""

from __future__ import annotations

from functools import lru_cache

from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.theme import Theme

THEME = Theme(
    name="trtbench",
    dark=True,
    primary="#86c232",
    secondary="#6f8f9b",
    accent="#86c232",
    success="#86c232",
    warning="#e0a83e",
    error="#ec6a5e",
    foreground="#d5dbdf",
    background="#11151a",
    surface="#161b21",
    panel="#1e252c",
    variables={"border": "#3a444d"},
)

_TOKENS: dict[str, tuple[str, Style]] = {
    "dim": ("foreground", Style()),
    "strong": ("foreground", Style(bold=True)),
    "title": ("foreground", Style(bold=True)),
    "accent": ("primary", Style()),
    "key": ("primary", Style(bold=True)),
    "good": ("success", Style()),
    "warn": ("warning", Style()),
    "bad": ("error", Style(bold=True)),
}
STYLES = frozenset(_TOKENS)
"""names of the styles of text; the empty name is plain text"""
_DIM = 0.6
_CURSOR = 0.25


def text_style(app: App[object], name: str, base: Style) -> Style:
    """The style `name` in the theme of an app, on the background of `base`.

    Made from the theme's tokens here and not by component classes: those would be one more node for the
    stylesheet per widget and style, and half of the time until the first frame.
    """
    token, look = _TOKENS[name]
    return _styled(app.theme_variables[token], base, look, _DIM if name == "dim" else 1.0)


def chosen_style(app: App[object], base: Style) -> Style:
    """The style of the row that is chosen: a background in the accent colour, faintly."""
    return _chosen(app.theme_variables["primary"], base)


@lru_cache(maxsize=512)
def _styled(colour: str, base: Style, look: Style, strength: float) -> Style:
    parsed = Color.parse(colour)
    if strength < 1 and (parsed.ansi is not None or base.bgcolor is None):
        # The terminal's own colours cannot be mixed; it has a faint style for that.
        return base + look + Style(dim=True)
    if strength < 1 and base.bgcolor is not None:
        parsed = Color.from_rich_color(base.bgcolor).blend(parsed, strength)
    return base + look + Style(color=parsed.rich_color)


@lru_cache(maxsize=64)
def _chosen(colour: str, base: Style) -> Style:
    parsed = Color.parse(colour)
    if parsed.ansi is not None or base.bgcolor is None:
        return base + Style(reverse=True)
    return base + Style(bgcolor=Color.from_rich_color(base.bgcolor).blend(parsed, _CURSOR).rich_color)
