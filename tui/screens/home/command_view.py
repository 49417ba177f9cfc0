"""The commands that a run will execute, wrapped so that they can still be pasted into a shell, after what
preflight says about them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tui.framework.rows import Panel, Row, Span, dim, row
from tui.text import width_of, wrap

INDENT = "    "
_WORD = re.compile(r"(?:[^\s'\"]|'[^']*'|\"[^\"]*\")+")


@dataclass(frozen=True, slots=True)
class Command:
    """One stage as the pane shows it."""

    title: str
    shell: str
    """empty: the stage is not run"""
    again: str = ""
    """why what an earlier run made has to be made again"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that preflight found wrong."""

    fails: bool
    """the run would fail; else its numbers may be doubtful"""
    name: str
    text: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Commands:
    """What a run would do, or why there can be none."""

    commands: tuple[Command, ...] = ()
    notes: tuple[str, ...] = ()
    error: str = ""
    hint: str = ""
    verdicts: tuple[Verdict, ...] = ()
    """what preflight found wrong, worst first"""
    waiting: str = ""
    """what is being found out, while nothing else can be said"""


class CommandView(Panel[Commands], can_focus=True):
    """Scrolls with the arrow keys while it has the focus, and with the wheel at any time."""

    BINDINGS = [("up,k", "scroll(-1)", ""), ("down,j", "scroll(1)", "")]  # noqa: RUF012

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(draw_commands, id=id, classes=classes)

    def action_scroll(self, lines: int) -> None:
        self.move_to(self.top + lines)
        self._tell_more()

    def show(self, rows: Sequence[Row], cursor: int | None = None, *, top: int | None = None) -> None:
        super().show(rows, cursor, top=top)
        self._tell_more()

    def move_to(self, top: int) -> None:
        super().move_to(top)
        self._tell_more()

    def on_resize(self) -> None:
        self.call_after_refresh(self._tell_more)

    def _tell_more(self) -> None:
        below = self.last_top - self.top
        self.border_subtitle = f"{below} more {'line' if below == 1 else 'lines'}" if below > 0 else ""


def draw_commands(commands: Commands, width: int, height: int) -> list[Row]:
    """Errors, verdicts and notes first: they are what to know before Enter."""
    if commands.waiting:
        return [row(dim(commands.waiting))]
    rows: list[Row] = [row(Span(line, "bad")) for line in wrap(commands.error, width) if commands.error]
    rows += [row(line) for line in wrap(commands.hint, width) if commands.hint]
    for verdict in commands.verdicts:
        rows += _verdict(verdict, width)
    rows += [row(Span(line, "warn")) for note in commands.notes for line in wrap(f"note: {note}", width)]
    for command in commands.commands:
        rows += [row(dim(line)) for line in wrap(f"# {command.title}", width)]
        again = f"# made again: {command.again}"
        rows += [row(Span(line, "warn")) for line in wrap(again, width) if command.again]
        rows += [row(line) for line in wrap_shell(command.shell, width) if command.shell]
    return rows


def _verdict(verdict: Verdict, width: int) -> list[Row]:
    """Glyph, name and finding, and the fix on the same line where there is room for it."""
    mark = Span("✖ ", "bad") if verdict.fails else Span("! ", "warn")
    lines = wrap(f"{verdict.name}: {verdict.text}", width - 2)
    fix = f"fix: {verdict.fix}" if verdict.fix else ""
    if fix and len(lines) == 1 and 2 + width_of(f"{lines[0]}   {fix}") <= width:
        return [row(mark, lines[0], dim(f"   {fix}"))]
    rows = [row("  " if number else mark, line) for number, line in enumerate(lines)]
    return rows + [row("  ", dim(line)) for line in wrap(fix, width - 2) if fix]


def wrap_shell(command: str, width: int) -> list[str]:
    """A shell command on lines that end in a backslash; an option stays beside its value."""
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
    # A word that is longer than the pane goes on in the next line; there is no way to break it for a shell.
    return [part for line in lines for part in (_broken(line, width) if width_of(line) > width else [line])]


def _broken(line: str, width: int) -> list[str]:
    indent = line[: len(line) - len(line.lstrip())]
    parts = wrap(line.lstrip(), max(1, width - len(indent)))
    return [indent + part for part in parts]


def _groups(words: Sequence[str], room: int) -> list[str]:
    """Words that should share a line: an option with its value, when they fit on one."""
    groups: list[list[str]] = []
    for word in words:
        last = groups[-1] if groups else []
        option = len(last) == 1 and last[0].startswith("-") and not word.startswith("-")
        if option and width_of(f"{last[0]} {word}") <= room:
            last.append(word)
        else:
            groups.append([word])
    return [" ".join(group) for group in groups]
