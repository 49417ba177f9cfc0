"""Run one stage: its process, its events, its end, and whether it succeeded."""

from __future__ import annotations

import logging
import math
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from runner import events as ev
from runner.engines import build_cache, container
from runner.engines.output import FinishedStage, OutputNotice
from runner.engines.registry import find_output
from runner.engines.slurm.ends import Ending
from runner.events.journal import LineReader
from runner.plan.plan import Stage
from runner.run import layout
from runner.run.scratch import SHARED_MEMORY
from runner.supervision.cause import EndedProgram, find_cause, missing_records
from runner.supervision.collector import Collector
from runner.supervision.heartbeat import HeartbeatMonitor
from runner.supervision.run_log import RunLog
from runner.supervision.run_nodes import SILENCE_S, RunNodes
from runner.supervision.stage_process import Orphans, Termination, is_mpirun, start_process
from runner.util.cgroup import Cgroup
from runner.util.files import make_folders

logger = logging.getLogger(__name__)

POLL_S = 0.025
"""How often the files of ranks are read; with the frame time of the dashboard it limits the delay."""
LATE_RECORDS_S = 10.0
"""How long records of other nodes may take to arrive after their ranks have ended."""
HANG_S = 10.0
"""How long a program may still end after output that means it never will."""
ANSWER_BYTES = 1 << 20
"""Size of the output of a smoke run that is searched for answers."""
REPORT_BYTES = 1 << 18
"""Size of the end of an output that is searched for a report."""


