"""The whole result of a run as one HTML file: no network, no script, for light, dark and paper."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import BinaryIO

from runner.export import charts, svg
from runner.export.run_data import Subject
from runner.metrics.outlier_causes import LETTERS, Outlier, outliers
from runner.report import result_table
from runner.report.model import Report, Row
from runner.report.result_table import Grid, Line
from runner.report.text_table import after
from runner.state.configuration import answers_from
from runner.util.formatting import duration

MOST_OUTLIERS = 40
_STYLE = Path(__file__).with_name("page.css")
# Whatever a name, a log or a prompt holds: a browser must neither load nor run anything of it.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def write(subject: Subject, out: BinaryIO) -> None:
    for piece in _page(subject):
        out.write(piece.encode(errors="replace"))


def _page(subject: Subject) -> Iterator[str]:
    report = subject.report
    style = _STYLE.read_text(encoding="utf-8")
    yield (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(report.profile)} · {escape(report.run)}</title>"
        f"<style>{style}{svg.STYLE}</style></head><body><main>\n"
    )
    yield from _head(report)
    yield from _doubts(report)
    yield from _table(result_table.grid_of(report), report)
    yield from _charts(subject)
    yield from _ranks(subject)
    yield from _stages(report)
    yield from _answers(report)
    yield from _environment(subject)
    yield from _commands(subject)
    yield (
        f"<footer>made by trtbench-tui {escape(subject.environment.version)} from the log of the run"
        " · everything in this file was measured in that run or follows from it by the formula that stands"
        " beside it</footer></main></body></html>\n"
    )


def _head(report: Report) -> Iterator[str]:
    started = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(report.started)) if report.started else ""
    ranks = f"{report.ranks} rank{'s' if report.ranks != 1 else ''}"
    host = f" on {report.host}" if report.host else ""
    when = f" · started {started}" if started else ""
    yield f"<h1>{escape(report.profile)}</h1><p>{escape(report.summary)}</p>"
    yield (
        f'<p><span class="state {escape(report.status)}">{escape(report.status.upper())}</span>'
        f' <span class="dim">{after(report).lstrip()} · engine {escape(report.engine)}'
        f" · {ranks}{escape(host)}{when} · run {escape(report.run)}</span></p>\n"
    )


def _doubts(report: Report) -> Iterator[str]:
    if report.cause:
        remedy = f"<p>To do: {escape(report.remedy)}</p>" if report.remedy else ""
        log = f'<p class="dim">Log: {escape(report.log)}</p>' if report.log else ""
        yield f'<div class="failure"><strong>{escape(report.cause)}</strong>{remedy}{log}</div>\n'
    flags = result_table.flags_in_words(report)
    if flags:
        items = "".join(f"<li>{escape(flag)}</li>" for flag in flags)
        title = "Read this first: reasons for doubt"
        yield f'<div class="doubts"><strong>{title}</strong><ul>{items}</ul></div>\n'


# --- the table ---------------------------------------------------------------------------------------------


def _table(table: Grid, report: Report) -> Iterator[str]:
    yield "<h2>Result</h2>\n"
    if not table.lines:
        yield "<p>No number was measured.</p>\n"
        return
    heads = "".join(f"<th>{escape(name)}</th>" for name in table.columns)
    kind = ' class="many"' if len(table.columns) > 1 else ""
    yield f'<div class="wide"><table{kind}><thead><tr><th>metric</th><th>unit</th>'
    yield f"{heads}</tr></thead><tbody>\n"
    notes: dict[str, int] = {}
    for heading, lines in table.groups():
        yield f'<tr><th colspan="{len(table.columns) + 2}">{escape(heading)}</th></tr>\n'
        for line in lines:
            cells = "".join(_cell(line, index, row, notes) for index, row in enumerate(line.values))
            yield f"<tr><td>{_explained(line)}</td><td>{escape(line.metric.unit)}</td>{cells}</tr>\n"
    yield "</tbody></table></div>\n"
    if notes:
        items = "".join(f"<li>{escape(note)}</li>" for note in notes)
        yield f'<ol class="notes">{items}</ol>\n'
    if words := result_table.baseline_words(report):
        yield f"<p>{escape(words)}</p>\n"
    yield (
        f'<p class="dim">{escape(result_table.MARGIN_MEANS)}. Printed: what the engine itself'
        " printed for the same quantity. A click on a metric says how it is made.</p>\n"
    )


def _explained(line: Line) -> str:
    """The name of a metric, which opens to what it is."""
    metric = line.metric
    n = sorted({row.n for row in line.values if row is not None and row.value is not None})
    counted = f" {escape(metric.count)}" if metric.count else ""
    sample = f" n: {' to '.join(map(str, n if len(n) < 2 else (n[0], n[-1])))}{counted}." if n else ""
    better = f" Better: {metric.better}." if metric.better != "neither" else ""
    key = f" Printed as <code>{escape(metric.upstream_key)}</code>." if metric.upstream_key else ""
    return (
        f"<details><summary>{escape(metric.title)}</summary><p>{escape(metric.formula)}.</p>"
        f"<p>Source: {escape(metric.source)}.{better}{sample}{key}</p>"
        f"<p>{escape(metric.conditions)}</p></details>"
    )


def _cell(line: Line, index: int, row: Row | None, notes: dict[str, int]) -> str:
    if row is None:
        return "<td>–</td>"
    note = f"<sup>{notes.setdefault(row.note, len(notes) + 1)}</sup>" if row.note else "<sup></sup>"
    place = "best" if index == line.best else "worst" if index == line.worst else ""
    mark = f'<span class="place">{place}</span>' if len(line.values) > 1 else ""
    versus = f"{change} vs baseline" if (change := result_table.versus(row)) else ""
    below = " · ".join(
        filter(None, (result_table.margin(row), versus, row.printed and f"printed {row.printed}"))
    )
    printed = f'<span class="printed">{escape(below)}</span>' if below else ""
    kind = ' class="doubtful"' if row.value is None else ""
    against = result_table.versus_words(row.versus, line.metric.digits) if row.versus else ""
    title = escape("; ".join(filter(None, (f"n {row.n}", row.note, against))))
    return f'<td{kind} title="{title}">{result_table.cell(row, line.metric)}{note}{mark}{printed}</td>'


# --- charts ------------------------------------------------------------------------------------------------


def _charts(subject: Subject) -> Iterator[str]:
    window = charts.window_of(subject)
    latency = charts.latency(subject, window)
    gpus = charts.gpus(subject, window)
    if latency or gpus:
        yield "<h2>Over time</h2>\n"
        yield (
            '<p class="dim">Time since the start of the run. Shaded: warm-up, drawn at the edge where it lies'
            " beyond the scale. Dotted: mean; dashed: p95, from 20 iterations on. Letters: outliers."
            " Of many points, each stands for several and spans their range. Rest the pointer on something to"
            " read it.</p>\n"
        )
    yield from (one.drawn + "\n" for one in (latency, *gpus) if one is not None)
    yield from _outliers(subject)
    engines = charts.engine_iterations(subject)
    if engines:
        yield "<h2>Over the engine's own time</h2>\n"
    yield from (one.drawn + "\n" for one in engines)
    if not gpus:
        why = subject.environment.no_gpu or "none of a GPU that the ranks computed on"
        yield f'<p class="dim">No GPU readings: {escape(why)}.</p>\n'
    drawn = charts.histograms(subject)
    if drawn:
        yield '<h2>How latencies are distributed</h2><div class="pair">\n'
        yield from (f"<div>{one.drawn}</div>\n" for _, one in drawn)
        yield "</div>\n"


def _outliers(subject: Subject) -> Iterator[str]:
    """The iterations that the letters in the chart are about, in words."""
    rows = [
        (name, str(found.slow.i + 1), result_table.thousands(found.slow.latency_ms, 3), _cause(found))
        for number, name in enumerate(map(result_table.configuration_name, subject.report.configurations))
        for found in outliers(subject.state, number)
    ]
    if rows:
        yield f"<h2>{len(rows)} slow iteration{'s' if len(rows) > 1 else ''}</h2>\n"
        yield _words(("configuration", "iteration", "latency, ms", "cause"), rows[:MOST_OUTLIERS])
    if len(rows) > MOST_OUTLIERS:
        yield f'<p class="dim">and {len(rows) - MOST_OUTLIERS} more</p>\n'


def _cause(found: Outlier) -> str:
    letter, word = LETTERS[found.cause]
    return f"{letter} {word}: {found.evidence}"


def _ranks(subject: Subject) -> Iterator[str]:
    """Mean latency of each rank; the others wait for the slowest."""
    names = [result_table.configuration_name(found) for found in subject.report.configurations]
    measured = [one for one in subject.log.timeline.measured if len(one.ranks) > 1]
    if not measured:
        return
    devices = {rank.rank: f"{rank.device} {rank.label}".strip() for rank in subject.environment.ranks}
    heads = "".join(f"<th>{escape(names[one.start.index])}</th>" for one in measured)
    yield "<h2>Ranks</h2>\n"
    yield '<div class="wide"><table><thead><tr><th>mean latency of a rank, ms</th>'
    yield f"{heads}</tr></thead><tbody>\n"
    for rank in sorted({rank for one in measured for rank in one.ranks}):
        cells = []
        for one in measured:
            mean = one.ranks.get(rank)
            slowest = mean is not None and mean.mean == max(other.mean for other in one.ranks.values())
            mark = '<span class="place">slowest</span>' if slowest else ""
            shown = result_table.thousands(mean.mean, 3) if mean else "–"
            cells.append(f'<td title="n {mean.n if mean else 0}">{shown}{mark}</td>')
        device = f'<span class="dim">{escape(devices.get(rank, ""))}</span>'
        yield f"<tr><td>{rank} {device}</td>{''.join(cells)}</tr>\n"
    yield "</tbody></table></div>\n"


# --- how and where -----------------------------------------------------------------------------------------


def _stages(report: Report) -> Iterator[str]:
    rows = [
        (
            stage.name,
            stage.status,
            duration(stage.seconds),
            "" if stage.exit_code is None else str(stage.exit_code),
        )
        for stage in report.stages
    ]
    if rows:
        yield "<h2>Stages</h2>\n" + _words(("stage", "how it ended", "time", "exit code"), rows)


def _answers(report: Report) -> Iterator[str]:
    rows = [(said.prompt, said.answer) for said in report.answers]
    if rows:
        yield f"<h2>{answers_from(report.engine).capitalize()}</h2>\n" + _words(("asked", "answered"), rows)


def _environment(subject: Subject) -> Iterator[str]:
    found = subject.environment
    rows = [("host", f"{found.host}, {found.cores} cores" if found.cores else found.host)]
    rows += [*found.versions.items(), ("trtbench-tui", found.version)]
    rows += [("driver", found.driver), ("CUDA of the driver", found.cuda), ("NVML", found.nvml)]
    for gpu in found.gpus:
        known = [gpu.name, f"{gpu.memory_total / 2**30:.1f} GiB" if gpu.memory_total else ""]
        known += [f"limit {gpu.power_limit_w:.0f} W" if gpu.power_limit_w else "", gpu.pci, gpu.uuid]
        rows.append((f"GPU {gpu.index}", ", ".join(filter(None, known))))
    if found.no_gpu:
        rows.append(("GPU", f"not read: {found.no_gpu}"))
    for rank in found.ranks:
        device = f"{rank.device} ({rank.label})" if rank.label else rank.device
        rows.append((f"rank {rank.rank}", f"{device} on {rank.host}"))
    yield "<h2>Environment</h2>\n" + _words(("what", "as the run said it"), [row for row in rows if row[1]])


def _commands(subject: Subject) -> Iterator[str]:
    yield (
        "<h2>How to repeat it</h2>\n<details open><summary>repro.sh</summary>"
        f"<pre>{escape(subject.repro)}</pre></details>\n"
    )


def _words(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>\n" for row in rows)
    table = f'<table class="words"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="wide">{table}</div>\n'
