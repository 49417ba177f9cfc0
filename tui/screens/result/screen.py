"""The result screen: warnings first, then every number with its unit, samples and source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical

from runner.cli.places import ResultPlace
from runner.export.table_markdown import as_markdown, as_tsv
from runner.history import baseline
from runner.history.reports import load_report
from runner.report import result_table, text_table
from runner.report.files import read_state
from runner.report.model import Report
from runner.run import layout
from runner.state.configuration import answer_source, states_ranks
from runner.util.errors import UserError
from runner.util.formatting import format_number, plural
from tui.framework.keymap import bindings
from tui.framework.rows import Panel, Row, Span, dim, fitting, row
from tui.framework.run_header import RunHeader, draw_run_header, short_id
from tui.framework.screen import KeyedScreen, KeyFooter
from tui.framework.scrolled_panel import ScrolledPanel
from tui.framework.titles import set_subtitle, set_title
from tui.plots.spark import SparkData, spark_data
from tui.screens.live.stage_strip import describe_exit, draw_stage_line
from tui.screens.result.answers import Answers, draw_answers, one_line
from tui.screens.result.explanation import describe_interval, explain_value
from tui.screens.result.keys import KEYS
from tui.screens.result.metric_table import (
    BEST,
    WORST,
    ExtraName,
    MetricTable,
    draw_table,
    heading_rows,
    layout_table,
    line_at,
    make_table,
    row_index,
)
from tui.screens.result.notices import draw_flags, draw_published
from tui.screens.result.stage_line import stage_line
from tui.text import plain_text, wrap

READ_AT_ONCE = 2 << 20
"""Logs up to this size, in bytes, are read before the first frame; it takes a few hundredths of a second."""


def draw_failure(lines: tuple[str, ...], width: int, height: int) -> list[Row]:
    """Draw the cause of a failure in its colour, then the remedy and the log."""
    drawn: list[Row] = []
    for index, text in enumerate(lines):
        style = "" if index else "bad"
        drawn += [row(Span("▌ ", "bad"), Span(line, style)) for line in wrap(text, max(10, width - 2))]
    return drawn


def _draw_header(header: RunHeader | tuple[()], width: int, height: int) -> list[Row]:
    """Draw the header of a run; `()`: it cannot be read."""
    if isinstance(header, RunHeader):
        return draw_run_header(header, width, height)
    return [row(Span("trtbench-tui", "title"), dim("  result"))]


def draw_detail(table: MetricTable, width: int, height: int) -> list[Row]:
    """Draw two lines on the selected number: its formula, and its samples, note and interval."""
    value = table.value
    if value is None:
        return []
    metric = table.lines[table.selected].metric
    interval = describe_interval(value, metric.digits)
    style = "warn" if value.note else "dim"
    parts = [
        row(Span(part, style))
        for part in (f"n {format_number(value.n)}", value.note, table.ranking, interval)
        if part
    ]
    formula = wrap(metric.formula, max(10, width))[0]
    more = " …" if formula != metric.formula else ""
    return [row(dim(formula + more)), fitting(parts, width)]


def failure_lines(report: Report) -> tuple[str, ...]:
    """Return cause, remedy and log of a run that did not finish."""
    if report.status == "finished" or report.status not in ("failed", "lost", "stopped"):
        return ()
    cause = report.cause
    if not cause:
        broken = [stage for stage in report.stages if stage.status in ("failed", "stopped")]
        cause = "the run was stopped" if report.status == "stopped" else f"the run {_VERBS[report.status]}"
        if broken:
            exit_text = describe_exit(broken[-1].exit_code)
            cause += f" in stage {broken[-1].name}" + (f": {exit_text}" if exit_text else "")
    log = f"log: {report.log}   l shows it" if report.log else ""
    return tuple(plain_text(line) for line in (cause, report.remedy, log) if line)


_VERBS = {"failed": "failed", "lost": "was lost"}


class ResultScreen(KeyedScreen):
    """Shows the report of one run directory, in any state."""

    CSS_PATH = "screen.tcss"
    screen_name = "result"
    own_keys = KEYS
    BINDINGS = bindings(KEYS)

    def __init__(self, run_dir: Path) -> None:
        super().__init__()
        self.run_dir = run_dir
        self.report: Report | None = None
        self.table = MetricTable((), ())

    def compose(self) -> ComposeResult:
        yield Panel(_draw_header, id="header")
        yield Panel(draw_stage_line, id="stages")
        yield Panel(draw_answers, id="answers")
        yield Panel(draw_failure, id="failure")
        yield Panel(draw_flags, id="flags", classes="framed")
        yield Panel(draw_published, id="published")
        with Vertical(id="table-frame", classes="framed"):
            yield Panel(self._draw_heading, id="heading")
            yield ScrolledPanel(draw_table, id="table")
            yield Panel(draw_detail, id="detail")
        yield KeyFooter()

    def on_mount(self) -> None:
        try:
            self.report = layout.mask_of_run(self.run_dir).masked(load_report(self.run_dir))
        except UserError as error:
            self._show_unreadable(error)
        else:
            self._show_report(self.report)

    def _show_unreadable(self, error: UserError) -> None:
        self._panel("#header").update(())
        self._show_failure(tuple(plain_text(line) for line in str(error).splitlines()))
        self.query_one("#flags").display = False
        self.query_one("#table-frame").display = False
        self.show_keys()

    def _show_failure(self, lines: tuple[str, ...]) -> None:
        failure = self._panel("#failure")
        failure.display = bool(lines)
        failure.update(lines)

    def _show_report(self, report: Report) -> None:
        header = RunHeader(
            profile=plain_text(report.profile),
            summary=plain_text(report.summary),
            run=short_id(report.run or self.run_dir.name),
            status=report.status,
            elapsed_s=int(report.seconds),
            job_end=report.job_end,
        )
        flags = tuple(plain_text(flag) for flag in result_table.list_flags(report))
        self._panel("#header").update(header)
        self._panel("#stages").update(stage_line(report))
        pairs = tuple((one_line(answer.prompt), one_line(answer.answer)) for answer in report.answers)
        self._panel("#answers").update(Answers(pairs, answer_source(report.engine)))
        self._show_failure(failure_lines(report))
        flags_panel = self._panel("#flags")
        set_title(flags_panel, f"warnings: {len(flags)}   d shows all")
        flags_panel.display = bool(flags)
        flags_panel.update(flags)
        ranks = f"of {plural(report.ranks, 'rank')}" if states_ranks(report.engine) else "imported"
        title = f"result {ranks}{plain_text(text_table.place_suffix(report))}"
        self.query_one("#table", ScrolledPanel).set_heading(title)
        self.table = make_table(report)
        set_subtitle(self.query_one("#table-frame"), _legend(self.table))
        self._show_table()
        self.show_keys()
        self._read_iterations()
        if self.report is report and (report.gpus or baseline.find_baseline(report.profile) is not None):
            self.run_worker(self._compare, thread=True, exit_on_error=False)

    def _compare(self) -> None:
        """Compare with published numbers and the baseline, in a worker: it reads logs of several runs."""
        from runner.compare.report_context import in_context

        assert self.report is not None
        compared = in_context(self.report, self.run_dir)
        if self.is_attached and compared is not self.report:
            self.app.call_from_thread(self._show_compared, compared)

    def _show_compared(self, report: Report) -> None:
        self.report = report
        self._panel("#published").update(self._published())
        table = make_table(report)
        self.table = replace(
            table,
            required=(*table.required, *self.table.required),
            selected=self.table.selected,
            column=self.table.column,
            full_digits=self.table.full_digits,
            courses=self.table.courses,
            read=self.table.read,
        )
        if text := result_table.describe_baseline(report):
            short = text if report.baseline and report.baseline.why_not else text.partition(":")[0]
            parts = (_legend(self.table), short)
            set_subtitle(self.query_one("#table-frame"), "   ".join(part for part in parts if part))
        self._show_table()

    def _read_iterations(self) -> None:
        """Read the iterations, which are only in the log; a long log is read in a worker."""
        try:
            size = (self.run_dir / layout.EVENTS).stat().st_size
        except OSError:
            return
        if size <= READ_AT_ONCE:
            self._show_courses(self._courses())
        else:
            self.run_worker(self._read_in_worker, thread=True, exit_on_error=False)

    def _read_in_worker(self) -> None:
        courses = self._courses()
        if self.is_attached:
            self.app.call_from_thread(self._show_courses, courses)

    def _courses(self) -> tuple[SparkData, ...]:
        return tuple(map(spark_data, read_state(self.run_dir).configurations))

    def _show_courses(self, courses: tuple[SparkData, ...]) -> None:
        if len(courses) == len(self.table.columns):
            self.table = replace(self.table, courses=courses, read=True)
            self._show_table()

    def _show_table(self) -> None:
        for name in ("#heading", "#table", "#detail"):
            self._panel(name).update(self.table)
        table = self._panel("#table")
        index = row_index(self.table)
        table.choose(index)
        if index is not None:
            # Scroll to the heading of a group together with its first metric.
            table.reveal(max(0, index - 1))
            table.reveal(index)

    def _draw_heading(self, table: MetricTable, width: int, height: int) -> list[Row]:
        return heading_rows(table, width, 1 if self.has_class("-low") else 2)

    def _panel(self, name: str) -> Panel[object]:
        return cast("Panel[object]", self.query_one(name, Panel))

    # --- keys -------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable the keys of the table if there is no report."""
        if parameters == ("baseline",):
            compared = self.report.baseline if self.report is not None else None
            return compared is not None and not compared.why_not
        return self.report is not None or action in ("back", "runs", "home", "quit", "explain")

    def move_rows(self, by: int) -> None:
        self.table = self.table.move(by, 0)
        self._show_table()

    def rows_of_page(self) -> int:
        return max(1, self._panel("#table").size.height - 1)

    def action_column(self, by: int) -> None:
        self.table = self.table.move(0, by)
        self._show_table()

    def action_extra(self, name: ExtraName) -> None:
        width = self._panel("#table").size.width
        self.table = self.table.toggle(name, width)
        self._show_table()
        self._warn_if_hidden(name)

    def action_unrounded(self) -> None:
        self.table = self.table.toggle_digits()
        self._show_table()
        self._warn_if_hidden("printed")

    def _warn_if_hidden(self, name: ExtraName) -> None:
        width = self._panel("#table").size.width
        if name in self.table.required and name not in layout_table(self.table, width).extras:
            self.notify("the terminal is too narrow for this column", timeout=3)

    def on_click(self, event: events.Click) -> None:
        """A click on a number selects it."""
        panel = self._panel("#table")
        offset = event.get_content_offset(panel) if event.widget is panel else None
        line = line_at(self.table, offset.y + panel.top) if offset is not None else None
        if offset is None or line is None:
            return
        column = layout_table(self.table, panel.size.width).configuration_at(offset.x)
        self.table = self.table.select(line, self.table.column if column is None else column)
        self._show_table()

    async def action_explain(self) -> None:
        from tui.screens.dialogs.help import HelpScreen

        if self.table.value is None:
            await self.app.open_dialog(HelpScreen("result"))
        else:
            title, about = explain_value(self.table)
            await self.app.open_dialog(HelpScreen("result", title=title, about=about))

    async def action_details(self) -> None:
        """Show all warnings in full, those with the largest effect first."""
        if self.report is None:
            return
        from tui.screens.dialogs.help import HelpScreen

        flags = [plain_text(flag) for flag in result_table.list_flags(self.report)]
        lines = tuple((f"{number}.", flag) for number, flag in enumerate(flags, 1)) or (("", "no warnings"),)
        about: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
            ("the largest effect on the numbers first", lines),
        )
        if published := self._published():
            about += (("published numbers", tuple(("", sentence) for sentence in published)),)
        await self.app.open_dialog(HelpScreen("result", title="warnings", about=about))

    def _published(self) -> tuple[str, ...]:
        return tuple(map(plain_text, result_table.list_published(self.report))) if self.report else ()

    def action_copy(self) -> None:
        if self.report is not None:
            self._copy(as_markdown(self.report), "as Markdown")

    def action_copy_tsv(self) -> None:
        if self.report is not None:
            self._copy(as_tsv(self.report), "as tab-separated values, for a spreadsheet")

    def _copy(self, text: str, format_text: str) -> None:
        self.app.copy_to_clipboard(text)
        self.notify(f"table copied to the clipboard of your terminal, {format_text}", timeout=3)

    def action_baseline(self) -> None:
        try:
            found = baseline.set_baseline([self.run_dir])
            text = f"this run is now the baseline of {found.profile}"
        except UserError as error:
            text = str(error.args[0])
        self.notify(plain_text(text), timeout=4)

    def action_report(self) -> None:
        """Write the HTML report in a worker; a long log takes seconds."""
        self.notify("writing the HTML report", timeout=2)
        self.run_worker(self._write_report, thread=True, exclusive=True, group="report", exit_on_error=False)

    def _write_report(self) -> None:
        from runner.export import report_file

        try:
            path = report_file.write(self.run_dir)
        except UserError as error:
            self.app.call_from_thread(self.app.notify_error, error)
            return
        where = "opened" if report_file.show(path) else "no desktop here; copy the file to one, or open"
        self.app.call_from_thread(self.notify, f"{where} {path}", title="HTML report", timeout=15)

    async def action_log(self) -> None:
        log = self._find_log()
        if log is None:
            self.notify("this run has no log", timeout=3)
            return
        from tui.screens.live.log_page import LogScreen

        await self.app.open_dialog(LogScreen(log))

    def _find_log(self) -> Path | None:
        """Return the log with the cause of a failure, else the log of the last stage."""
        if self.report is None:
            return None
        log = self.run_dir / Path(self.report.log).name
        if self.report.log and log.is_file():
            return log
        names = [stage.name for stage in self.report.stages]
        found = sorted(self.run_dir.glob(f"*-{names[-1]}.log")) if names else []
        return found[-1] if found else None

    def action_again(self) -> None:
        self.app.open_home_with(self.run_dir)


def _legend(table: MetricTable) -> str:
    """Return the meaning of the marks in the table; empty without marks."""
    return f"{BEST} best   {WORST} worst of equal work, intervals apart" if table.has_marks else ""


def open_screen(place: ResultPlace) -> ResultScreen:
    return ResultScreen(place.run_dir)
