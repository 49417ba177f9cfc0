"""Format and fit text for the screen: pure functions, no widget and no app.

All text is Unicode. For a terminal that cannot show it, `to_ascii` replaces each character by one of the same
width, so that every column keeps its position.
"""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

from runner.util.foreign_text import plain_text as plain_text
from runner.util.formatting import format_number

NOT_SET = "not set"
"""shown for a value that is null"""

# --- numbers and durations ---------------------------------------------------------------------------------


def clock(seconds: float) -> str:
    """Return `03:12:44`; hours are not split into days, which makes long durations comparable."""
    whole = max(0, int(seconds))
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def format_measurement(value: float) -> str:
    """Format a measured value with about four significant digits, and always its whole integer part."""
    return format_number(value, _digits(value))


def _digits(value: float) -> int:
    """Return the number of decimals of a measured value."""
    size = abs(value)
    return 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 10 else 3


def format_with_margin(value: float, margin: float | None) -> str:
    """Return `131.3 ±1.8`, the half width of the 95 % interval; without one `131.3`.

    The margin has the decimals of the value, and more when it would be rounded to zero.
    """
    if margin is None:
        return format_measurement(value)
    digits = _digits(value)
    margin = 0.0 if margin < 1e-9 * abs(value) else margin
    while 0 < margin < 0.5 * 10**-digits and digits < 9:
        digits += 1
    return f"{format_measurement(value)} ±{format_number(margin, digits)}"


def gibibytes(count: int) -> str:
    return f"{count / 2**30:.1f}"


# --- bars and braille --------------------------------------------------------------------------------------

_EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(share: float, width: int) -> tuple[str, str]:
    """Return the full and the empty part of a bar of `width` cells, to be styled separately."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    full = "█" * (eighths // 8)
    if eighths % 8:
        full += _EIGHTHS[eighths % 8]
    return full, "─" * (width - len(full))


_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""bit of the dot in row 0-3 (from the top), column 0-1 of a braille cell"""
_STROKES = [
    [[sum(_DOTS[y][side] for y in range(first, last + 1)) for last in range(4)] for first in range(4)]
    for side in range(2)
]
"""bits of the dots of one column, by column, first and last row"""


class BrailleCanvas:
    """A canvas of braille cells: `width` x `height` cells hold 2 x 4 dots each."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._cells = [bytearray(width) for _ in range(height)]

    def column(self, x: int, top: int, bottom: int) -> None:
        """Set the dots `top` to `bottom` (inclusive, 0 is the upper edge) of dot column `x`."""
        cell, strokes = x >> 1, _STROKES[x & 1]
        if top < 0:
            top = 0
        if bottom >= self.height * 4:
            bottom = self.height * 4 - 1
        y, end = top >> 2, bottom >> 2
        if y == end:
            self._cells[y][cell] |= strokes[top & 3][bottom & 3]
        elif y < end:
            self._cells[y][cell] |= strokes[top & 3][3]
            for between in range(y + 1, end):
                self._cells[between][cell] |= strokes[0][3]
            self._cells[end][cell] |= strokes[0][bottom & 3]

    def row(self, y: int) -> str:
        return "".join(chr(_BRAILLE + bits) if bits else " " for bits in self._cells[y])


_COLUMNS = [
    [
        chr(_BRAILLE + sum(_STROKES[side][3 - high][3] for side, high in enumerate(pair) if high >= 0))
        if max(pair) >= 0
        else " "
        for pair in ((left, right) for right in range(-1, 4))
    ]
    for left in range(-1, 4)
]
"""cells with two columns of dots, by the level of the left one + 1 and of the right one + 1"""


def braille_columns(values: Sequence[float | None], top: float) -> str:
    """Draw values from 0 to `top` as columns of one to four dots, two a cell; None is a gap."""
    levels = [
        0 if value is None or top <= 0 else 1 + max(0, min(3, round(min(value / top, 1.0) * 3)))
        for value in values
    ]
    return "".join(_COLUMNS[left][right] for left, right in zip(levels[::2], levels[1::2], strict=True))


# --- fitting text into cells -------------------------------------------------------------------------------


def width_of(text: str) -> int:
    """Return the width of a text in cells; a Chinese character takes 2."""
    return cell_len(text)


def fit(text: str, width: int) -> str:
    """Return the text in exactly `width` cells: padded on the right, or cut with `…`."""
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + "…"


def shorten(text: str, width: int) -> str:
    """Return the text in at most `width` cells, cut with `…`."""
    return text if cell_len(text) <= width else fit(text, width).rstrip()


def fit_parts(text: str, width: int) -> str:
    """Return the complete parts of a text, between commas or middle dots, that fit into `width` cells."""
    if cell_len(text) <= width:
        return text
    ends = [found.start() for found in re.finditer(r", | · ", text)]
    return next((text[:end] for end in reversed(ends) if cell_len(text[:end]) <= width), "")


def shorten_middle(text: str, width: int) -> str:
    """Return the text in at most `width` cells, cut in the middle: names often differ at their end."""
    if cell_len(text) <= width:
        return text
    behind = max(0, (width - 1) // 2)
    tail = text[len(text) - behind :] if behind else ""
    while cell_len(tail) > behind:
        tail = tail[1:]
    return fit(text, max(0, width - cell_len(tail))) + tail


def align_right(text: str, width: int) -> str:
    """Return the text right-aligned in `width` cells."""
    missing = width - cell_len(text)
    return " " * missing + text if missing >= 0 else fit(text, width)


def wrap(text: str, width: int) -> list[str]:
    """Wrap a text to lines of at most `width` cells, at spaces; longer words are broken."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            joined = f"{line} {word}" if line else word
            if cell_len(joined) <= width:
                line = joined
                continue
            if line:
                lines.append(line)
            while cell_len(word) > width > 0:
                head = set_cell_size(word, width).rstrip()
                lines.append(head)
                word = word[len(head) :]
            line = word
        lines.append(line)
    return lines


