"""Check that a run directory is complete and unchanged, without changing anything."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from runner import VERSION
from runner import events as ev
from runner.engines.check import Check
from runner.events.journal import LineReader
from runner.plan import redaction
from runner.plan.plan import Plan
from runner.report.build import build_report
from runner.report.files import read_report, read_summary
from runner.report.model import ConfigurationReport, Report
from runner.run import layout, liveness
from runner.run.liveness import Liveness
from runner.state import nodes
from runner.state.run import ENDED_STATUSES, RunState
from runner.util.errors import UserError
from runner.util.formatting import command, plural

NAMED = 3
"""Most findings that a check names."""
_INPUTS = (layout.PLAN, layout.PROFILE, layout.REPRO)
_COPY_AGAIN = "copy the run again from where it was made, or import its archive"


def checks(run_dir: Path) -> Iterator[Check]:
    """Yield the checks of a run directory; those that need what another check did not find are left out."""
    try:
        plan = layout.load_plan(run_dir)
    except UserError as error:
        yield Check("plan", "fail", str(error), _COPY_AGAIN)
        return
    log = _Log(run_dir)
    log.read()
    yield _files(run_dir, plan, log.state)
    yield _permissions(run_dir, plan)
    yield log.framing()
    yield log.records()
    yield log.ranks()
    yield _results(run_dir, plan, log.state)


def _files(run_dir: Path, plan: Plan, state: RunState) -> Check:
    wanted = [*_INPUTS, layout.EVENTS, *([layout.REPORT] if state.ended is not None else [])]
    wanted += [
        layout.stage_log(run_dir, stage.index, stage.name).name
        for stage in state.stages
        if stage.status != "skipped" and stage.pid
    ]
    missing = [name for name in wanted if not _is_regular(run_dir / name)]
    if missing:
        return Check("files", "fail", f"missing, or not a regular file: {_named(missing)}", _COPY_AGAIN)
    return Check("files", "pass", f"{plural(len(wanted), 'file')}, {plural(len(plan.stages), 'stage')}")


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _permissions(run_dir: Path, plan: Plan) -> Check:
    """Check that other users can change nothing, and cannot read a secret."""
    secrets = {layout.PLAN, layout.PROFILE, layout.REPRO} if redaction.withheld_names(plan) else set()
    changeable, readable = [], []
    for folder, _, names in os.walk(run_dir):
        for path in (folder, *(os.path.join(folder, name) for name in names)):
            mode = os.lstat(path).st_mode
            if not stat.S_ISLNK(mode) and mode & (stat.S_IWGRP | stat.S_IWOTH):
                changeable.append(os.path.relpath(path, run_dir))
            if os.path.relpath(path, run_dir) in secrets and mode & (stat.S_IRGRP | stat.S_IROTH):
                readable.append(os.path.relpath(path, run_dir))
    if changeable:
        return Check(
            "modes", "fail", f"other users can change {_named(changeable)}", f"chmod -R go-w {run_dir}"
        )
    if readable:
        text = f"other users can read the secret in {_named(readable)}"
        return Check("modes", "fail", text, f"chmod -R go= {run_dir}")
    return Check("modes", "pass", "other users can change nothing")


@dataclass(slots=True)
class _Log:
    """The log of a run, read line by line."""

    run_dir: Path
    state: RunState = field(default_factory=RunState)
    lines: int = 0
    unreadable: list[str] = field(default_factory=list)
    """numbers of lines that are no event of this version"""
    is_torn: bool = False
    """the last line has no end"""
    ends: int = 0
    is_last_the_end: bool = False
    next_iteration: dict[tuple[int, int, int, str], int] = field(default_factory=dict)
    """(stage, configuration, rank, phase) -> number of its next iteration"""
    missing: list[str] = field(default_factory=list)
    """iterations that should be in the log"""
    seen: set[tuple[int, int]] = field(default_factory=set)
    """rank and time of every record; minus its count for a rank of another node (its times are converted)"""
    elsewhere: set[int] = field(default_factory=set)
    """ranks of other nodes"""
    counts: Counter[int] = field(default_factory=Counter)
    """records of these ranks"""

    def read(self) -> None:
        """Read the whole log."""
        reader = LineReader(self.run_dir / layout.EVENTS)
        while chunk := reader.read():
            for line in chunk.splitlines():
                self.lines += 1
                events = ev.decode_lines(line)
                if not events:
                    self.unreadable.append(str(self.lines))
                for event in events:
                    self._add(event)
        self.is_torn = bool(reader.rest())

    def _add(self, event: ev.AnyEvent) -> None:
        self.state.apply(event)
        self.is_last_the_end = isinstance(event, ev.RunEnded)
        self.ends += self.is_last_the_end
        if isinstance(event, ev.Hello | ev.Iteration | ev.Bye):
            self.seen.add(self._identity(event, self.counts))
        if isinstance(event, ev.Iteration):
            key = (event.stage, event.config, event.rank, event.phase)
            due = self.next_iteration.get(key, 0)
            if event.i != due:
                which = f"{event.phase} iteration {due}"
                self.missing.append(f"{which} of configuration {event.config}, rank {event.rank}")
            self.next_iteration[key] = event.i + 1

    def _identity(self, event: ev.Hello | ev.Iteration | ev.Bye, counts: Counter[int]) -> tuple[int, int]:
        """Return what `seen` has of a record; `counts` has the records of its rank so far."""
        rank = event.rank
        if isinstance(event, ev.Hello) and nodes.is_elsewhere(self.state.nodes, event.host):
            self.elsewhere.add(rank)
        counts[rank] += 1
        return rank, -counts[rank] if rank in self.elsewhere else event.t

    @property
    def is_running(self) -> bool:
        return self.state.running

    def framing(self) -> Check:
        """Check every line of the log, and its beginning and end."""
        if self.unreadable:
            which = f"cannot be decoded: line {_named(self.unreadable)} of {layout.EVENTS}"
            return Check("log", "fail", which, _COPY_AGAIN)
        # A supervisor that was killed in its first moment has not written its start.
        if self.state.started is None and (self.state.stages or not self.state.ended):
            return Check("log", "fail", f"{layout.EVENTS} has no start of a run", _COPY_AGAIN)
        if self.is_running:
            return self._unfinished()
        if self.is_torn or self.ends != 1 or not self.is_last_the_end:
            return Check("log", "fail", f"{layout.EVENTS} does not end with the end of the run", _COPY_AGAIN)
        return Check("log", "pass", f"{plural(self.lines, 'event')}, each one complete")

    def _unfinished(self) -> Check:
        summary = read_summary(self.run_dir)
        if summary is not None and summary.status in ENDED_STATUSES:
            text = f"{layout.EVENTS} has no end, but {layout.REPORT} says {summary.status}"
            return Check("log", "fail", text, _COPY_AGAIN)
        text = f"{plural(self.lines, 'event')} so far; the run has not ended"
        if liveness.check(self.run_dir) in (Liveness.KILLED, Liveness.RESTARTED):
            fix = command("show", self.run_dir.name)
            return Check("log", "warn", f"{text}, and its supervisor is dead", f"`{fix}` completes it")
        return Check("log", "pass", text)

    def records(self) -> Check:
        """Check that no iteration is missing between others, and that ranks lost none."""
        lost = list(self.missing)
        if self.state.lost_events:
            lost.append(plural(self.state.lost_events, "event that a full disk did not take"))
        if self.state.status == "finished":
            lost += [
                f"records of rank {rank.rank}: {rank.bye.count} sent, {rank.records} logged"
                for rank in self.state.ranks.values()
                if rank.bye is not None and not rank.complete
            ]
        if lost:
            return Check("records", "fail", f"missing in the log: {_named(lost)}", _COPY_AGAIN)
        return Check(
            "records", "pass", f"{plural(sum(self.next_iteration.values()), 'iteration')}, none missing"
        )

    def ranks(self) -> Check:
        """Check that the log has every record that is in a file of a rank."""
        if self.is_running:
            return Check("ranks", "pass", "compared with the log once the run has ended")
        found, absent = 0, []
        counts: Counter[int] = Counter()
        for path in sorted((self.run_dir / layout.RANKS).rglob("*.jsonl")):
            reader = LineReader(path)
            while chunk := reader.read():
                for event in _records(chunk):
                    if isinstance(event, ev.Hello | ev.Iteration | ev.Bye):
                        found += 1
                        if self._identity(event, counts) not in self.seen:
                            absent.append(f"{path.name} at {event.t}")
        if absent:
            return Check("ranks", "fail", f"{len(absent)} records are not in the log: {_named(absent)}")
        return Check("ranks", "pass", f"{plural(found, 'record')} on disk, all in the log")


def _records(chunk: bytes) -> Iterator[ev.RankRecord]:
    """Yield the records of complete lines; what cannot be read is none, as for the supervisor."""
    for line in chunk.splitlines():
        with suppress(*layout.UNREADABLE):
            yield ev.decode_record(line, stage=0)


def _results(run_dir: Path, plan: Plan, state: RunState) -> Check:
    """Check that the log gives the numbers of the report."""
    if state.running:
        return Check("results", "pass", "the run has not ended; there is no final table yet")
    written = read_report(run_dir)
    if written is None:
        return Check("results", "fail", f"there is no {layout.REPORT} that can be read", _COPY_AGAIN)
    different = _differences(written, build_report(plan, state, run_dir.name))
    if not different:
        cells = sum(len(configuration.rows) for configuration in written.configurations)
        return Check("results", "pass", f"{plural(cells, 'number')}, as the log gives them")
    text = f"{layout.REPORT} and the log differ: {_named(different)}"
    version = state.started.version if state.started is not None else ""
    if version != VERSION:
        return Check("results", "warn", f"{text}; version {version} wrote it, this is {VERSION}")
    return Check("results", "fail", text, f"rm {run_dir / layout.REPORT}; it is then computed from the log")


def _differences(written: Report, computed: Report) -> list[str]:
    """Return the names of what differs: the status, configurations, and numbers that both have."""
    found = ["status"] if (written.status, written.run) != (computed.status, computed.run) else []
    before, after = (list(map(_numbers, report.configurations)) for report in (written, computed))
    if len(before) != len(after):
        return [*found, "configurations"]
    names = (
        name
        for ours, theirs in zip(before, after, strict=True)
        for name in ours.keys() & theirs.keys()
        if ours[name] != theirs[name]
    )
    return [*found, *sorted(set(names))]


def _numbers(configuration: ConfigurationReport) -> dict[str, tuple[object, ...]]:
    """Return the numbers of a configuration by name; the shape is one of them."""
    shape = (configuration.batch_size, configuration.input_len, configuration.output_len)
    return {"shape": shape} | {row.metric: (row.value, row.n, row.printed) for row in configuration.rows}


def _named(findings: list[str]) -> str:
    more = len(findings) - NAMED
    return ", ".join(findings[:NAMED]) + (f" and {more} more" if more > 0 else "")
