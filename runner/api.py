"""The public Python interface: runs as rows, their numbers as data frames, comparisons as objects.

    from runner.api import compare, load, runs

    for row in runs("qwen status:finished since:7d"):
        print(row.run, row.best)
    run = load("last")
    run.report.configurations[0].rows        # the final table
    run.iterations()                         # a DataFrame, a row for each iteration of each rank
    run.gpu_samples()                        # a DataFrame, a row for each reading of each GPU
    compare("tag:before", "tag:after").pairs[0].verdict

Names that this module exports, their parameters and the columns of the frames change only with an entry in
the changelog. Everything else in `runner` is internal. Nothing here starts a run or changes one.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from runner import events as ev
from runner.compare import Comparison, load_sides
from runner.compare import compare as compare_sides
from runner.events.journal import EventReader
from runner.export import iterations_csv, table_csv
from runner.export.run_data import RunData
from runner.history.lookup import find_run
from runner.history.ordering import find_sort, sort_entries
from runner.history.query import filter_entries
from runner.history.reader import read_entries
from runner.history.run_entry import RunEntry
from runner.report.environment import Environment
from runner.report.model import Report
from runner.run import layout
from runner.util.errors import UserError

if TYPE_CHECKING:
    from runner.plan.plan import Plan

__all__ = [
    "GPU_COLUMNS",
    "ITERATION_COLUMNS",
    "TABLE_COLUMNS",
    "Comparison",
    "Run",
    "RunEntry",
    "UserError",
    "compare",
    "load",
    "runs",
]

Library = Literal["pandas", "polars"]
LIBRARIES: tuple[Library, ...] = ("pandas", "polars")
"""libraries of data frames, in the order in which they are tried"""
ITERATION_COLUMNS = iterations_csv.COLUMNS
TABLE_COLUMNS = table_csv.COLUMNS
_READINGS = (
    "memory", "busy", "memory_busy", "power", "power_average", "sm_clock", "memory_clock", "temperature",
    "sm_active", "tensor_active", "dram_active",
)  # fmt: skip
GPU_COLUMNS = ("t_s", "gpu", "uuid", *_READINGS, "node")
"""`t_s`: seconds from the start of the run; `gpu`: NVML's index; memory in bytes, power in watts, clocks in
MHz, temperature in degrees Celsius, the others in percent (`runner.events.GpuSamples`); `node`: the machine,
empty for the first node and for a run on one"""


def runs(filter: str = "", *, sort: str = "when") -> list[RunEntry]:  # noqa: A002 - the word of the command
    """Return the runs of this machine, as `trtbench-tui ls --filter FILTER --sort SORT` lists them.

    Directories that are no runs are left out.

    Raises:
        UserError: the filter or the sort is not valid, with what is allowed.
    """
    found = [entry for entry in filter_entries(read_entries(), filter) if not entry.foreign]
    return sort_entries(found, find_sort(sort))


def load(run: str | Path) -> Run:
    """Return a run by id, unique part of the id, name, directory, or `last`.

    Raises:
        UserError: there is no such run, or this version cannot read it.
    """
    return Run(RunData(find_run(str(run))))


def compare(*sides: str) -> Comparison:
    """Compare runs as `trtbench-tui compare SIDE SIDE ...` does; a single side names a sweep.

    Raises:
        UserError: a side names no run, or there are fewer than two.
    """
    return compare_sides(load_sides(sides))


@dataclass(frozen=True)
class Run:
    """One run; each part is read when it is asked for, and secrets are masked."""

    _data: RunData

    @property
    def id(self) -> str:
        return self.run_dir.name

    @property
    def run_dir(self) -> Path:
        return self._data.run_dir

    @property
    def report(self) -> Report:
        """All configurations, metrics and warnings, compared with the baseline if there is one."""
        return self._data.report

    @property
    def plan(self) -> Plan:
        """The stages with their commands."""
        return self._data.plan

    @property
    def environment(self) -> Environment:
        """Machine, GPUs, driver and versions."""
        return self._data.environment

    def table(self, library: Library | None = None) -> Any:
        """Return the final table as a data frame, a row for each metric and configuration (TABLE_COLUMNS).

        Raises:
            UserError: neither pandas nor polars is installed, or not the one that is asked for.
        """
        return _frame(TABLE_COLUMNS, table_csv.records(self.report), library)

    def iterations(self, library: Library | None = None) -> Any:
        """Return every iteration of every rank as a data frame (ITERATION_COLUMNS), in milliseconds.

        Raises:
            UserError: as `table`.
        """
        rows = (row for batch in iterations_csv.batches(self._data) for row in batch)
        return _frame(ITERATION_COLUMNS, rows, library)

    def gpu_samples(self, library: Library | None = None) -> Any:
        """Return every reading of every GPU as a data frame (GPU_COLUMNS); what was not readable is missing.

        Raises:
            UserError: as `table`.
        """
        return _frame(GPU_COLUMNS, self._readings(), library)

    def _readings(self) -> Iterator[tuple[Any, ...]]:
        reader = EventReader(self.run_dir / layout.EVENTS)
        began = 0
        gpus: dict[str, list[tuple[int, str]]] = {}
        while events := reader.read():
            for event in events:
                if isinstance(event, ev.RunStarted):
                    began = event.t
                node, reading = (event.node, event.event) if isinstance(event, ev.FromNode) else ("", event)
                if isinstance(reading, ev.GpuInventory):
                    gpus[node] = [(gpu.index, gpu.uuid) for gpu in reading.gpus]
                elif isinstance(reading, ev.GpuSamples):
                    known = gpus.get(node, [])
                    columns = [getattr(reading, name) or [None] * len(known) for name in _READINGS]
                    for identity, *values in zip(known, *columns, strict=False):
                        yield (round((reading.t - began) / 1e9, 6), *identity, *values, node)


def _frame(columns: Sequence[str], rows: Iterable[Sequence[Any]], library: Library | None) -> Any:
    """Return rows as a data frame of a library that is installed."""
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    data = {name: list(column) for name, column in zip(columns, values, strict=True)}
    for name in LIBRARIES if library is None else (library,):
        try:
            return importlib.import_module(name).DataFrame(data)
        except ImportError:
            continue
    wanted = " or ".join(LIBRARIES if library is None else (library,))
    raise UserError(
        f"data frames need {wanted}, which is not installed",
        hint="`pip install pandas` in this environment; `trtbench-tui export --format csv` needs nothing",
    )
