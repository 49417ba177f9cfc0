"""Write only the cells that changed to the terminal.

Textual writes every cell of a refreshed region, and each run of one style with both colours and a reset. Over
SSH this is most of the traffic. The updates of Textual pass through this module: it compares them with what
the terminal shows and writes the differences with as few control codes as possible.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple, cast

from rich.cells import cell_len, get_character_cell_size
from rich.color import ColorSystem
from rich.console import Console, RenderableType
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import SGR_STYLES, Strip

MAX_REWRITTEN_GAP = 3
"""Up to this many unchanged cells of the same style are written again: skipping them takes more bytes."""


class Pen(NamedTuple):
    """The current style of a terminal as parameters of SGR codes; an empty string is the default."""

    attributes: str = ""
    colour: str = ""
    background: str = ""


PLAIN = Pen()
TerminalCell = tuple[str, Pen]
"""Text and style of a cell; the second cell of a wide character has an empty text."""
CellRow = list[TerminalCell | None]
"""One row of the terminal; None: the content of the cell is unknown."""


class TerminalBuffer:
    """The cells that the terminal shows; reduces updates of Textual to the cells that differ."""

    def __init__(self) -> None:
        self._rows: list[CellRow] = []
        self._width = 0

    def invalidate(self) -> None:
        """Forget the content: another program has written to the terminal."""
        self._rows = []

    def diff(self, update: RenderableType | None) -> RenderableType | None:
        """Return an update with the same effect that writes only what changed.

        An update of the whole screen is written completely, which also repairs the screen.
        """
        if isinstance(update, LayoutUpdate | ChopsUpdate):
            return cast(RenderableType, _DiffedUpdate(self, update))
        return update

    def render_full(self, update: LayoutUpdate, console: Console) -> str:
        """Return the output that writes the whole screen."""
        width = self._width = update.region.width
        self._rows = [
            [*_cells(strips, console), *[None] * width][:width]
            for strips in (list(line) for line in update.strips)
        ]
        return update.render_segments(console)

    def render_changes(self, update: ChopsUpdate, console: Console) -> str:
        """Return the output that writes the changed cells of the refreshed regions."""
        width = update.chop_ends[0][-1]
        if (len(update.chops), width) != (len(self._rows), self._width):
            self._rows, self._width = [[] for _ in update.chops], width
        writer = _Writer()
        for y, begin, end in update.spans:
            row = self._rows[y]
            for until, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
                if strip is not None and x < end and until > begin:
                    _write_changes(writer, row, x, y, _cells([strip], console))
        return writer.text()


class _DiffedUpdate(CompositorUpdate):
    # Textual may drop an update, so the comparison happens when the update is written.
    def __init__(self, buffer: TerminalBuffer, update: LayoutUpdate | ChopsUpdate) -> None:
        self._buffer, self._update = buffer, update

    def render_segments(self, console: Console) -> str:
        if isinstance(self._update, LayoutUpdate):
            return self._buffer.render_full(self._update, console)
        return self._buffer.render_changes(self._update, console)


def _write_changes(writer: _Writer, row: CellRow, x: int, y: int, cells: list[TerminalCell]) -> None:
    """Write those of `cells`, which begin at column `x`, that differ from `row`, and store them there."""
    end = x + len(cells)
    row += [None] * (end - len(row))
    old = row[x:end]
    if old == cells:
        return
    for first, last in _changed_runs(old, cells):
        writer.write(x + first, y, cells[first:last])
        _invalidate_halves(row, x + first, x + last)
        row[x + first : x + last] = cells[first:last]


def _changed_runs(old: CellRow, new: list[TerminalCell]) -> Iterator[tuple[int, int]]:
    """Yield first and last + 1 of every run of cells to write; wide characters are written whole."""
    first = last = -1
    for i, (before, cell) in enumerate(zip(old, new, strict=True)):
        if before == cell or i < last:
            continue
        begin, end = i, i + 1
        while begin and not new[begin][0]:
            begin -= 1
        while end < len(new) and not new[end][0]:
            end += 1
        if first < 0:
            first = begin
        elif begin - last > MAX_REWRITTEN_GAP or any(
            between[1] != new[last - 1][1] for between in new[last:begin]
        ):
            yield first, last
            first = begin
        last = end
    if first >= 0:
        yield first, last


def _invalidate_halves(row: CellRow, first: int, last: int) -> None:
    """Mark the other half of a wide character as unknown when one half is overwritten."""
    begin, end = first, last
    while begin and _is_second_half(row[begin]):
        begin -= 1
    while end < len(row) and _is_second_half(row[end]):
        end += 1
    row[begin:first] = [None] * (first - begin)
    row[last:end] = [None] * (end - last)


def _is_second_half(cell: TerminalCell | None) -> bool:
    return cell is not None and not cell[0]


class _Piece(NamedTuple):
    """Neighbouring cells of one style to write."""

    pen: Pen
    y: int
    x: int
    width: int
    """in cells"""
    text: str


class _Writer:
    """Text and codes of one update; it begins and ends with the default style of the terminal."""

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []

    def write(self, x: int, y: int, cells: list[TerminalCell]) -> None:
        for pen, group in groupby(cells, key=itemgetter(1)):
            texts = [text for text, _ in group]
            self._pieces.append(_Piece(pen, y, x, len(texts), "".join(texts)))
            x += len(texts)

    def text(self) -> str:
        """Return the shorter one of two orders: by place, or by style, which takes more cursor movement.

        Colours of 24 bits take more bytes than a movement, and a row of numbers and bars changes them often.
        """
        by_place = _output(self._pieces)
        if len({piece.pen for piece in self._pieces}) < 2:
            return by_place
        return min(by_place, _output(sorted(self._pieces, key=itemgetter(0))), key=len)


def _output(pieces: Iterable[_Piece]) -> str:
    parts: list[str] = []
    last, at_x, at_y = PLAIN, -1, -1
    for pen, y, x, width, text in pieces:
        if y == at_y and x > at_x:
            parts.append(f"\x1b[{x - at_x}C")
        elif (x, y) != (at_x, at_y):
            parts.append(f"\x1b[{y + 1};{x + 1}H")
        if pen != last:
            parts.append(_pen_codes(last, pen))
            last = pen
        parts.append(text)
        at_x, at_y = x + width, y
    return "".join([*parts, _pen_codes(last, PLAIN)])


@lru_cache(maxsize=4096)
def _pen_codes(old: Pen, new: Pen) -> str:
    """Return the code that changes one style to another."""
    if old == new:
        return ""
    if new == PLAIN:
        return "\x1b[0m"
    if old.attributes != new.attributes:
        codes = ["0" if old != PLAIN else "", *new]
    else:
        codes = [
            "" if old.colour == new.colour else new.colour or "39",
            "" if old.background == new.background else new.background or "49",
        ]
    return f"\x1b[{';'.join(filter(None, codes))}m"


def _cells(strips: Iterable[Strip], console: Console) -> list[TerminalCell]:
    system = console._color_system or ColorSystem.TRUECOLOR
    cells: list[TerminalCell] = []
    for strip in strips:
        for text, style, control in strip:
            if not control:
                cells += _text_cells(text, PLAIN if style is None else _pen(style, system))
    return cells


@lru_cache(maxsize=2048)
def _text_cells(text: str, pen: Pen) -> tuple[TerminalCell, ...]:
    """Return the cells of a text; most of a refreshed row is the same text as before."""
    if text.isascii():
        return tuple((character, pen) for character in text)
    return tuple(_non_ascii_cells(text, pen))


def _non_ascii_cells(text: str, pen: Pen) -> Iterator[TerminalCell]:
    sizes = [get_character_cell_size(character) for character in text]
    if 0 in sizes or sum(sizes) != cell_len(text):
        # The text has combining characters: write it as one unit.
        yield text, pen
        yield from [("", pen)] * (cell_len(text) - 1)
        return
    for character, size in zip(text, sizes, strict=True):
        yield character, pen
        if size == 2:
            yield "", pen


@lru_cache(maxsize=1024)
def _pen(style: Style, system: ColorSystem) -> Pen:
    attributes = style._attributes & style._set_attributes
    sgr = [code for bit, code in enumerate(SGR_STYLES) if attributes & 1 << bit]
    colour, background = style.color, style.bgcolor
    return Pen(
        ";".join(sgr),
        ";".join(colour.downgrade(system).get_ansi_codes()) if colour else "",
        ";".join(background.downgrade(system).get_ansi_codes(False)) if background else "",
    )