@dataclass
class StageRun:
    """One stage from its first process to its last; the supervisor passes what outlives a stage."""

    index: int
    stage: Stage
    run_log: RunLog
    scratch: Path
    stop_wanted: Callable[[], bool]
    idle: Callable[[], dict[int, int]]
    """work of the supervisor at every poll; returns the exit codes of ended processes by pid"""
    every_second: Callable[[Collector, HeartbeatMonitor], None]
    clear_leftovers: Callable[[], None]
    """kill every remaining process of the stage"""
    clear_orphans: Callable[[int], None]
    """kill orphans of the ranks of a launcher (given by its pid)"""
    cgroup: Cgroup | None = None
    """the control group of the stage; None: it has none"""
    nodes: RunNodes | None = None
    """None: the run uses one machine"""
    deadline: float = math.inf
    """when the time limit of the run ends (monotonic, s)"""
    job_end: Callable[[], Ending | None] = lambda: None
    """how Slurm ended the job of the run; None: it did not"""
    _collector: Collector = field(init=False)
    _place: build_cache.FileSystem = field(init=False)
    _results: int = field(init=False)
    """number of results of earlier stages"""
    _timed_out: bool = False
    """the time limit of the run ended it"""
    _lost_node: str = ""
    """the node whose loss ended it"""
    _position: int = -1
    """of the collector when it last moved"""
    _moved: float = 0.0
    _never_ended: str = ""
    """what the program did not finish after its measurement; empty: it ended by itself, or was stopped"""

    def __post_init__(self) -> None:
        records = self.run_log.run_dir / layout.RANKS / str(self.index)
        make_folders(records)
        output = find_output(self.run_log.plan.engine)
        self._collector = Collector(self.index, records, LineReader(self.log), output, ranks=self.stage.ranks)
        if self.nodes is not None:
            self._collector.convert = self.nodes.convert
            self.nodes.link.on_records = self._take_records
        self._place = container.file_system_of(self.stage.container_ref)
        self._results = self.run_log.state.results
        if "iterations" in self.stage.files and self._place is build_cache.HOST:
            self._collector.iterations = LineReader(Path(self.stage.files["iterations"]))

    @property
    def log(self) -> Path:
        return layout.stage_log(self.run_log.run_dir, self.index, self.stage.name)

    def run(self) -> ev.StageStatus:
        """Run the stage to its end and return its status."""
        child = self._start() if self._make_room() else None
        self.run_log.emit(
            ev.StageStarted(
                t=time.monotonic_ns(),
                stage=self.index,
                name=self.stage.name,
                pid=child.pid if child is not None else 0,
                ranks=self.stage.ranks,
            )
        )
        if child is None:
            return self._end("failed", None)
        logger.info("stage %d %s started: process %d", self.index, self.stage.name, child.pid)
        self._announce()
        exit_code = self._follow(child.pid)
        child.returncode = exit_code  # the supervisor reaps every child itself; Popen must not wait for it
        self.clear_leftovers()
        for event in self._collector.finish(time.monotonic_ns()):
            self.run_log.emit(event)
        self._await_records(exit_code)
        self._await_nodes(exit_code)
        if self._collector.hanging:
            self.run_log.warn(f"{self._collector.hanging}; it was ended")
        if self._collector.bad_records:
            self.run_log.warn(f"records of ranks that could not be read: {self._collector.bad_records}")
        self._read_files()
        if self.stop_wanted():
            return self._end("stopped", exit_code)
        cause, remedy = find_cause(self._observed(exit_code), self.run_log)
        if cause:
            if (ended := self.job_end()) is not None:
                cause, remedy = ended.cause, ended.remedy
            rank = self._collector.diagnosis.crashed_rank
            self.run_log.fail(cause, remedy=remedy, log=self.log.name, rank=rank)
            return self._end("failed", exit_code)
        self._log_answers()
        self._keep_output()
        return self._end("ok", exit_code)

    def _announce(self) -> None:
        """Emit the start of the configuration of the stage, if its program does not report it."""
        if self.stage.measures is None:
            return
        wanted = self.run_log.plan.configurations[self.stage.measures]
        self.run_log.emit(
            ev.ConfigurationStarted(
                t=time.monotonic_ns(),
                stage=self.index,
                index=self.stage.measures,
                batch_size=wanted.batch_size,
                input_len=wanted.input_len,
                output_len=wanted.output_len,
                num_runs=0,
                duration=0.0,
                warm_up=0,
                requests=wanted.requests,
                concurrency=wanted.concurrency,
                slo=self.run_log.plan.slo,
            )
        )

    def _start(self) -> subprocess.Popen[bytes] | None:
        """Start the process of the stage; None: it cannot be started, which is the failure of the run."""
        run_dir, records = self.run_log.run_dir, self._collector.records
        try:
            return start_process(self.stage, run_dir, self.log, records, self.scratch, self.cgroup)
        except OSError as error:
            where = error.filename or self.stage.argv[0]
            self.run_log.fail(f"stage {self.stage.name} cannot start: {where}: {error.strerror}")
            return None

    def _follow(self, pid: int) -> int:
        """Log the events of the stage until it ends; terminate it on a stop request or a hang."""
        heartbeat = HeartbeatMonitor(self.index, self.stage.output)
        next_second = 0.0
        termination = Termination(pid, self.stage.name)
        hung_at: float | None = None
        ending_at: float | None = None
        orphans = Orphans(pid) if is_mpirun(self.stage) else None
        while True:
            for event in self._collector.collect(time.monotonic_ns()):
                self.run_log.emit(event)
            for event in self._collector.limit_output(time.monotonic_ns()):
                self.run_log.emit(event)
            ended = self.idle()
            if pid in ended:
                self.run_log.note_full_disks(self._disks())
                return ended[pid]
            now = time.monotonic()
            if now >= next_second:
                next_second = now + 1.0
                self.run_log.note_full_disks(self._disks())
                self.every_second(self._collector, heartbeat)
                self._check_nodes(now)
                if orphans is not None and orphans.are_blocking(now):
                    self.clear_orphans(pid)
            if self._collector.hanging:
                hung_at = hung_at or now
            ending_at = (ending_at or now) if self._collector.ending else None
            if self.stage.shutdown_s and ending_at is not None and now > ending_at + self.stage.shutdown_s:
                self._never_ended = self._collector.ending
            hung = bool(self._never_ended) or (hung_at is not None and now > hung_at + HANG_S)
            self._timed_out = self._timed_out or now > self.deadline
            if self.stop_wanted() or hung or self._timed_out or self._lost_node:
                termination.advance(now)
            time.sleep(POLL_S)

    def _take_records(self, _node: str, stage: int, lines: bytes) -> None:
        if stage == self.index:
            self._collector.forward(lines)

    def _await_records(self, exit_code: int) -> None:
        """Wait for records that a network file system shows late, when ranks of other nodes have ended."""
        if self.nodes is None or exit_code != 0 or not self.stage.reports or self.nodes.explain():
            return
        until = time.monotonic() + LATE_RECORDS_S
        while missing_records(self.run_log.state) and time.monotonic() < until and not self.stop_wanted():
            time.sleep(POLL_S)
            self.idle()
            for event in self._collector.collect(time.monotonic_ns()):
                self.run_log.emit(event)

    def _await_nodes(self, exit_code: int) -> None:
        """Wait a moment for nodes that do not answer, to see whether their end explains that of the stage."""
        if self.nodes is None or self._timed_out or self._lost_node:
            return
        if exit_code != 0 or (self.stage.reports and missing_records(self.run_log.state)):
            self.nodes.await_return()
            self._lost_node = self.nodes.rebooted()

    def _check_nodes(self, now: float) -> None:
        """End the stage when a node is lost and nothing more comes from it (monotonic, s)."""
        if self.nodes is None or self._lost_node:
            return
        position = self._collector.position()
        if position != self._position:
            self._position, self._moved = position, now
        lost = self.nodes.rebooted()
        if not lost and now > self._moved + SILENCE_S:
            lost = self.nodes.lost()
        ranks = self.run_log.state.ranks.values()
        self._lost_node = lost or self.nodes.lost_with_ranks(ranks, time.monotonic_ns())

    def _observed(self, exit_code: int) -> EndedProgram:
        return EndedProgram(
            stage=self.stage,
            exit_code=exit_code,
            diagnosis=self._collector.diagnosis,
            no_result_reason=self._collector.no_result_reason,
            measured=self.run_log.state.results > self._results,
            timed_out=self._timed_out,
            never_ended=self._never_ended,
            lost_node=self._lost_node,
            explain_node=self.nodes.explain if self.nodes is not None else None,
        )

    def _disks(self) -> list[Path]:
        """Return folders that the program writes to, on this machine."""
        if self._place is not build_cache.HOST:
            return []
        outputs = [self.stage.output, *self.stage.folders]
        return [SHARED_MEMORY, self.scratch.parent, *(Path(path).parent for path in outputs if path)]

    def _end(self, status: ev.StageStatus, exit_code: int | None) -> ev.StageStatus:
        self.run_log.emit(
            ev.StageEnded(
                t=time.monotonic_ns(),
                stage=self.index,
                name=self.stage.name,
                status=status,
                exit_code=exit_code,
            )
        )
        self.run_log.sync()
        logger.info("stage %d %s ended: %s, exit code %s", self.index, self.stage.name, status, exit_code)
        return status

    # --- outputs -----------------------------------------------------------------------------------------

    def _make_room(self) -> bool:
        """Remove incomplete output of an earlier run; return whether the stage can write its output."""
        try:
            if self.stage.output:
                build_cache.prepare(self.stage.output, self._place)
            for folder in self.stage.folders:
                self._place.make(folder)
        except OSError as error:
            where = self.stage.output or ", ".join(self.stage.folders)
            self.run_log.fail(f"stage {self.stage.name} cannot write its output: {where}: {error}")
            return False
        return True

    def _keep_output(self) -> None:
        """Mark the output of the stage as complete, so that later runs can reuse it."""
        if not self.stage.output:
            return
        try:
            build_cache.commit(self.stage.output, self.stage.identity, self._place)
        except OSError as error:
            self.run_log.warn(f"{self.stage.output} cannot be kept for later runs: {error}")

    def _read_files(self) -> None:
        """Read results from the files of the program; from a container they are copied first."""
        output = self._collector.output
        if self.stage.files and self._place is not build_cache.HOST:
            try:
                self._fetch()
            except OSError as error:
                self.run_log.warn(f"cannot copy the results out of the container of this stage: {error}")
        with open(self.log, "rb") as file:
            file.seek(max(0, self._collector.log.offset - REPORT_BYTES))
            log = file.read(REPORT_BYTES).decode("utf-8", "replace")
        now = time.monotonic_ns()
        finished = FinishedStage(now, self.stage, self.index, log, self._contents, self.run_log.plan.stages)
        for found in output.collect_results(finished):
            events = self._collector.notify(found, now) if isinstance(found, OutputNotice) else [found]
            for event in events:
                self.run_log.emit(event)

    def _contents(self, what: str) -> bytes | None:
        path = self.stage.files.get(what)
        if path is None:
            return None
        if self._place is not build_cache.HOST:
            path = str(self._copies / Path(path).name)
        return build_cache.HOST.read(path)

    @property
    def _copies(self) -> Path:
        """The folder for files that are copied out of a container."""
        measured = self.stage.measures
        name = f"stage-{self.index}" if measured is None else str(measured)
        return self.run_log.run_dir / "results" / name

    def _fetch(self) -> None:
        """Copy the files of the container into the run directory, and log the iterations."""
        folder = self._copies
        make_folders(folder)
        for path in self.stage.files.values():
            content = self._place.read(path)
            if content is not None:
                (folder / Path(path).name).write_bytes(content)
            elif Path(path).name in {name for name, *_ in self._place.files(str(Path(path).parent)) or ()}:
                raise OSError(f"{path} cannot be read and is kept there")
        if "iterations" in self.stage.files:
            self._collector.iterations = LineReader(folder / Path(self.stage.files["iterations"]).name)
            for event in self._collector.finish(time.monotonic_ns()):
                self.run_log.emit(event)
        for made in self.stage.folders:
            self._place.remove(made)

    def _log_answers(self) -> None:
        """Log the answers of the model in a smoke run, for a person to judge."""
        if self.stage.name != "smoke":
            return
        with open(self.log, "rb") as file:
            text = file.read(ANSWER_BYTES).decode("utf-8", "replace")
        for prompt, answer in self._collector.output.parse_answers(text):
            self.run_log.emit(
                ev.Answer(t=time.monotonic_ns(), stage=self.index, prompt=prompt, answer=answer)
            )
