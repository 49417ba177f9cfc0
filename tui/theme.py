"""The four themes of the dashboard, and the text styles made from their tokens.

Textual's themes work as well, for example `TEXTUAL_THEME=ansi-dark` for the sixteen colours of the terminal.
The theme is not derived from the background of the terminal: the query takes time, and many terminals do not
answer it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from rich.console import Console
from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.theme import Theme

from runner.util.errors import UserError
from runner.util.themes import THEME_NAMES, ThemeName

MONOCHROME: ThemeName = "monochrome"
VARIABLE = "TRTBENCH_THEME"
_COLOURS = {
    # token:     (dark,      light,     high-contrast)
    "primary":    ("#86c232", "#2f6f00", "#ffff00"),
    "secondary":  ("#6f8f9b", "#4a6570", "#ffffff"),
    "accent":     ("#86c232", "#2f6f00", "#ffff00"),
    "success":    ("#86c232", "#2f6f00", "#00ff66"),
    "warning":    ("#e0a83e", "#8a5200", "#ffb000"),
    "error":      ("#ec6a5e", "#b3261e", "#ff7070"),
    "foreground": ("#d5dbdf", "#1b2126", "#ffffff"),
    "background": ("#11151a", "#f6f7f8", "#000000"),
    "surface":    ("#161b21", "#ffffff", "#000000"),
    "panel":      ("#1e252c", "#e6eaed", "#1a1a1a"),
    "border":     ("#3a444d", "#b4bec6", "#ffffff"),
}  # fmt: skip
OF_SIXTEEN = (("#e0a83e", "bright_yellow"), ("#8a5200", "magenta"))
"""The colours of warnings, and one of 16 colours for each: yellow is unreadable on a light background."""
_DEFAULT_COLOUR = "ansi_default"
_WITHOUT_COLOUR = {
    "ansi-background": _DEFAULT_COLOUR,
    "ansi-foreground": _DEFAULT_COLOUR,
    "border": _DEFAULT_COLOUR,
    "border-blurred": _DEFAULT_COLOUR,
    "block-cursor-text-style": "reverse",
    "block-cursor-blurred-text-style": "reverse",
}


def _themes() -> Iterator[Theme]:
    for column, name in enumerate(THEME_NAMES[:-1]):
        colours: dict[str, Any] = {token: values[column] for token, values in _COLOURS.items()}
        variables = {"border": colours.pop("border")}
        yield Theme(name=name, dark=name != "light", variables=variables, **colours)
    none: dict[str, Any] = {token: _DEFAULT_COLOUR for token in _COLOURS if token != "border"}
    yield Theme(name=MONOCHROME, dark=True, ansi=True, variables=_WITHOUT_COLOUR, **none)


THEMES = tuple(_themes())


def select_theme(environ: Mapping[str, str], stored: str | None) -> str | None:
    """Return the theme to start with; None when `TEXTUAL_THEME` has set one.

    `TRTBENCH_THEME` (which `--theme` sets) takes precedence over `NO_COLOR`, and `NO_COLOR` over the stored
    setting.

    Raises:
        UserError: `TRTBENCH_THEME` names no theme.
    """
    named = environ.get(VARIABLE, "")
    if named and named not in THEME_NAMES:
        raise UserError(f"{VARIABLE}={named} is not a theme; allowed: {', '.join(THEME_NAMES)}")
    if named:
        return named
    if environ.get("NO_COLOR"):
        return MONOCHROME
    if "TEXTUAL_THEME" in environ:
        return None
    return stored or THEME_NAMES[0]


def starting_theme() -> str | None:
    """Return `select_theme` for this process; reads the settings only if the file exists.

    Raises:
        UserError: `TRTBENCH_THEME` names no theme, or the settings are invalid.
    """
    from runner.util import paths

    stored = None
    if paths.settings_file().exists():
        from runner.profile import settings

        stored = settings.load().theme
    return select_theme(os.environ, stored)


_TOKENS: dict[str, tuple[str, Style]] = {
    "dim": ("foreground", Style()),
    "strong": ("foreground", Style(bold=True)),
    "title": ("foreground", Style(bold=True)),
    "accent": ("primary", Style()),
    "key": ("primary", Style(bold=True)),
    "good": ("success", Style()),
    "warn": ("warning", Style()),
    "bad": ("error", Style(bold=True)),
    "match": ("primary", Style(reverse=True)),
    "chosen": ("primary", Style(bold=True, reverse=True)),
}
_HEATS = {"heat1": 0.08, "heat2": 0.16, "heat3": 0.24, "heat4": 0.33, "heat5": 0.42}
"""Styles of cells of a table by level: the share of the primary colour in the background."""
STYLES = frozenset(_TOKENS | _HEATS)
"""names of the text styles; the empty name is plain text"""
_DIM = 0.6
_DIM_IN = {"high-contrast": 0.85, "light": 0.68}
_CURSOR = 0.25


def text_style(app: App[object], name: str, base: Style) -> Style:
    """Return the style `name` in the theme of an app, on the background of `base`.

    The style is made from the tokens of the theme, not from component classes: these add one stylesheet node
    per widget and style, which takes half of the time until the first frame.
    """
    if base.reverse:
        return _reversed(base, _TOKENS[name][1] if name in _TOKENS else Style())
    if name in _HEATS:
        if has_few_colours(app.console):
            return base
        return _heated(app.theme_variables["primary"], base, _HEATS[name])
    token, look = _TOKENS[name]
    strength = _DIM_IN.get(app.theme, _DIM) if name == "dim" else 1.0
    return _styled(app.theme_variables[token], base, look, strength)


def has_few_colours(console: Console) -> bool:
    """Return whether a terminal has only 16 colours, and so no faint backgrounds."""
    return console.color_system == "standard"


def cursor_style(app: App[object], base: Style) -> Style:
    """Return the style of the row under the cursor: a faint background in the accent colour.

    With 16 colours it is in reverse video: their only faint background is grey, on which some texts cannot be
    read, and which the Linux console does not have.
    """
    if has_few_colours(app.console):
        return base + Style(reverse=True)
    return _cursor(app.theme_variables["primary"], base)


@lru_cache(maxsize=512)
def _styled(colour: str, base: Style, look: Style, strength: float) -> Style:
    parsed = Color.parse(colour)
    if strength < 1 and (parsed.ansi is not None or base.bgcolor is None):
        # ANSI colours cannot be blended; use the faint style of the terminal.
        return base + look + Style(dim=True)
    if strength < 1 and base.bgcolor is not None:
        parsed = Color.from_rich_color(base.bgcolor).blend(parsed, strength)
    return base + look + Style(color=parsed.rich_color)


@lru_cache(maxsize=64)
def _reversed(base: Style, look: Style) -> Style:
    """Return the style of a text in a row in reverse video: colours would become blocks of background."""
    return base + look + Style(reverse=not look.reverse)


@lru_cache(maxsize=64)
def _heated(colour: str, base: Style, share: float) -> Style:
    parsed = Color.parse(colour)
    if parsed.ansi is not None or base.bgcolor is None:
        return base  # ANSI colours cannot be blended; the cell shows its level as a glyph
    return base + Style(bgcolor=Color.from_rich_color(base.bgcolor).blend(parsed, share).rich_color)


@lru_cache(maxsize=64)
def _cursor(colour: str, base: Style) -> Style:
    parsed = Color.parse(colour)
    if parsed.ansi is not None or base.bgcolor is None:
        return base + Style(reverse=True)
    return base + Style(bgcolor=Color.from_rich_color(base.bgcolor).blend(parsed, _CURSOR).rich_color)
