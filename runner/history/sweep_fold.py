"""Fold the runs of a sweep into one entry of the list of runs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from msgspec.structs import asdict

from runner.history.ordering import Sort, sort_entries
from runner.history.run_entry import Figure, RunEntry, best_figure
from runner.schema.axes import cell_label, short_path
from runner.state.run import LiveStatus
from runner.util import paths
from runner.util.formatting import plural

LEAST = 2
"""fewest runs of a sweep that are folded: one listed run is shown as it is"""
_WORST_FIRST: tuple[LiveStatus, ...] = ("failed", "lost", "stopped")


class SweepFold(RunEntry, frozen=True, kw_only=True, array_like=False):
    """The listed runs of one sweep as one entry: its fields are those of all these runs together.

    `run` is the id of the sweep and `run_dir` its directory, `seconds` and `flags` are sums, `best` is the
    best of its finished runs, `started` is the start of the newest run.
    """

    runs: tuple[RunEntry, ...]
    """the listed runs, in the order of the list"""
    total: int
    """number of runs of the sweep, with those that a filter hides"""

    @property
    def ranked(self) -> Figure | None:
        return self.best

    @property
    def axes(self) -> list[tuple[str, list[str]]]:
        """What its runs vary: path in the profile and values, in the order of first appearance."""
        found: dict[str, dict[str, None]] = {}
        for run in sorted(self.runs, key=lambda run: run.sweep.cell if run.sweep else 0):
            for path, value in run.sweep.values if run.sweep else ():
                found.setdefault(path, {})[value] = None
        return [(path, list(values)) for path, values in found.items()]

    @property
    def counts(self) -> dict[LiveStatus, int]:
        """Number of its listed runs by state."""
        found: dict[LiveStatus, int] = {}
        for run in self.runs:
            found[run.status] = found.get(run.status, 0) + 1
        return found


def fold_runs(
    entries: Iterable[RunEntry],
    totals: dict[str, int],
    sort: Sort,
    *,
    reverse: bool = False,
    unfolded: Collection[str] = (),
) -> list[RunEntry]:
    """Return the entries in order, with the runs of each sweep behind one entry.

    Args:
        entries: the runs that match the filter.
        totals: number of all runs by sweep.
        sort: the order of the entries, and of the runs of an unfolded sweep.
        reverse: invert the order.
        unfolded: ids of the sweeps whose runs follow their entry.
    """
    entries = list(entries)
    sweeps: dict[str, list[RunEntry]] = {}
    for entry in entries:
        if entry.sweep is not None:
            sweeps.setdefault(entry.sweep.sweep, []).append(entry)
    folds = {sweep: runs for sweep, runs in sweeps.items() if len(runs) >= LEAST}
    alone = [entry for entry in entries if entry.sweep is None or entry.sweep.sweep not in folds]
    made = [fold_sweep(sweep, runs, totals.get(sweep, len(runs))) for sweep, runs in folds.items()]
    shown: list[RunEntry] = []
    # Equal entries keep the order of the list, so the folds go to the place of their newest run first.
    by_start = sorted([*alone, *made], key=lambda entry: entry.started, reverse=True)
    for entry in sort_entries(by_start, sort, reverse=reverse):
        shown.append(entry)
        if isinstance(entry, SweepFold) and entry.run in unfolded:
            shown += sort_entries(entry.runs, sort, reverse=reverse)
    return shown


def sweep_totals(entries: Iterable[RunEntry]) -> dict[str, int]:
    """Return the number of runs of each sweep."""
    found: dict[str, int] = {}
    for entry in entries:
        if entry.sweep is not None:
            found[entry.sweep.sweep] = found.get(entry.sweep.sweep, 0) + 1
    return found


def place_in_sweep(entry: RunEntry) -> str:
    """Return the values of a run of a sweep, `tp 2 · dtype fp8`, or which repeat it is; empty: no sweep."""
    if entry.sweep is None:
        return ""
    repeat = f"repeat {entry.sweep.repeat + 1}" if entry.sweep.repeat or not entry.sweep.values else ""
    return " · ".join(filter(None, (cell_label(entry.sweep.values), repeat)))


def axes_text(axes: Sequence[tuple[str, list[str]]], runs: int, total: int, what: str = "run") -> str:
    """Return what a sweep varies: `12 runs: tp 1, 2 · dtype fp8, int8`; filtered `3 of 12 runs`."""
    count = plural(total, what) if runs == total else f"{runs} of {plural(total, what)}"
    varied = " · ".join(f"{short_path(path)} {', '.join(values)}" for path, values in axes)
    return f"{count}: {varied}" if varied else count


def fold_sweep(sweep: str, runs: Sequence[RunEntry], total: int) -> SweepFold:
    """Return the entry of a sweep with an id.

    Args:
        sweep: id of the sweep.
        runs: the runs behind the entry; at least one.
        total: number of runs of the sweep, with those that are not behind the entry.
    """
    first = runs[0]
    profiles = list(dict.fromkeys(run.profile for run in runs))
    failed = [run for run in runs if run.cause]
    sizes = [run.disk for run in runs]
    fields = asdict(first) | {
        "run": sweep,
        "run_dir": paths.sweeps_dir() / sweep,
        "profile": profiles[0] if len(profiles) == 1 else " | ".join(profiles),
        "status": _status(runs),
        "started": max(run.started for run in runs),
        "seconds": sum(run.seconds for run in runs),
        "cause": failed[0].cause if failed else "",
        "figures": (),
        "best": best_figure(run.best for run in runs if run.status == "finished" and run.best is not None),
        "flags": sum(run.flags for run in runs),
        "disk": None if None in sizes else sum(size or 0 for size in sizes),
        "name": "",
        "tags": tuple(dict.fromkeys(tag for run in runs for tag in run.tags)),
        "note": "",
    }
    return SweepFold(**fields, runs=tuple(runs), total=total)


def _status(runs: Sequence[RunEntry]) -> LiveStatus:
    """Return the state of an active run if there is one, else the worst."""
    states = [run.status for run in runs]
    active = [run.status for run in runs if not run.ended]
    return next((state for state in (*active, *_WORST_FIRST) if state in states), states[0])
