"""The lines of other machines: each with its devices and who holds them, then its runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from runner.fleet.fleet import HostView
from runner.fleet.found import FoundRun, FoundSweep, fold_host
from runner.fleet.link import LinkStatus
from runner.fleet.machine import GpuNow, Machine, Use, gpu_use
from runner.history.run_list import cause_of, format_gpus
from runner.history.sweep_fold import SweepFold, axes_text, place_in_sweep
from runner.util.formatting import duration, plural
from tui.framework.picker import PickerLine
from tui.framework.rows import Row, Span, cut, dim, fitting, row, spread
from tui.framework.run_header import STATE_WIDTH, short_id, state_span
from tui.text import align_right, fit, format_measurement, gibibytes, plain_text, wrap

NEWEST = 5
"""ended runs of each machine that are listed at first"""
OLD_S = 15.0
"""from this age on, a list is called old"""
_STATUS = {
    LinkStatus.CONNECTING: Span("◌ CONNECTING", "dim"),
    LinkStatus.CONNECTED: Span("● CONNECTED", "good"),
    LinkStatus.UNREACHABLE: Span("✖ UNREACHABLE", "bad"),
    LinkStatus.REFUSED: Span("✖ REFUSED", "bad"),
}
_NO_REASON = {
    LinkStatus.CONNECTING: "ssh connects",
    LinkStatus.CONNECTED: "no problem; Enter works on its runs",
    LinkStatus.UNREACHABLE: "it does not answer",
    LinkStatus.REFUSED: "it has another version",
}
_STATE, _ID, _TOOK, _RATE = STATE_WIDTH + 1, 6, 9, 10
"""widths of the columns of a run"""
EMPTY = """\
no hosts yet

Add the machines that you watch to {settings}:

  hosts:
    - host: user@box
      command: /opt/venv/bin/trtbench-tui   # if ssh does not find it

and press F; or start with them:

  trtbench-tui --host user@box,box2

