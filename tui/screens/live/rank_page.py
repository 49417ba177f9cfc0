"""The ranks on the whole screen: where each runs, how far it is, and how much slower than the fastest."""

from __future__ import annotations

import msgspec

from runner.util.formatting import duration, format_number
from tui.framework.rows import Row, Span, cut, dim, row
from tui.screens.live.configuration_table import ConfigurationTable, draw_configurations
from tui.text import align_right, bar, fit, format_measurement, gibibytes

UNKNOWN = "–"
_COLUMNS = {
    "rank": 5, "state": -10, "device": -9, "host": -13, "pid": 8, "i": 7, "behind": 7, "last ms": 9,
    "mean ms": 9, "slower": 8, "last": 7, "CPU %": 6, "GPU %": 6, "GiB": 7,
}  # fmt: skip
"""widths, negative: left-aligned, of the columns in their order"""
_LEFT_OUT = ("host", "CPU %", "pid", "GiB", "last", "device", "behind", "GPU %", "last ms", "i")
"""left out without room, the first one first"""
LEAST_BAR = 12
LEAST_FULL_BAR = 0.01
"""least difference to the fastest rank that fills the bar: noise stays short"""
FEWEST_IN_TABLE = 4


class RankDetail(msgspec.Struct, frozen=True):
    """One rank; None and empty: not known."""

    rank: int
    state: str
    broken: bool = False
    host: str = ""
    device: str = ""
    pid: int | None = None
    i: int | None = None
    """iterations done in this phase"""
    behind: int = 0
    """iterations behind the first rank"""
    last_ms: float | None = None
    mean_ms: float | None = None
    slower: float | None = None
    """mean divided by that of the fastest rank, minus 1"""
    silent_s: int | None = None
    """since the last iteration, whole seconds"""
    cpu_percent: float | None = None
    """only while the stage is silent"""
    gpu_busy: float | None = None
    gpu_memory: int | None = None
    """bytes"""


class RankPage(msgspec.Struct, frozen=True):
    ranks: tuple[RankDetail, ...] = ()
    summary: str = ""
    configurations: ConfigurationTable = ConfigurationTable()


def draw_rank_page(page: RankPage, width: int, height: int) -> list[Row]:
    """Draw one row a rank, and the configurations below them with room; further rows are for scrolling."""
    if not page.ranks:
        return [row(dim("no rank has started yet"))]
    drawn = draw_rank_table(page.ranks, width)
    drawn.append(cut(row(dim(page.summary)), width))
    left = height - len(drawn) - 2
    if page.configurations.lines and left >= FEWEST_IN_TABLE:
        title = row(dim(page.configurations.title))
        drawn += [(), title, *draw_configurations(page.configurations, width, left)]
    return drawn


def draw_rank_table(ranks: tuple[RankDetail, ...], width: int) -> list[Row]:
    """Draw a heading and one row a rank."""
    columns = [name for name in _COLUMNS if any(_cell(rank, name) != UNKNOWN for rank in ranks)]
    if all(rank.host == ranks[0].host for rank in ranks) and "host" in columns:
        columns.remove("host")
    for name in _LEFT_OUT:
        if name in columns and sum(abs(_COLUMNS[column]) + 1 for column in columns) > width:
            columns.remove(name)
    room = width - sum(abs(_COLUMNS[column]) + 1 for column in columns)
    cells = min(40, room - 1) if room > LEAST_BAR and len(ranks) > 1 else 0
    most = max([LEAST_FULL_BAR, *(rank.slower or 0.0 for rank in ranks)])
    heading = " ".join(_aligned(name, _COLUMNS[name]) for name in columns)
    return [
        cut(row(dim(heading)), width),
        *(_line(rank, columns, cells, most, width) for rank in ranks),
    ]


def _line(rank: RankDetail, columns: list[str], cells: int, most: float, width: int) -> Row:
    spans: list[str | Span] = []
    for name in columns:
        text = _aligned(_cell(rank, name), _COLUMNS[name])
        spans += [" "] if spans else []
        if name == "state":
            spans.append(Span(text, "bad" if rank.broken else "dim"))
        else:
            spans.append(Span(text, "warn") if name == "behind" and rank.behind else text)
    if cells and rank.slower is not None:
        full, _ = bar(rank.slower / most, cells)
        spans += [" ", Span(full, "accent")]
    return cut(row(*spans), width)


def _cell(rank: RankDetail, name: str) -> str:
    """Return the text of a cell; `UNKNOWN`: there is nothing to show."""
    texts = {
        "rank": str(rank.rank),
        "state": rank.state,
        "device": rank.device,
        "host": rank.host,
        "pid": _text(rank.pid),
        "i": _text(rank.i),
        "behind": str(rank.behind) if rank.behind else "",
        "last ms": "" if rank.last_ms is None else format_measurement(rank.last_ms),
        "mean ms": "" if rank.mean_ms is None else format_measurement(rank.mean_ms),
        "slower": "" if rank.slower is None else f"+{format_number(100 * rank.slower, 2)} %",
        "last": "" if rank.silent_s is None else duration(rank.silent_s),
        "CPU %": _text(rank.cpu_percent),
        "GPU %": _text(rank.gpu_busy),
        "GiB": "" if rank.gpu_memory is None else gibibytes(rank.gpu_memory),
    }
    return texts[name] or UNKNOWN


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _aligned(text: str, width: int) -> str:
    return fit(text, -width) if width < 0 else align_right(text, width)
