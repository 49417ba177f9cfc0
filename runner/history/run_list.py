"""Runs as text or JSON lines."""

from __future__ import annotations

import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec.structs import asdict

from runner.history.run_entry import Figure, RunEntry
from runner.history.sweep_fold import SweepFold, axes_text, place_in_sweep
from runner.history.trash import TrashedRun
from runner.history.trend import Trend, last_change, main_trend, sparkline
from runner.state.job import state_word
from runner.util.foreign_text import ascii_json, plain_text
from runner.util.formatting import duration, format_number, plural

SPARK = 24
NO_RUNS = "no runs yet; `trtbench-tui run quickstart` starts one\n"
NO_MATCH = "no run matches the filter\n"
_LEFT = frozenset({
    "", "HOST", "STATE", "PROFILE", "NAME", "DONE", "STARTED", "TAGS", "CAUSE", "DELETED", "RUN", "GPU",
    "SWEEP",
})  # fmt: skip
"""titles of left-aligned columns; all other columns are numbers and right-aligned"""


HostOf = Callable[[RunEntry], str]
"""the machine of a run; a list with it has a column for it"""


def as_text(
    entries: Sequence[RunEntry],
    *,
    disk: bool = False,
    width: int | None = None,
    host_of: HostOf | None = None,
) -> str:
    """Return one aligned line an entry; lines longer than `width` columns end in `…`."""
    return "".join(f"{_cut(line, width)}\n" for line in aligned_lines(_rows(entries, disk, host_of)))


def as_groups(
    groups: dict[str, list[RunEntry]],
    shown: Mapping[str, Sequence[RunEntry]],
    *,
    disk: bool = False,
    width: int | None = None,
    host_of: HostOf | None = None,
) -> str:
    """Return a heading for each profile with the trend of all its runs, followed by the shown entries.

    Args:
        groups: all runs of each profile.
        shown: entries of these runs to list.
        disk: with their disk usage.
        width: columns of the terminal; longer lines are cut; None: never cut.
        host_of: the machine of a run, for a column; None: no column.
    """
    lines: list[str] = []
    for profile, entries in shown.items():
        trend = main_trend(groups[profile])
        runs = sum(len(entry.runs) if isinstance(entry, SweepFold) else 1 for entry in entries)
        heading = f"{profile or 'not a run'} · {runs} of {plural(len(groups[profile]), 'run')}"
        lines += [""] if lines else []
        lines.append(plain_text(heading) + (f" · {_trend_text(trend)}" if trend else ""))
        lines += [f"  {line}" for line in aligned_lines(_rows(entries, disk, host_of))]
    return "".join(f"{_cut(line, width)}\n" for line in lines)


def _trend_text(trend: Trend) -> str:
    rates = trend.tokens_per_sec
    newest = f"{format_quantity(rates[-1])} tokens/s" if rates[-1] is not None else "no tokens/s"
    went = last_change(rates)
    by = f" ({100 * went:+.1f} %)" if went is not None else ""
    return f"{trend.title}: {sparkline(rates, SPARK)} {newest}{by}"


def _rows(entries: Iterable[RunEntry], disk: bool, host_of: HostOf | None) -> Iterator[list[str]]:
    title = ["", "STATE", "PROFILE", "STARTED", "TOOK", "TOKENS/S", "LATENCY", "WARNINGS"]
    title[1:1] = ["HOST"] if host_of is not None else []
    yield [*title, *(["DISK"] if disk else []), "SWEEP", "TAGS", "CAUSE"]
    for entry in entries:
        best = entry.best
        yield [
            entry.run.rpartition("_")[2],
            *([host_of(entry)] if host_of is not None else []),
            "no run" if entry.foreign else state_word(entry.status, entry.job_end),
            f"“{entry.name}”" if entry.name else entry.profile,
            format_time(entry.started),
            duration(entry.seconds) if entry.seconds else "",
            format_quantity(best.tokens_per_sec) if best else "",
            format_milliseconds(best.latency_ms) if best else "",
            str(entry.flags) if entry.flags else "",
            *([format_size(entry.disk)] if disk else []),
            _of_sweep(entry),
            " ".join(entry.tags),
            entry.waiting or cause_of(entry),
        ]


def _of_sweep(entry: RunEntry) -> str:
    """Return what a sweep varies, or the place of a run in its sweep."""
    if isinstance(entry, SweepFold):
        return axes_text(entry.axes, len(entry.runs), entry.total)
    return place_in_sweep(entry)


def cause_of(entry: RunEntry) -> str:
    """Return why a run failed, without the path of its directory, which the line already has."""
    return entry.cause.replace(f"{entry.run_dir}/", "").removeprefix(f"{entry.run_dir}: ")


def as_json(entries: Iterable[RunEntry], host_of: HostOf | None = None) -> str:
    """Return one JSON object per line; `from` is the machine that was asked for it."""

    def line(entry: RunEntry) -> str:
        fields = _plain(entry)
        if host_of is not None:
            del fields["run_dir"]  # of a copy, which may not exist
            fields["from"] = host_of(entry)
        return ascii_json(msgspec.json.encode(fields)).decode()

    return "".join(f"{line(entry)}\n" for entry in entries)


def _plain(entry: RunEntry) -> dict[str, object]:
    fields = msgspec.structs.asdict(entry)
    figures = [_plain_figure(figure) for figure in entry.figures]
    words = {name: as_utf8(value) for name, value in fields.items() if isinstance(value, str)}
    return {
        **fields,
        **words,
        "foreign": entry.foreign,
        "figures": figures,
        "best": _plain_figure(entry.best) if entry.best else None,
        "run_dir": as_utf8(str(entry.run_dir)),
        "sweep": msgspec.to_builtins(entry.sweep),
    }