Each needs the same version of trtbench-tui, and ssh must not ask for a password."""


FleetItem = FoundRun | FoundSweep | HostView


@dataclass(frozen=True)
class FleetData:
    """What the screen shows."""

    views: tuple[HostView, ...]
    runs: tuple[FleetItem, ...]
    """the items: each host, followed by its listed runs and sweeps"""
    hidden: tuple[int, ...]
    """number of runs of each host that are not listed"""
    marked: frozenset[tuple[str, str]]
    """host and run"""
    unfolded: frozenset[tuple[str, str]]
    """host and sweep: its runs are listed below its row"""
    now: float
    """CLOCK_MONOTONIC in seconds, for the next attempts"""


def fleet_data(
    views: Sequence[HostView],
    now: float,
    *,
    marked: frozenset[tuple[str, str]] = frozenset(),
    unfolded: frozenset[tuple[str, str]] = frozenset(),
    every: bool = False,
) -> FleetData:
    """Choose the rows to list: all active ones, and of the ended ones the newest or every one."""
    items: list[FleetItem] = []
    hidden = []
    for view in views:
        items.append(view)
        rows = fold_host(view.name, view.listing.runs) if view.listing is not None else []
        ended = [one for one in rows if one.entry.ended]
        shown = ended if every else ended[:NEWEST]
        for one in (*(one for one in rows if not one.entry.ended), *shown):
            items.append(one)
            if isinstance(one, FoundSweep) and (one.host, one.id) in unfolded:
                items += one.runs
        left_out = view.listing.left_out if view.listing is not None else 0
        hidden.append(sum(len(runs_of(one)) for one in ended[len(shown) :]) + left_out)
    return FleetData(tuple(views), tuple(items), tuple(hidden), marked, unfolded, now)


def runs_of(item: FleetItem | None) -> tuple[FoundRun, ...]:
    """Return the runs of a row: one, those of a sweep, or none of a host."""
    if isinstance(item, FoundSweep):
        return item.runs
    return (item,) if isinstance(item, FoundRun) else ()


def draw_fleet(data: FleetData, width: int) -> list[PickerLine]:
    """Draw all lines; those of a host or a run carry the index of their item."""
    lines: list[PickerLine] = []
    hosts, inside = -1, frozenset[str]()
    for index, item in enumerate(data.runs):
        if isinstance(item, HostView):
            hosts, inside = hosts + 1, frozenset()
            if lines:
                lines.append(PickerLine(()))
            lines.append(PickerLine(draw_host(item, data.now, width), index))
            lines += [PickerLine(line) for line in draw_machine(item, data.now, width)]
        else:
            is_marked = all((run.host, run.id) in data.marked for run in runs_of(item))
            if isinstance(item, FoundSweep):
                inside = frozenset(run.id for run in item.runs)
                name = _sweep_name(item, unfolded=(item.host, item.id) in data.unfolded)
            else:
                name = ("  " if item.id in inside else "") + _run_name(item)
            lines.append(PickerLine(draw_run(item, name, width, marked=is_marked), index))
        is_last = index + 1 == len(data.runs) or isinstance(data.runs[index + 1], HostView)
        if is_last and data.hidden[hosts]:
            lines.append(PickerLine(row(dim(f"    {plural(data.hidden[hosts], 'more ended run')}"))))
    return lines


def draw_host(view: HostView, now: float, width: int) -> Row:
    """Draw the first line of a machine: its name, its connection, its load, and how old the list is."""
    machine = view.listing.machine if view.listing is not None else None
    parts = [row(Span(plain_text(view.name), "title"), "  ", _STATUS[view.link.status])]
    if machine is not None:
        name = plain_text(machine.host)
        parts.append(row(f"{name}  {plural(machine.cores, 'core')}, load {machine.load:.1f}"))
    if view.version:
        parts.append(row(dim(f"v{plain_text(view.version)}")))
    is_old = view.age_s is not None and (view.age_s > OLD_S or view.link.status is not LinkStatus.CONNECTED)
    old = row(Span(f"list is {duration(view.age_s or 0)} old", "warn")) if is_old else ()
    return spread(fitting(parts, width - 24 if is_old else width), old, width)


def draw_machine(view: HostView, now: float, width: int) -> list[Row]:
    """Draw why a machine is not connected, and what of its devices is used by whom."""
    lines: list[Row] = []
    if view.link.reason and view.link.status is not LinkStatus.CONNECTED:
        retry = view.link.retry_at
        again = f"next attempt in {max(0, round(retry - now))} s" if retry is not None else ""
        if again and not view.link.was_cut:  # a question about a key or a password is only one of the reasons
            again += f"; `ssh {plain_text(view.name)}` has to work without a question"
        again = "press F to try again" if view.link.status is LinkStatus.REFUSED else again
        lines += [
            row(Span(f"  {line}", "bad"))
            for line in wrap(plain_text(view.link.reason), max(20, width - 4))[:3]
        ]
        lines += [row(dim(f"  {again}"))] if again else []
    if view.listing is None:
        return lines
    machine = view.listing.machine
    lines += [cut(line, width) for line in _gpu_lines(machine, width)]
    cpu = next((use for use in machine.uses if use.device == "cpu"), None)
    if cpu is not None:
        lines.append(cut(row(dim("  CPU   "), *_use(cpu)), width))
    return lines


def _gpu_lines(machine: Machine, width: int) -> Iterator[Row]:
    if not machine.gpus:
        yield row(dim(f"  GPUs  {plain_text(machine.no_gpus)}"))
        return
    yield row(dim("  GPUs  "), plain_text(format_gpus([gpu.name for gpu in machine.gpus])))
    for _, members in groupby(machine.gpus, key=lambda gpu: _holder_of(gpu, machine.uses)):
        gpus = list(members)
        use = gpu_use(gpus[0], machine.uses)
        parts = [
            row(
                "        ", fit(_range(gpus), 6), *(_use(use) if use is not None else (Span("free", "good"),))
            )
        ]
        if memory := _memory(gpus):
            parts.append(row(memory))
        if busy := _busy(gpus):
            parts.append(row(busy))
        yield fitting(parts, width)


def _holder_of(gpu: GpuNow, uses: Sequence[Use]) -> tuple[str, str] | None:
    """Return run and user of the process that holds a GPU; None: it is free."""
    use = gpu_use(gpu, uses)
    return (use.run, use.user) if use is not None else None


def _range(gpus: Sequence[GpuNow]) -> str:
    """Return `0–3`, or `2` for a single GPU."""
    first, last = gpus[0].index, gpus[-1].index
    return str(first) if first == last else f"{first}–{last}"


def _memory(gpus: Sequence[GpuNow]) -> str:
    used = [gpu.memory_used for gpu in gpus if gpu.memory_used is not None]
    total = [gpu.memory_total for gpu in gpus if gpu.memory_total is not None]
    if len(used) < len(gpus) or len(total) < len(gpus):
        return ""
    return f"memory {gibibytes(sum(used))} of {gibibytes(sum(total))} GiB"


def _busy(gpus: Sequence[GpuNow]) -> str:
    busy = [gpu.busy for gpu in gpus if gpu.busy is not None]
    if len(busy) < len(gpus):
        return ""
    low, high = round(min(busy)), round(max(busy))
    return f"busy {low} %" if low == high else f"busy {low} to {high} %"


def _use(use: Use) -> Row:
    holder = f"run {short_id(plain_text(use.run))}" if use.run else "another process"
    user = f" ({plain_text(use.user)})" if use.user else ""
    since = f" for {duration(use.seconds)}" if use.seconds is not None else ""
    return row("in use by ", Span(holder, "strong"), f"{user}{since}")


def _run_name(found: FoundRun) -> str:
    return f"“{plain_text(found.entry.name)}”" if found.entry.name else plain_text(found.entry.profile)


def _sweep_name(found: FoundSweep, *, unfolded: bool) -> str:
    return f"{'▾' if unfolded else '▸'} {plain_text(found.entry.profile)} ({len(found.runs)})"


def _varied(sweep: SweepFold) -> str:
    # The host may have left older runs of the sweep out of its list.
    return axes_text(sweep.axes, len(sweep.runs), sweep.total, "listed run")


def draw_run(found: FoundRun | FoundSweep, name: str, width: int, *, marked: bool) -> Row:
    """Draw a run or a sweep: state, id, name, time, rate, then what it waits for, varies or why it failed."""
    entry = found.entry
    state = state_span(entry.status, entry.job_end)
    rate = entry.best.tokens_per_sec if entry.best is not None else None
    if isinstance(entry, SweepFold):
        varied, waiting = _varied(entry), ""
    else:
        varied, waiting = place_in_sweep(entry), entry.waiting
    cells = [
        Span("  ● " if marked else "    ", "accent"),
        Span(fit(state.text, _STATE), state.style),
        dim(fit(short_id(entry.run), _ID)),
        Span(fit(name, min(36, max(20, width // 4 - 4))), "strong"),
        Span(align_right(duration(entry.seconds) if entry.seconds else "–", _TOOK)),
    ]
    if width >= 100 and not waiting:
        cells.append(Span(align_right("–" if rate is None else format_measurement(rate), _RATE)))
        cells.append(dim(" tokens/s" if rate is not None else " " * 9))
    where = found.run.where if isinstance(found, FoundRun) else ""
    about = waiting or " · ".join(filter(None, (varied, where, cause_of(entry))))
    cells.append(Span(f"  {plain_text(about)}", "warn" if waiting else "dim") if about else Span(""))
    return cut(row(*cells), width)


def draw_detail(item: FleetItem | None, width: int, height: int) -> list[Row]:
    """Draw what the line under the cursor has no room for."""
    if isinstance(item, HostView):
        text = f"{item.name}: {item.link.reason or _NO_REASON[item.link.status]}"
    elif isinstance(item, FoundSweep):
        fold = item.entry
        counts = ", ".join(f"{number} {status}" for status, number in fold.counts.items())
        text = f"{item.host}: sweep {item.id}  {counts}\n{_varied(fold)}"
    elif item is not None:
        entry = item.entry
        extra = [entry.summary, format_gpus(entry.gpus), " ".join(entry.tags), entry.note]
        about = " · ".join(part for part in extra if part)
        text = f"{item.host}:{entry.run}  {about}\n{item.run.waiting or cause_of(entry)}"
    else:
        return []
    lines = [line for part in text.splitlines() for line in wrap(plain_text(part), max(20, width))]
    return [row(dim(line)) for line in lines[: max(1, height)]]


def count_hosts(data: FleetData) -> str:
    """Return the summary for the first line: hosts, connections, active and waiting runs."""
    connected = sum(view.link.status is LinkStatus.CONNECTED for view in data.views)
    # The runs of an unfolded sweep follow their row.
    runs = {(run.host, run.id): run for item in data.runs for run in runs_of(item)}.values()
    active = sum(not run.entry.ended for run in runs)
    waiting = sum(run.entry.status == "queued" for run in runs)
    parts = [
        f"{len(data.marked)} marked" if data.marked else "",
        plural(len(data.views), "host"),
        f"{connected} connected",
        f"{active} active" if active else "",
        f"{waiting} waiting" if waiting else "",
    ]
    return " · ".join(part for part in parts if part)


def draw_header(count: str, width: int, height: int) -> list[Row]:
    left = row(Span("trtbench-tui", "title"), dim("  hosts"))
    return [spread(left, row(dim(count)), width)]
