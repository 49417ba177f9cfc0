"""The comparison screen: the answer, bars with intervals, the change of every number, and differences."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message

from runner.cli.places import ComparePlace
from runner.compare import Comparison, compare, load_sides
from runner.compare.answer import bar_lines, bars_title
from runner.metrics import BY_NAME
from runner.util.errors import UserError
from runner.util.formatting import plural
from tui.framework.keymap import Key, bindings
from tui.framework.picker import LinePicker, Picker
from tui.framework.rows import Panel, Row, Span, dim, row, spread
from tui.framework.screen import KeyedScreen, KeyFooter
from tui.framework.titles import set_title
from tui.screens.compare.compare_table import (
    VERDICTS,
    ChosenChange,
    CompareView,
    draw_chosen,
    draw_heading,
    format_share,
    make_compare_view,
    table_lines,
    verdict_meanings,
    verdict_reasons,
)
from tui.screens.compare.keys import KEYS
from tui.screens.compare.overview import (
    differences_title,
    draw_answer,
    draw_bars,
    draw_difference_count,
    draw_differences,
    draw_method,
    draw_sides,
)
from tui.text import plain_text, wrap

if TYPE_CHECKING:
    from tui.screens.dialogs.help import HelpSection

PARTS = ("#answer", "#sides", "#bars", "#method", "#differences", "#difference-count")
"""panels that show a part of the comparison"""
_ALWAYS_ENABLED = ("back", "runs", "home", "quit", "explain")
"""actions that need no comparison"""


class CompareScreen(KeyedScreen):
    """Compares in a worker, because logs of a million iterations take a while, and shows the result."""

    CSS_PATH = "screen.tcss"
    screen_name = "compare"
    own_keys = KEYS
    BINDINGS: ClassVar[list[BindingType]] = bindings(KEYS)

    @dataclass
    class Compared(Message):
        """The worker has finished: a comparison with the directory of each side, or the problem."""

        comparison: Comparison | None
        run_dirs: tuple[Path, ...] = ()
        problem: str = ""

    def __init__(self, names: tuple[str, ...]) -> None:
        """Take the names of the sides, in the format of `runner.compare.sides`."""
        super().__init__()
        self._names = names
        self._view: CompareView | None = None
        self._run_dirs: tuple[Path, ...] = ()
        """directory of the first run of each side"""

    def compose(self) -> ComposeResult:
        yield Panel(_draw_header, id="header")
        yield Panel(_draw_problem, id="problem")
        yield Panel(draw_answer, id="answer")
        yield Panel(draw_sides, id="sides")
        yield Panel(draw_bars, id="bars", classes="framed")
        with Vertical(id="changes", classes="framed"):
            yield Panel(draw_heading, id="heading")
            yield LinePicker(id="change-list")
            yield Panel(draw_chosen, id="chosen")
        yield Panel(draw_method, id="method")
        yield Panel(draw_differences, id="differences", classes="framed")
        yield Panel(draw_difference_count, id="difference-count")
        yield KeyFooter()

    def on_mount(self) -> None:
        self._show_parts(False)
        self._show_status("comparing ...", "dim")
        self.show_keys()
        self.run_worker(self._compare, thread=True)

    def _compare(self) -> None:
        try:
            found = load_sides(self._names)
            result = self.Compared(compare(found), tuple(side.runs[0].run_dir for side in found))
        except UserError as error:
            result = self.Compared(None, problem=str(error))
        self.post_message(result)

    def on_compare_screen_compared(self, message: Compared) -> None:
        if message.comparison is None:
            self._show_status(message.problem, "bad")
            self.show_keys()
            return
        self._view = make_compare_view(message.comparison)
        self._run_dirs = message.run_dirs
        self._show_status("", "")
        self._show_parts(True)
        self.query_one(LinePicker).focus()
        self._show()

    def _show_parts(self, visible: bool) -> None:
        self.set_class(not visible, "-empty")

    def _show_status(self, text: str, style: str) -> None:
        problem: Panel[tuple[str, str]] = self.query_one("#problem", Panel)
        problem.display = bool(text)
        problem.update((text, style))
        header: Panel[CompareView | tuple[()]] = self.query_one("#header", Panel)
        header.update(self._view or ())

    def _show(self) -> None:
        view = self._view
        assert view is not None
        for name in ("#header", *PARTS, "#heading"):
            panel: Panel[CompareView] = self.query_one(name, Panel)
            panel.update(view)
        pair = view.comparison.pairs[view.pair]
        set_title(self.query_one("#bars"), bars_title(pair, bar_lines(pair), view.comparison.level))
        set_title(self.query_one("#differences"), differences_title(view))
        set_title(self.query_one("#changes"), _title(view))
        picker = self.query_one(LinePicker)
        picker.show_lines(lambda width: table_lines(view, width), picker.chosen)
        self._show_chosen()
        self.show_keys()

    def on_picker_chosen(self, event: Picker.Chosen) -> None:
        self._show_chosen()

    def _chosen(self) -> ChosenChange | None:
        if self._view is None or not self._view.lines:
            return None
        return ChosenChange(self._view, self._view.lines[self.query_one(LinePicker).chosen])

    def _show_chosen(self) -> None:
        panel: Panel[ChosenChange | tuple[()]] = self.query_one("#chosen", Panel)
        panel.update(self._chosen() or ())

    # --- keys -------------------------------------------------------------------------------------------

    def footer_keys(self) -> list[Key]:
        keys = self.active_keys()
        return keys if self._view else [key for key in keys if key.action in _ALWAYS_ENABLED]

    def move_rows(self, by: int) -> None:
        self.query_one(LinePicker).move_rows(by)

    def rows_of_page(self) -> int:
        return self.query_one(LinePicker).rows_of_page()

    def action_side(self, by: int) -> None:
        """Select the side to the left or to the right."""
        if self._view is not None:
            self._view = self._view.move_side(by)
            self._show()

    def on_click(self, event: events.Click) -> None:
        """A click on a side selects it."""
        if self._view is not None and event.widget is self.query_one("#sides"):
            offset = event.get_content_offset(event.widget)
            if offset is not None and offset.y < len(self._view.comparison.sides):
                self.action_side(offset.y - self._view.side)

    def action_open(self) -> None:
        if self._view is not None:
            self.app.open_result(self._run_dirs[self._view.side])

    def on_picker_activated(self, event: Picker.Activated) -> None:
        self.action_open()

    def action_baseline(self) -> None:
        """Make the selected side the first, which the others are compared with."""
        if self._view is not None:
            first = self._view.side or 1
            others = [name for index, name in enumerate(self._names) if index != first]
            self.app.open_compare((self._names[first], *others))

    async def action_details(self) -> None:
        """Show all differences in full."""
        if self._view is None:
            return
        from tui.screens.dialogs.help import HelpScreen

        comparison = self._view.comparison
        found = [
            (
                one.name + (" (not comparable)" if one.kind == "unfair" else ""),
                tuple(
                    (side.label, plain_text(value))
                    for side, value in zip(comparison.sides, one.values, strict=True)
                ),
            )
            for one in comparison.differences
        ]
        empty = (("no known difference", (("", "same machine, software and profile"),)),)
        await self.app.open_dialog(HelpScreen("compare", title="differences", about=tuple(found) or empty))

    async def action_explain(self) -> None:
        from tui.screens.dialogs.help import HelpScreen

        chosen = self._chosen()
        if chosen is None:
            await self.app.open_dialog(HelpScreen("compare"))
        else:
            title, about = explain_change(chosen)
            await self.app.open_dialog(HelpScreen("compare", title=title, about=about))

    def action_copy(self) -> None:
        if self._view is None:
            return
        from runner.compare.comparison_markdown import as_markdown

        self.app.copy_to_clipboard(as_markdown(self._view.comparison))
        self.notify("comparison copied to the clipboard of your terminal, as Markdown", timeout=3)

    def action_report(self) -> None:
        """Write the comparison as an HTML page in a worker, and open it if there is a desktop."""
        if self._view is not None:
            comparison = self._view.comparison
            self.run_worker(lambda: self._write_report(comparison), thread=True, group="report")

    def _write_report(self, comparison: Comparison) -> None:
        from runner.export import report_file

        try:
            path = report_file.write_comparison(comparison)
        except UserError as error:
            self.app.call_from_thread(self.app.notify_error, error)
            return
        where = "opened" if report_file.show(path) else "no desktop here; copy the file to one, or open"
        self.app.call_from_thread(self.notify, f"{where} {path}", title="HTML report", timeout=15)


def group_sides(entries: Iterable[tuple[str, object]]) -> tuple[str, ...]:
    """Group runs into sides of a comparison: repeats of one sweep cell are one side.

    Args:
        entries: id or directory of a run, and the cell that it is a repeat of; None: no cell.
    """
    found: dict[object, list[str]] = {}
    for run, cell in entries:
        found.setdefault(run if cell is None else cell, []).append(run)
    return tuple(",".join(runs) for runs in found.values())


def one_side_text(runs: int) -> str:
    """Return what to do if the chosen runs are fewer than two sides."""
    why = "these runs are repeats of one configuration; " if runs > 1 else ""
    return f"{why}mark two or more runs with space to compare them"


def _title(view: CompareView) -> str:
    first, *others = (side.label for side in view.comparison.sides)
    return f"from {first} to {', '.join(others)}"


def _draw_header(view: CompareView | tuple[()], width: int, height: int) -> list[Row]:
    left = row(Span("trtbench-tui", "title"), dim("  compare"))
    if not isinstance(view, CompareView):
        return [left]
    counts: dict[str, int] = {}
    for line in view.lines:
        change = line.changes[view.pair]
        if change is not None and change.verdict:
            counts[change.verdict] = counts.get(change.verdict, 0) + 1
    found = [f"{count} {verdict}" for verdict in VERDICTS if (count := counts.get(verdict))]
    return [spread(left, row(dim(" · ".join(found))), width)]


def _draw_problem(problem: tuple[str, str], width: int, height: int) -> list[Row]:
    text, style = problem
    lines = [line for part in text.splitlines() for line in wrap(plain_text(part), max(10, width)) if line]
    return [row(Span(line, style)) for line in lines]


def explain_change(chosen: ChosenChange) -> tuple[str, tuple[HelpSection, ...]]:
    """Return title and sections about the selected change: number, verdict, meaning of the verdicts."""
    metric, change, pair = BY_NAME[chosen.line.metric], chosen.change, chosen.pair
    about = [("formula", metric.formula), ("source", metric.source)]
    if metric.better != "neither":
        about.append(("better", metric.better))
    if metric.conditions:
        about.append(("conditions", metric.conditions))
    sections: list[HelpSection] = [("this number", tuple(about))]
    if change is not None:
        verdict = [("change", f"{format_share(change.change)} from {pair.first} to {pair.second}")]
        if change.verdict:
            verdict.append(("verdict", VERDICTS[change.verdict].text))
        verdict += [("", reason) for reason in verdict_reasons(chosen, change)]
        counted = plural(len(chosen.view.comparison.sides[0].runs), "run")
        verdict.append(("method", f"{pair.method} ({pair.first}: {counted})"))
        sections.append(("this change", tuple(verdict)))
    sections.append(("verdicts", tuple(verdict_meanings(chosen.view.comparison))))
    return f"{metric.title} · {pair.first} → {pair.second}", tuple(sections)


def open_screen(place: ComparePlace) -> CompareScreen:
    return CompareScreen(place.names)
