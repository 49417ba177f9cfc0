"""Titles in the borders of widgets: always plain text.

Textual reads a title that is a string as markup, in which a name such as `[/]` is an error and
`[@click=app.quit]` an action. Screens set titles with these functions only.
"""

from __future__ import annotations

from textual.content import Content
from textual.widget import Widget

from runner.util.foreign_text import plain_text


def set_title(widget: Widget, text: str) -> None:
    """Show a text in the upper border; an empty text removes it."""
    content = Content(plain_text(text))
    if widget.border_title != content.markup:
        widget.border_title = content


def set_subtitle(widget: Widget, text: str) -> None:
    """Show a text in the lower border; an empty text removes it."""
    content = Content(plain_text(text))
    if widget.border_subtitle != content.markup:
        widget.border_subtitle = content
