"""The last line of every screen: the keys that mean something now, as far as there is room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.framework.keymap import Key
from tui.framework.rows import Row, Span, cut, dim, row, row_width, spread


@dataclass(frozen=True, slots=True)
class Footer:
    """The last line of a screen."""

    keys: tuple[Key, ...] = ()
    note: str = ""
    """stands at the right edge"""


def footer_keys(keys: Sequence[Key], width: int) -> list[Key]:
    """The keys that fit into `width` cells with two cells between them, the least worth leaving first."""
    kept = [key for key in keys if key.label]
    for key in sorted(kept, key=lambda key: (_worth(key), -kept.index(key))):
        if sum(_width(key) + 2 for key in kept) - 2 <= width:
            break
        kept.remove(key)
    return kept


def _worth(key: Key) -> int:
    """How to leave and where to read on is there in the narrowest line."""
    return 2 if key.action in ("quit", "help", "explain") else 0 if key.minor else 1


def _width(key: Key) -> int:
    return row_width(row(key.name, " ", key.label))


def footer_row(keys: Sequence[Key], width: int, note: str = "") -> Row:
    """The last line of a screen: its keys as far as they fit, and a note at the right edge."""
    spans: list[str | Span] = []
    for key, start, _ in footer_places(keys, width, note):
        spans += [" " * (start - row_width(row(*spans))), Span(key.name, "key"), dim(f" {key.label}")]
    left = row(*spans)
    return spread(left, row(dim(note)), width) if note else cut(left, width)


def footer_places(keys: Sequence[Key], width: int, note: str = "") -> list[tuple[Key, int, int]]:
    """Where the keys stand in the line: the first column of each, and the first one after it."""
    space = width - (row_width(row(note)) + 2 if note else 0)
    fitting = footer_keys(keys, space)
    gap = 3 if sum(_width(key) + 3 for key in fitting) <= space + 3 else 2
    places = []
    column = 0
    for key in fitting:
        places.append((key, column, column + _width(key)))
        column += _width(key) + gap
    return places