# --- ASCII -------------------------------------------------------------------------------------------------

_ASCII = str.maketrans(
    {
        **dict.fromkeys("█▉▊▋▌", "#"), **dict.fromkeys("▍▎▏", "-"), "░": "/", "▒": ":",
        **dict(zip("▁▂▃▄▅▆▇", "_.-=+*%", strict=True)), "─": "-", "┄": "-", "┈": ".", "╌": "-", "━": "=",
        "│": "|", "┤": "|", "┃": "|", "╎": "|", "╷": "|", "╵": "|",
        "▲": "^", "▴": "^", "▼": "v", "▽": "v",
        "▶": ">", "●": "*", "◌": "o", "■": "#", "✓": "+", "✔": "+", "✖": "x", "▸": ">", "▾": "v", "◆": "*",
        "○": "o", "◐": "%", "★": "*", "☆": "~", "•": "*", "▣": "M", "▢": "p",
        "·": "-", "–": "-", "−": "-", "—": "-", "×": "x", "…": "~",
        "⏎": "^", "↑": "^", "↓": "v", "←": "<", "→": ">",
        "≥": ">", "≤": "<", "±": "~", "µ": "u", "°": " ", "’": "'", "“": '"', "”": '"',
    }
)  # fmt: skip


def _ascii_dot(bits: int) -> str:
    upper, lower = bits & 0x1B, bits & 0xE4
    return ":" if upper and lower else "'" if upper else "."


_ASCII |= {_BRAILLE + bits: _ascii_dot(bits) for bits in range(1, 256)} | {_BRAILLE: " "}


def to_ascii(text: str) -> str:
    """Convert a text to ASCII; each character keeps its width, and unknown ones become `?`."""
    if text.isascii():
        return text
    text = text.translate(_ASCII)
    if text.isascii():
        return text
    return "".join(
        char if char.isascii() else "?" * cell_len(char) for char in unicodedata.normalize("NFC", text)
    )


PLAIN_TERMINALS = frozenset({"dumb", "linux", "vt100", "vt102", "vt220", "ansi", "cons25"})
"""values of TERM for terminals without braille characters and without window titles"""


@lru_cache(maxsize=1)
def ascii_only() -> bool:
    """Whether the terminal gets only ASCII: by request, or because terminal or encoding support no more."""
    if asked := os.environ.get("TRTBENCH_ASCII", ""):
        return asked != "0"
    if os.environ.get("TERM", "") in PLAIN_TERMINALS and "TEXTUAL_DRIVER" not in os.environ:
        return True
    # Textual writes to the terminal through this stream.
    encoding = getattr(sys.__stderr__, "encoding", None) or "ascii"
    return encoding.lower().replace("-", "").replace("_", "") not in ("utf8", "utf8sig", "cp65001")


def displayable(text: str) -> str:
    """Return the text in characters that the terminal can show."""
    return to_ascii(text) if ascii_only() else text
