"""The last line of every screen: the keys that are valid now, as far as they fit."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tui.framework.keymap import Key
from tui.framework.rows import Row, Span, cut, dim, row, row_width, spread


class FooterLine(msgspec.Struct, frozen=True):
    """The content of the last line of a screen."""

    keys: tuple[Key, ...] = ()
    note: str = ""
    """shown at the right edge"""


def footer_keys(keys: Sequence[Key], width: int) -> list[Key]:
    """Return the keys that fit into `width` cells with gaps of two; low priorities are dropped first."""
    kept = [key for key in keys if key.label]
    for key in sorted(kept, key=lambda key: (_priority(key), -kept.index(key))):
        if sum(_width(key) + 2 for key in kept) - 2 <= width:
            break
        kept.remove(key)
    return kept


def _priority(key: Key) -> int:
    """Return the priority of a key: quit, help and explain are kept longest."""
    return 2 if key.action in ("quit", "help", "explain") else 0 if key.minor else 1


def _width(key: Key) -> int:
    return row_width(row(key.name, " ", key.label))


def footer_row(keys: Sequence[Key], width: int, note: str = "") -> Row:
    """Draw the last line of a screen: the keys that fit, and a note at the right edge."""
    spans: list[str | Span] = []
    for key, start, _ in place_footer_keys(keys, width, note):
        spans += [" " * (start - row_width(row(*spans))), Span(key.name, "key"), dim(f" {key.label}")]
    left = row(*spans)
    return spread(left, row(dim(note)), width) if note else cut(left, width)


def place_footer_keys(keys: Sequence[Key], width: int, note: str = "") -> list[tuple[Key, int, int]]:
    """Return the keys of the line, each with its first column and the column after its last."""
    space = width - (row_width(row(note)) + 2 if note else 0)
    fitting = footer_keys(keys, space)
    gap = 3 if sum(_width(key) + 3 for key in fitting) <= space + 3 else 2
    places = []
    column = 0
    for key in fitting:
        places.append((key, column, column + _width(key)))
        column += _width(key) + gap
    return places
