"""Draw the findings of preflight, and the commands of a run, wrapped so that a shell accepts them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType

from runner.util.formatting import plural
from tui.framework.keymap import MOVEMENT, RowMovement, bindings
from tui.framework.rows import Panel, Row, Span, dim, row
from tui.framework.titles import set_subtitle
from tui.text import width_of, wrap

INDENT = "    "
_WORD = re.compile(r"(?:[^\s'\"]|'[^']*'|\"[^\"]*\")+")


@dataclass(frozen=True, slots=True)
class ShellCommand:
    """The command of a stage."""

    title: str
    shell: str
    """empty: the stage is not run"""
    again: str = ""
    """why the result of an earlier run cannot be reused"""
    lines: tuple[str, ...] = ()
    """the content of a file that the run writes, instead of a command"""


@dataclass(frozen=True, slots=True)
class PreflightFinding:
    """A problem found by preflight."""

    fails: bool
    """True: the run would fail; False: its results may be unreliable"""
    name: str
    text: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class RunCommands:
    """The commands of a run, or the reason why it cannot start."""

    commands: tuple[ShellCommand, ...] = ()
    notes: tuple[str, ...] = ()
    error: str = ""
    hint: str = ""
    findings: tuple[PreflightFinding, ...] = ()
    """problems found by preflight, worst first"""
    nodes: int = 1
    """machines that the run uses"""
    waiting: str = ""
    """message while the plan is made"""


class CommandView(RowMovement, Panel[RunCommands], can_focus=True):
    """Scrolls with the arrow keys while it has the focus, and always with the mouse wheel."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(MOVEMENT)

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(draw_commands, id=id, classes=classes)

    def move_rows(self, by: int) -> None:
        self.move_to(self.top + by)

    def rows_of_page(self) -> int:
        return max(1, self.size.height - 1)

    def show(self, rows: Sequence[Row], cursor: int | None = None, *, top: int | None = None) -> None:
        super().show(rows, cursor, top=top)
        self._update_subtitle()

    def move_to(self, top: int) -> None:
        super().move_to(top)
        self._update_subtitle()

    def on_resize(self) -> None:
        self.call_after_refresh(self._update_subtitle)

    def _update_subtitle(self) -> None:
        below = self.last_top - self.top
        set_subtitle(self, plural(below, "more line") if below > 0 else "")


def draw_commands(commands: RunCommands, width: int, height: int) -> list[Row]:
    """Draw errors, findings and notes first: the user should see them before Enter."""
    if commands.waiting:
        return [row(dim(line)) for line in wrap(commands.waiting, width)]
    rows: list[Row] = [row(Span(line, "bad")) for line in wrap(commands.error, width) if commands.error]
    rows += [row(line) for line in wrap(commands.hint, width) if commands.hint]
    for finding in commands.findings:
        rows += _draw_finding(finding, width)
    rows += [row(Span(line, "warn")) for note in commands.notes for line in wrap(f"note: {note}", width)]
    for command in commands.commands:
        rows += [row(dim(line)) for line in wrap(f"# {command.title}", width)]
        again = f"# made again: {command.again}"
        rows += [row(Span(line, "warn")) for line in wrap(again, width) if command.again]
        rows += [row(line) for line in wrap_shell(command.shell, width) if command.shell]
        rows += [row(part) for line in command.lines for part in _break_line(line, width)]
    return rows


def _draw_finding(finding: PreflightFinding, width: int) -> list[Row]:
    """Draw glyph, name and text, with the fix on the same line if it fits."""
    mark = Span("✖ ", "bad") if finding.fails else Span("! ", "warn")
    lines = wrap(f"{finding.name}: {finding.text}", width - 2)
    fix = f"fix: {finding.fix}" if finding.fix else ""
    if fix and len(lines) == 1 and 2 + width_of(f"{lines[0]}   {fix}") <= width:
        return [row(mark, lines[0], dim(f"   {fix}"))]
    rows = [row("  " if number else mark, line) for number, line in enumerate(lines)]
    return rows + [row("  ", dim(line)) for line in wrap(fix, width - 2) if fix]


def wrap_shell(command: str, width: int) -> list[str]:
    """Wrap a shell command with backslashes; an option and its value stay on one line."""
    lines: list[str] = []
    line = ""
    room = width - width_of(" \\")
    for group in _groups(_WORD.findall(command), room - width_of(INDENT)):
        joined = f"{line} {group}" if line else group
        if not line or width_of(joined) <= room:
            line = joined
        else:
            lines.append(f"{line} \\")
            line = INDENT + group
    lines.append(line)
    # A word that is longer than the pane is broken without a backslash: a shell has no syntax for it.
    return [
        part for line in lines for part in (_break_line(line, width) if width_of(line) > width else [line])
    ]


def _break_line(line: str, width: int) -> list[str]:
    if width_of(line) <= width:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    parts = wrap(line.lstrip(), max(1, width - len(indent)))
    return [indent + part for part in parts]


def _groups(words: Sequence[str], room: int) -> list[str]:
    """Group words that share a line: an option with its value, if both fit."""
    groups: list[list[str]] = []
    for word in words:
        last = groups[-1] if groups else []
        option = len(last) == 1 and last[0].startswith("-") and not word.startswith("-")
        if option and width_of(f"{last[0]} {word}") <= room:
            last.append(word)
        else:
            groups.append([word])
    return [" ".join(group) for group in groups]
