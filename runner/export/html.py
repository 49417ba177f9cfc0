"""The result of a run as one HTML file without scripts and network access, for light, dark and print."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from runner.events import MemoryParts
from runner.export import charts, gpu_charts, headline, page, step_charts
from runner.export.run_data import RunData
from runner.export.timeline import ConfigurationTimeline
from runner.metrics.memory_map import MemoryMap
from runner.metrics.outlier_causes import CAUSE_LETTERS, Outlier, find_outliers
from runner.report import result_table
from runner.report.environment import NodeEnvironment
from runner.report.model import MetricCell, Report
from runner.report.result_table import ResultTable, TableRow
from runner.report.text_table import duration_suffix, place_suffix
from runner.state.configuration import answer_source, states_ranks
from runner.state.outliers import count_outliers
from runner.util.foreign_text import html_text
from runner.util.formatting import duration, format_number, plural, ranges

MAX_OUTLIERS = 40
MAX_COLUMNS = 6
"""Configurations next to each other in the result; more of them are cut off on paper."""
SOFTWARE = ("CUDA of PyTorch", "PyTorch", "NCCL", "TensorRT-LLM")
"""Names of the software whose versions a reader looks for, in the order of the table."""


def write(data: RunData, out: BinaryIO) -> None:
    report = data.report
    footer = (
        f"made by trtbench-tui {data.environment.version} from the log of the run · every number was measured"
        " in that run or computed from it with the formula next to it"
    )
    for piece in page.page(f"{report.profile} · {report.run}", _body(data), footer):
        out.write(piece.encode(errors="replace"))


def _body(data: RunData) -> Iterator[str]:
    report = data.report
    yield from _head(report)
    yield from _warnings(report)
    yield from headline.cards(report)
    yield from headline.pareto(report)
    yield from headline.configurations(report)
    yield from _software(data)
    yield from _table(result_table.build_table(report), report)
    yield from memory_section(report)
    yield from _charts(data)
    yield from _ranks(data)
    yield from _stages(report)
    yield from _answers(report)
    yield from _environment(data)
    yield from _commands(data)


def _head(report: Report) -> Iterator[str]:
    started = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(report.started)) if report.started else ""
    ranks = plural(report.ranks, "rank") if states_ranks(report.engine) else "ranks not stated"
    host = place_suffix(report)
    when = f" · started {started}" if started else ""
    yield f"<h1>{html_text(report.profile)}</h1><p>{html_text(report.summary)}</p>"
    yield (
        f'<p><span class="state {html_text(report.status)}">{html_text(report.status.upper())}</span>'
        f' <span class="dim">{duration_suffix(report).lstrip()} · engine {html_text(report.engine)}'
        f" · {ranks}{html_text(host)}{when} · run {html_text(report.run)}</span></p>\n"
    )


def _warnings(report: Report) -> Iterator[str]:
    if report.cause:
        remedy = f"<p>To do: {html_text(report.remedy)}</p>" if report.remedy else ""
        log = f'<p class="dim">Log: {html_text(report.log)}</p>' if report.log else ""
        yield f'<div class="failure"><strong>{html_text(report.cause)}</strong>{remedy}{log}</div>\n'
    flags = result_table.list_flags(report)
    if flags:
        items = "".join(f"<li>{html_text(flag)}</li>" for flag in flags)
        yield f'<div class="warnings"><strong>warnings:</strong><ul>{items}</ul></div>\n'
    for heading, sentences in result_table.list_remarks(report):
        items = "".join(f"<li>{html_text(sentence)}</li>" for sentence in sentences)
        yield f"<div><strong>{html_text(heading)}:</strong><ul>{items}</ul></div>\n"


# --- the table ---------------------------------------------------------------------------------------------


def _table(table: ResultTable, report: Report) -> Iterator[str]:
    yield "<h2>Result</h2>\n"
    if not table.rows:
        yield "<p>No number was measured.</p>\n"
        return
    missing: dict[str, list[str]] = {}
    shown: list[tuple[str, list[TableRow]]] = []
    for heading, every in table.groups():
        rows = [row for row in every if any(cell and _has_number(cell) for cell in row.cells)]
        for row in every:
            if row not in rows:
                reason = next(cell.note for cell in row.cells if cell and cell.note)
                missing.setdefault(reason, []).append(row.metric.title)
        if rows:
            shown.append((heading, rows))
    notes: dict[str, int] = {}
    for start in range(0, len(table.columns), MAX_COLUMNS):
        yield from _block(table.columns, shown, range(len(table.columns))[start : start + MAX_COLUMNS], notes)
    if notes:
        items = "".join(f"<li>{html_text(note)}</li>" for note in notes)
        yield f'<ol class="notes">{items}</ol>\n'
    if missing:
        count = plural(sum(map(len, missing.values())), "metric")
        yield f"<details><summary>{count} without a number</summary>"
        yield page.text_list([f"{', '.join(titles)}: {reason}" for reason, titles in missing.items()])
        yield "</details>\n"
    if words := result_table.describe_baseline(report):
        yield f"<p>{html_text(words)}</p>\n"
    yield (
        f'<p class="dim">{html_text(result_table.MARGIN_LEGEND)}. Reported by engine: what the'
        " engine itself printed for the same quantity. Click a metric for its definition and the details of"
        " its numbers.</p>\n"
    )


def _block(
    columns: Sequence[str], groups: list[tuple[str, list[TableRow]]], part: range, notes: dict[str, int]
) -> Iterator[str]:
    """Yield a table with a part of the columns, which fits on paper; the first one has the definitions."""
    heads = "".join(f"<th>{html_text(columns[index])}</th>" for index in part)
    kind = ' class="many"' if len(columns) > 1 else ""
    yield f'<div class="wide"><table{kind}><thead><tr><th>metric</th><th>unit</th>'
    yield f"{heads}</tr></thead><tbody>\n"
    for heading, rows in groups:
        yield f'<tr><th colspan="{len(part) + 2}">{html_text(heading)}</th></tr>\n'
        for row in rows:
            cells = "".join(_cell(row, index, row.cells[index], notes) for index in part)
            name = html_text(row.metric.title) if part.start else _definition(row, columns)
            yield f"<tr><td>{name}</td><td>{html_text(row.metric.unit)}</td>{cells}</tr>\n"
    yield "</tbody></table></div>\n"


def _has_number(cell: MetricCell) -> bool:
    return cell.value is not None or bool(cell.printed)


def _is_footnote(cell: MetricCell) -> bool:
    """Whether the note of a cell puts its number in doubt; other notes are details of the metric."""
    return cell.value is not None and bool(cell.note) and result_table.is_doubtful(cell)


def _definition(row: TableRow, columns: Sequence[str]) -> str:
    """Return the name of a metric, which opens to its definition and the notes on its numbers."""
    metric = row.metric
    n = sorted({cell.n for cell in row.cells if cell is not None and cell.value is not None})
    counted = f" {html_text(metric.count)}" if metric.count else ""
    sample = f" n: {' to '.join(map(str, n if len(n) < 2 else (n[0], n[-1])))}{counted}." if n else ""
    better = f" Better: {metric.better}." if metric.better != "neither" else ""
    key = (
        f" Reported by engine as <code>{html_text(metric.upstream_key)}</code>."
        if metric.upstream_key
        else ""
    )
    return (
        f"<details><summary>{html_text(metric.title)}</summary><p>{html_text(metric.formula)}.</p>"
        f"<p>Source: {html_text(metric.source)}.{better}{sample}{key}</p>"
        f"<p>{html_text(metric.conditions)}</p>{_details(row, columns)}</details>"
    )


def _details(row: TableRow, columns: Sequence[str]) -> str:
    """Return the notes that are no footnotes, each with its configurations."""
    named: dict[str, list[str]] = {}
    for name, cell in zip(columns, row.cells, strict=True):
        if cell is not None and cell.note and not _is_footnote(cell):
            named.setdefault(cell.note, []).append(name)
    texts = (
        note if len(names) == len(columns) else f"{', '.join(names)}: {note}" for note, names in named.items()
    )
    return "".join(f"<p>{html_text(text)}</p>" for text in texts)


def _cell(row: TableRow, index: int, cell: MetricCell | None, notes: dict[str, int]) -> str:
    if cell is None:
        return "<td>–</td>"
    number = notes.setdefault(cell.note, len(notes) + 1) if _is_footnote(cell) else ""
    note = f"<sup>{number}</sup>"
    place = "best" if index in row.best else "worst" if index in row.worst else ""
    mark = f'<span class="place">{place}</span>' if len(row.cells) > 1 else ""
    versus = f"{change} vs baseline" if (change := result_table.format_change(cell)) else ""
    below = " · ".join(
        filter(
            None,
            (result_table.format_margin(cell), versus, cell.printed and f"reported by engine {cell.printed}"),
        )
    )
    printed = f'<span class="printed">{html_text(below)}</span>' if below else ""
    kind = ' class="doubtful"' if cell.value is None else ""
    against = result_table.describe_change(cell.versus, row.metric.digits) if cell.versus else ""
    title = html_text("; ".join(filter(None, (f"n {cell.n}", cell.note, against))))
    return f'<td{kind} title="{title}">{result_table.format_cell(cell, row.metric)}{note}{mark}{printed}</td>'


def memory_section(report: Report) -> Iterator[str]:
    """Yield a table of what fills the memory of a GPU, with a line for each part and each sum."""
    rows: list[tuple[str, ...]] = []
    for one in report.configurations:
        if one.memory is None:
            continue
        name = result_table.configuration_name(one)
        rows += [(name, row.name, _gib(row.predicted), _gib(row.logged)) for row in one.memory.rows]
        sums = (_sum(one.memory, parts) for parts in (one.memory.predicted, one.memory.best))
        rows.append((name, "sum", *sums))
        if one.memory.peak is not None:
            rows.append((name, "NVML's peak", "", _gib(one.memory.peak)))
    if rows:
        yield "<h2>Memory of a GPU</h2>\n"
        yield page.text_table(("configuration", "part", "predicted, GiB", "by the engine, GiB"), rows)


def _sum(memory: MemoryMap, parts: MemoryParts | None) -> str:
    return "–" if parts is None or not parts.total else _gib(parts.total) + memory.remark(parts)


def _gib(size: int | None) -> str:
    return "–" if size is None else f"{size / 2**30:.2f}"


# --- charts ------------------------------------------------------------------------------------------------


def _charts(data: RunData) -> Iterator[str]:
    window = charts.window_of(data)
    latency = charts.latency(data, window)
    gpus = gpu_charts.gpus(data, window)
    if latency or gpus:
        yield "<h2>Over time</h2>\n"
        yield (
            '<p class="dim">Time since the start of the run. Shaded: warm-up, drawn at the edge if it is'
            " outside of the scale. Dotted: mean; dashed: p95, from 20 iterations on. Letters: outliers."
            " With many points, each shows the range of several. Point at an element to"
            " see its value.</p>\n"
        )
    yield from (page.figure(one.svg) for one in (latency, *gpus) if one is not None)
    yield from _outliers(data)
    engines = charts.engine_iterations(data)
    if engines:
        yield "<h2>Engine iteration time</h2>\n"
    yield from (page.figure(one.svg) for one in engines)
    if not gpus:
        why = data.environment.no_gpu or "none of a GPU of the ranks"
        yield f'<p class="dim">No GPU readings: {html_text(why)}.</p>\n'
    steps = step_charts.decode_steps(data)
    if steps:
        yield "<h2>Decode steps</h2>\n"
    yield from (page.figure(one.svg) for one in steps)
    drawn = charts.histograms(data)
    if drawn:
        yield '<h2>Distribution of latencies</h2><div class="pair">\n'
        yield from (f"<div>{one.svg}</div>\n" for _, one in drawn)
        yield "</div>\n"


def _outliers(data: RunData) -> Iterator[str]:
    """Yield a table of the outliers, which have letters in the chart."""
    rows = [
        (name, str(found.slow.i + 1), format_number(found.slow.latency_ms, 3), _cause(found))
        for number, name in enumerate(map(result_table.configuration_name, data.report.configurations))
        for found in find_outliers(data.state, number)
    ]
    total = sum(count_outliers(configuration.latency) for configuration in data.state.configurations)
    if rows:
        yield f"<h2>{plural(total, 'slow iteration')}</h2>\n"
        yield page.text_table(("configuration", "iteration", "latency, ms", "cause"), rows[:MAX_OUTLIERS])
    if total > min(len(rows), MAX_OUTLIERS):
        yield f'<p class="dim">and {total - min(len(rows), MAX_OUTLIERS)} more</p>\n'


def _cause(found: Outlier) -> str:
    letter, word = CAUSE_LETTERS[found.cause]
    return f"{letter} {word}: {found.evidence}"


def _ranks(data: RunData) -> Iterator[str]:
    """Yield the mean latency of each rank; all ranks wait for the slowest."""
    names = [result_table.configuration_name(found) for found in data.report.configurations]
    measured = [one for one in data.log.timeline.configurations if len(one.ranks) > 1]
    if not measured:
        return
    devices = {rank.rank: f"{rank.device} {rank.label}".strip() for rank in data.environment.ranks}
    yield "<h2>Ranks</h2>\n"
    for start in range(0, len(measured), MAX_COLUMNS):
        part = measured[start : start + MAX_COLUMNS]
        heads = "".join(f"<th>{html_text(names[one.start.index])}</th>" for one in part)
        yield '<div class="wide"><table><thead><tr><th>mean latency of a rank, ms</th>'
        yield f"{heads}</tr></thead><tbody>\n"
        for rank in sorted({rank for one in part for rank in one.ranks}):
            cells = "".join(_rank_cell(one, rank) for one in part)
            device = f'<span class="dim">{html_text(devices.get(rank, ""))}</span>'
            yield f"<tr><td>{rank} {device}</td>{cells}</tr>\n"
        yield "</tbody></table></div>\n"


def _rank_cell(measured: ConfigurationTimeline, rank: int) -> str:
    mean = measured.ranks.get(rank)
    if mean is None:
        return "<td>–</td>"
    slowest = mean.mean == max(other.mean for other in measured.ranks.values())
    mark = '<span class="place">slowest</span>' if slowest else ""
    return f'<td title="n {mean.n}">{format_number(mean.mean, 3)}{mark}</td>'


# --- environment and commands ------------------------------------------------------------------------------


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
        yield "<h2>Stages</h2>\n" + page.text_table(("stage", "status", "time", "exit code"), rows)


def _answers(report: Report) -> Iterator[str]:
    rows = [(one.prompt, one.answer) for one in report.answers]
    if rows:
        yield f"<h2>{answer_source(report.engine).capitalize()}</h2>\n" + page.text_table(
            ("asked", "answered"), rows
        )


def _software(data: RunData) -> Iterator[str]:
    """Yield the versions that decide about the numbers, also of software that the run did not report."""
    found = data.environment
    known = {"GPU driver": found.driver, "CUDA of the driver": found.cuda}
    expected = dict.fromkeys((*known, *SOFTWARE), "")
    rows = expected | known | found.versions | {"trtbench-tui": found.version}
    yield "<h2>Software</h2>\n" + page.text_table(
        ("software", "version"),
        [(name, version or "not reported by the run") for name, version in rows.items()],
    )


def _environment(data: RunData) -> Iterator[str]:
    found = data.environment
    rows = [("host", f"{found.host}, {found.cores} cores" if found.cores else found.host)]
    rows.append(("NVML", found.nvml))
    rows += [(f"node {node.name}", ", ".join(_node(node))) for node in found.nodes]
    nodes = {gpu.uuid: node.name for node in found.nodes for gpu in node.gpus}
    for gpu in found.gpus:
        known = [gpu.name, f"{gpu.memory_total / 2**30:.1f} GiB" if gpu.memory_total else ""]
        known += [f"limit {gpu.power_limit_w:.0f} W" if gpu.power_limit_w else "", gpu.pci, gpu.uuid]
        where = f" of {nodes[gpu.uuid]}" if gpu.uuid in nodes else ""
        rows.append((f"GPU {gpu.index}{where}", ", ".join(filter(None, known))))
    if found.no_gpu:
        rows.append(("GPU", f"not read: {found.no_gpu}"))
    for rank in found.ranks:
        device = f"{rank.device} ({rank.label})" if rank.label else rank.device
        rows.append((f"rank {rank.rank}", f"{device} on {rank.host}"))
    yield "<h2>Environment</h2>\n" + page.text_table(
        ("item", "as the run reported it"), [row for row in rows if row[1]]
    )


def _node(node: NodeEnvironment) -> Iterator[str]:
    """Yield what is known of a node."""
    yield "first node" if node.first else node.condition
    if node.cores:
        yield f"{node.cores} cores"
    yield f"ranks {ranges(node.ranks)}" if node.ranks else "no rank"
    yield f"not read: {node.no_gpu}" if node.no_gpu else plural(len(node.gpus), "GPU")
    if node.driver:
        yield f"driver {node.driver}"
    if node.clock_offset_ns is not None and node.clock_error_ns is not None and not node.first:
        yield f"clock {node.clock_offset_ns / 1e6:+.3f} ± {node.clock_error_ns / 1e6:.3f} ms"
    yield from (f"{name} {text}" for name, text in node.network.items())


def _commands(data: RunData) -> Iterator[str]:
    yield (
        "<h2>Commands to repeat the run</h2>\n<details open><summary>repro.sh</summary>"
        f"<pre>{html_text(data.repro)}</pre></details>\n"
    )