def _plain_figure(figure: Figure) -> dict[str, object]:
    numbers = {"tokens_per_sec": figure.tokens_per_sec, "latency_ms": figure.latency_ms}
    return {**asdict(figure.shape), **numbers}


def trend_text(trend: Trend) -> str:
    """Return the trend of a configuration: a sparkline, then one line a point, newest last."""
    rates, latencies = trend.tokens_per_sec, trend.latency_ms
    lines = [plain_text(f"{trend.profile} · {trend.title} · {plural(len(trend.runs), 'finished run')}")]
    lines.append(f"  tokens/s  {sparkline(rates, SPARK)}")
    lines.append(f"  latency   {sparkline(latencies, SPARK)}")
    if len(trend.platforms) > 1:
        names = "; ".join(
            ", ".join(part for part in (engine, format_gpus(gpus)) if part)
            for engine, gpus in trend.platforms
        )
        lines.append(plain_text(f"  these runs differ in engine or GPU, not in code alone: {names}"))
    rows = [["", "STARTED", "TOKENS/S", "CHANGE", "LATENCY", "CHANGE", "WARNINGS", "GPU", "SWEEP", "TAGS"]]
    for index, point in enumerate(trend.points):
        rows.append(
            [
                point.entry.run.rpartition("_")[2],
                format_time(point.entry.started),
                format_quantity(point.figure.tokens_per_sec),
                _percent(last_change(rates[: index + 1])),
                format_milliseconds(point.figure.latency_ms),
                _percent(last_change(latencies[: index + 1])),
                str(point.entry.flags) if point.entry.flags else "",
                format_gpus(point.entry.gpus),
                point.origin or place_in_sweep(point.entry),
                " ".join(point.entry.tags),
            ]
        )
    lines += [f"  {line}" for line in aligned_lines(rows)]
    return "\n".join(lines) + "\n"


def trend_json(trend: Trend) -> str:
    """Return one JSON object on one line; the points of `trend` are single runs."""
    points = [
        {
            "run": as_utf8(point.entry.run),
            "started": point.entry.started,
            "tokens_per_sec": point.figure.tokens_per_sec,
            "latency_ms": point.figure.latency_ms,
            "gpus": point.entry.gpus,
            "tags": point.entry.tags,
            "sweep": point.entry.sweep.sweep if point.entry.sweep else None,
        }
        for point in trend.points
    ]
    shape = asdict(trend.points[-1].figure.shape)
    document = msgspec.json.encode({"profile": as_utf8(trend.profile), **shape, "points": points})
    return ascii_json(document).decode() + "\n"


def trash_text(trash: Sequence[TrashedRun]) -> str:
    """Return one aligned line a deleted run."""
    rows = [["RUN", "DELETED"], *([trashed.run, format_time(trashed.deleted)] for trashed in trash)]
    return "".join(f"{line}\n" for line in aligned_lines(rows))


# --- formatting and columns --------------------------------------------------------------------------------


def format_time(seconds: float) -> str:
    """`2026-01-31 14:00`, local; `?` for 0."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds)) if seconds else "?"


def format_size(count: int | None) -> str:
    """`512 KiB`, `1.2 GiB`."""
    if count is None:
        return "?"
    value, units = count / 1024, ("KiB", "MiB", "GiB", "TiB")
    for unit in units:
        if value < 1024 or unit == units[-1]:
            break
        value /= 1024
    return f"{value:.0f} {unit}" if value >= 10 or unit == "KiB" else f"{value:.1f} {unit}"


def format_quantity(value: float | None) -> str:
    """About four significant digits, thousands apart: `1 678`, `12.35`, `0.042`."""
    if value is None:
        return "–"
    magnitude = abs(value)
    digits = 0 if magnitude >= 1000 else 1 if magnitude >= 100 else 2 if magnitude >= 10 else 3
    return format_number(value, digits)


def format_gpus(names: Sequence[str]) -> str:
    """`8 × NVIDIA A10`; of several kinds each, with commas between them."""
    counts = Counter(names)
    return ", ".join(name if count == 1 else f"{count} × {name}" for name, count in counts.items())


def format_milliseconds(value: float | None) -> str:
    return "" if value is None else f"{format_quantity(value)} ms"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:+.1f} %"


def as_utf8(text: str) -> str:
    """Return the text with `?` for what cannot be encoded (file names can contain any bytes)."""
    return text.encode("utf-8", "replace").decode()


def _cells(text: str) -> int:
    """Return the width of a text in terminal columns."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(unicodedata.combining(char) > 0 for char in text)


def _cut(line: str, width: int | None) -> str:
    """Cut a line to a number of columns; `…` marks the cut."""
    if width is None or _cells(line) <= width:
        return line
    while line and _cells(line) >= width:
        line = line[:-1]
    return f"{line}…"


def aligned_lines(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield aligned lines; empty columns are omitted, the last column is not padded."""
    titles, *body = [[plain_text(cell) for cell in row] for row in rows]
    filled = [column for column, title in enumerate(titles) if not title or any(row[column] for row in body)]
    widths = {column: max(_cells(row[column]) for row in (titles, *body)) for column in filled}
    for row in (titles, *body):
        cells = []
        for column in filled:
            space = " " * (widths[column] - _cells(row[column]))
            left = titles[column] in _LEFT
            cells.append(row[column] + space if left else space + row[column])
        yield "  ".join(cells).rstrip()
