"""What ranks and programs had written and their supervisor, which died, had not logged."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from runner import events as ev
from runner.engines import build_cache, container
from runner.engines.output import OutputReader
from runner.engines.registry import find_output
from runner.events.journal import EventReader, LineReader
from runner.plan.plan import Plan, Stage
from runner.run import layout
from runner.state import nodes
from runner.state.nodes import NodeState
from runner.state.run import RunState
from runner.supervision.collector import Collector
from runner.util.errors import UserError

OUTPUT_BYTES = 8 << 20
"""Size of the end of a stage's output that is searched. A supervisor reads 40 times a second, so it is behind
by less; the records of ranks in files of their own are read whatever their size."""


def find_unlogged(run_dir: Path, plan: Plan, state: RunState) -> list[ev.AnyEvent]:
    """Return the events that the log of a run lacks, from the files of the stage that had not ended.

    These are the records of its ranks, in the order of time, then iterations, results and notices of its
    program. The processes of the run have ended, so the files are complete.
    """
    stage = state.stage
    if stage is None or stage.ended is not None or stage.index >= len(plan.stages):
        return []
    logged = _LoggedStage(state.nodes)
    reader = EventReader(run_dir / layout.EVENTS)
    while batch := reader.read():
        for event in batch:
            logged.add(event)
    collector = _collector(run_dir, plan, stage.index)
    collector.convert = partial(nodes.on_first_clock, state.nodes)
    records: list[ev.AnyEvent] = []
    printed: list[ev.AnyEvent] = []
    before = -1
    while before != (before := collector.position()):
        logged.sort_new(collector.collect(state.last_t), records, printed)
    logged.sort_new(collector.finish(state.last_t), records, printed)
    return [*sorted(records, key=lambda event: event.t), *printed]


def _collector(run_dir: Path, plan: Plan, index: int) -> Collector:
    stage = plan.stages[index]
    output = LineReader(layout.stage_log(run_dir, index, stage.name))
    output.offset = max(0, _size(output.path) - OUTPUT_BYTES)
    collector = Collector(index, run_dir / layout.RANKS / str(index), output, _output_reader(plan.engine))
    collector.iterations = _iterations(stage)
    return collector


def _output_reader(engine: str) -> OutputReader:
    """Return the parsers of an engine; without parsers if the engine is not installed."""
    try:
        return find_output(engine)
    except UserError:
        return OutputReader(parse_result=lambda _: None)


def _iterations(stage: Stage) -> LineReader | None:
    is_here = container.file_system_of(stage.container_ref) is build_cache.HOST
    return LineReader(Path(stage.files["iterations"])) if is_here and "iterations" in stage.files else None


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


@dataclass(slots=True)
class _LoggedStage:
    """What the log has of the last stage, to tell new events from logged ones."""

    nodes: Mapping[str, NodeState]
    elsewhere: set[int] = field(default_factory=set)
    """ranks of other nodes: the log has converted times of them, so their records are counted"""
    last_t: dict[int, int] = field(default_factory=dict)
    """rank -> time of its last record; a rank writes its records in the order of time"""
    records: dict[int, int] = field(default_factory=dict)
    """rank -> number of its records"""
    results: list[dict[str, str]] = field(default_factory=list)
    notices: set[str] = field(default_factory=set)
    engine_iterations: int = 0
    """number of iterations of the program; they have no time, but the order of their file"""

    def add(self, event: ev.AnyEvent) -> None:
        """Add an event of the log."""
        if isinstance(event, ev.StageStarted):
            self.last_t, self.records, self.results = {}, {}, []
            self.notices, self.engine_iterations = set(), 0
        elif isinstance(event, ev.EngineIteration):
            self.engine_iterations += 1
        elif isinstance(event, ev.Result):
            self.results.append(event.values)
        elif isinstance(event, ev.Notice) and event.rank is None:
            self.notices.add(event.text)
        elif (rank := _rank_of(event)) is not None:
            self._note_node(event)
            self.last_t[rank] = event.t
            self.records[rank] = self.records.get(rank, 0) + 1

    def sort_new(
        self, events: list[ev.AnyEvent], records: list[ev.AnyEvent], printed: list[ev.AnyEvent]
    ) -> None:
        """Append events that the log lacks to `records` (of ranks) or `printed` (by the program)."""
        for event in events:
            rank = _rank_of(event)
            if rank is not None:
                self._note_node(event)
                self.records[rank] = self.records.get(rank, 0) - 1
                is_counted = self.records[rank] >= 0
                # The log has another time for records that are dated in the future.
                is_logged = event.t > time.monotonic_ns() and is_counted
                is_new = event.t > self.last_t.get(rank, -1) and not is_logged
                if not is_counted if rank in self.elsewhere else is_new:
                    records.append(event)
            elif isinstance(event, ev.EngineIteration):
                self.engine_iterations -= 1
                if self.engine_iterations < 0:
                    printed.append(event)
            elif (isinstance(event, ev.Result) and event.values not in self.results) or (
                isinstance(event, ev.Notice) and event.text not in self.notices
            ):
                printed.append(event)

    def _note_node(self, event: ev.AnyEvent) -> None:
        if isinstance(event, ev.Hello) and nodes.is_elsewhere(self.nodes, event.host):
            self.elsewhere.add(event.rank)


def _rank_of(event: ev.AnyEvent) -> int | None:
    """Return the rank that wrote a record; None: another event."""
    if isinstance(event, ev.Hello | ev.Bye | ev.Preparation | ev.Iteration | ev.StepTimes):
        return event.rank
    if isinstance(event, ev.Notice | ev.GpuMemory):
        return event.rank
    return 0 if isinstance(event, ev.ConfigurationStarted) else None
