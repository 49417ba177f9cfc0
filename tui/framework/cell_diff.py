"""Only the cells that changed go to the terminal.

Textual writes all cells of a region that was refreshed, each run of one style with both of its colours and
a reset. Over ssh that is most of what is sent, so its updates pass through here: they are compared with what
the terminal shows, and what differs is written with as few codes as that takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple, cast

from rich.cells import cell_len, get_character_cell_size
from rich.color import ColorSystem
from rich.console import Console, RenderableType
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import SGR_STYLES, Strip

NEAR = 3
"""Unchanged cells of the same style up to this many are written again: a jump over them takes more."""


class Pen(NamedTuple):
    """How a terminal writes: parameters of SGR codes; empty: its default."""

    attributes: str = ""
    colour: str = ""
    background: str = ""


PLAIN = Pen()
Cell = tuple[str, Pen]
"""What one cell shows; the cells behind a wide character, which shows there too, have an empty text."""
Line = list[Cell | None]
"""None: nobody knows what is there."""


class Shown:
    """What the terminal shows; turns updates into those that write what is new."""

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._width = 0

    def forget(self) -> None:
        """Somebody else has written to the terminal."""
        self._lines = []

    def lean(self, update: RenderableType | None) -> RenderableType | None:
        """An update with the same effect. A whole screen is written whole, which repairs it."""
        if isinstance(update, LayoutUpdate | ChopsUpdate):
            return cast(RenderableType, _Lean(self, update))
        return update

    def whole(self, update: LayoutUpdate, console: Console) -> str:
        """What writes a whole screen."""
        width = self._width = update.region.width
        self._lines = [
            [*_cells(strips, console), *[None] * width][:width]
            for strips in (list(line) for line in update.strips)
        ]
        return update.render_segments(console)

    def changes(self, update: ChopsUpdate, console: Console) -> str:
        """What writes the cells of refreshed regions that are not shown yet."""
        width = update.chop_ends[0][-1]
        if (len(update.chops), width) != (len(self._lines), self._width):
            self._lines, self._width = [[] for _ in update.chops], width
        writer = _Writer()
        for y, begin, end in update.spans:
            line = self._lines[y]
            for until, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
                if strip is not None and x < end and until > begin:
                    _write(writer, line, x, y, list(_cells([strip], console)))
        return writer.text()


class _Lean(CompositorUpdate):
    # Textual may drop an update, so nothing is compared before it is written.
    def __init__(self, shown: Shown, update: LayoutUpdate | ChopsUpdate) -> None:
        self._shown, self._update = shown, update

    def render_segments(self, console: Console) -> str:
        if isinstance(self._update, LayoutUpdate):
            return self._shown.whole(self._update, console)
        return self._shown.changes(self._update, console)


def _write(writer: _Writer, line: Line, x: int, y: int, cells: list[Cell]) -> None:
    """Write what differs of `cells`, which begin at column `x`, and keep it in `line`."""
    end = x + len(cells)
    line += [None] * (end - len(line))
    old = line[x:end]
    if old == cells:
        return
    for first, last in _runs(old, cells):
        writer.write(x + first, y, cells[first:last])
        _forget_halves(line, x + first, x + last)
        line[x + first : x + last] = cells[first:last]


def _runs(old: Line, new: list[Cell]) -> Iterator[tuple[int, int]]:
    """First and last + 1 of every stretch of cells to write; wide characters are written whole."""
    first = last = -1
    for i, (was, cell) in enumerate(zip(old, new, strict=True)):
        if was == cell or i < last:
            continue
        begin, end = i, i + 1
        while begin and not new[begin][0]:
            begin -= 1
        while end < len(new) and not new[end][0]:
            end += 1
        if first < 0:
            first = begin
        elif begin - last > NEAR or any(near[1] != new[last - 1][1] for near in new[last:begin]):
            yield first, last
            first = begin
        last = end
    if first >= 0:
        yield first, last


def _forget_halves(line: Line, first: int, last: int) -> None:
    """Who overwrites one half of a wide character takes the other half with it."""
    begin, end = first, last
    while begin and _is_behind(line[begin]):
        begin -= 1
    while end < len(line) and _is_behind(line[end]):
        end += 1
    line[begin:first] = [None] * (first - begin)
    line[last:end] = [None] * (end - last)


def _is_behind(cell: Cell | None) -> bool:
    return cell is not None and not cell[0]


class _Writer:
    """Text and codes of one update; it begins and ends with the terminal's default style."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._pen = PLAIN
        self._x = self._y = -1

    def write(self, x: int, y: int, cells: list[Cell]) -> None:
        if y == self._y and x > self._x:
            self._parts.append(f"\x1b[{x - self._x}C")
        elif (x, y) != (self._x, self._y):
            self._parts.append(f"\x1b[{y + 1};{x + 1}H")
        for text, pen in cells:
            if pen != self._pen:
                self._parts.append(_change(self._pen, pen))
                self._pen = pen
            self._parts.append(text)
        self._x, self._y = x + len(cells), y

    def text(self) -> str:
        return "".join([*self._parts, _change(self._pen, PLAIN)])


@lru_cache(maxsize=4096)
def _change(old: Pen, new: Pen) -> str:
    """The code from one style to another."""
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


def _cells(strips: Iterable[Strip], console: Console) -> Iterator[Cell]:
    system = console._color_system or ColorSystem.TRUECOLOR
    for strip in strips:
        for text, style, control in strip:
            if control:
                continue
            pen = PLAIN if style is None else _pen(style, system)
            if text.isascii():
                yield from ((character, pen) for character in text)
            else:
                yield from _wide(text, pen)


def _wide(text: str, pen: Pen) -> Iterator[Cell]:
    sizes = [get_character_cell_size(character) for character in text]
    if 0 in sizes or sum(sizes) != cell_len(text):
        # Characters that join others: one unit, written as a whole.
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
