"""Running one stage: its process, what it reports, how it is ended, and whether it succeeded."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from runner import events as ev
from runner.engines import build_cache, container, mpi
from runner.engines.diagnosis import describe_exit
from runner.engines.output import NO_REQUEST, Written
from runner.engines.registry import engine_named
from runner.events.journal import LineReader
from runner.plan.plan import Stage
from runner.run import layout
from runner.state import cuda_devices
from runner.state.run import RunState
from runner.supervision.collector import Collector
from runner.supervision.heartbeat import Heartbeat
from runner.supervision.run_log import Scribe
from runner.util import processes

POLL_S = 0.025
"""How often ranks' files are looked at; with the dashboard's frame it bounds what is seen late."""
GRACE_S = 5.0
"""From TERM to KILL of the launcher; Open MPI gives its ranks 250 ms of it."""
HANG_S = 10.0
"""How long a program that said it will never end may still prove otherwise."""
ORPHANS_S = 5.0
"""How long a launcher whose ranks are gone may wait for what they left before that is ended."""
ANSWER_BYTES = 1 << 20
"""How much of a smoke run's output is searched for answers."""


REPORT_BYTES = 1 << 18
"""How much of the end of an output is searched for a report."""
_NO_RESULT = ("skipped", NO_REQUEST)
"""In a notice: why a benchmark has measured nothing and is content with it."""
_NEVER_ENDED = (
    "a known defect makes it hang when it cannot write its iteration log: set benchmark.iteration_log: false,"
    " or raise benchmark.shutdown_timeout where ending takes long"
)


@dataclass
class StageRun:
    """One stage from its first process to its last; the supervisor lends what outlives a stage."""

    index: int
    stage: Stage
    scribe: Scribe
    scratch: Path
    stop_wanted: Callable[[], bool]
    idle: Callable[[], dict[int, int]]
    """what the supervisor does all the time; gives exit codes of processes that ended, by pid"""
    every_second: Callable[[Collector, Heartbeat], None]
    clear_leftovers: Callable[[], None]
    """end every process that is left of the stage"""
    clear_orphans: Callable[[int], None]
    """end what the ranks of a launcher (its pid) left behind"""
    _collector: Collector = field(init=False)
    _place: build_cache.Place = field(init=False)
    _results: int = field(init=False)
    """results of the stages before"""
    _never_ended: str = ""
    """what the program did not come to an end with; empty: it ended by itself, or was stopped"""

    def __post_init__(self) -> None:
        records = self.scribe.run_dir / layout.RANKS / str(self.index)
        records.mkdir(parents=True, exist_ok=True)
        output = engine_named(self.scribe.plan.engine).output
        self._collector = Collector(self.index, records, LineReader(self.log), output)
        self._place = container.place_of(self.stage.container)
        self._results = self.scribe.state.results
        if "iterations" in self.stage.files and self._place is build_cache.HOST:
            self._collector.iterations = LineReader(Path(self.stage.files["iterations"]))

    @property
    def log(self) -> Path:
        return layout.stage_log(self.scribe.run_dir, self.index, self.stage.name)

    def run(self) -> ev.StageStatus:
        """Start the stage, follow it to its end, and judge it."""
        child = self._start() if self._make_room() else None
        self.scribe.emit(
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
        self._announce()
        exit_code = self._follow(child.pid)
        child.returncode = exit_code  # the supervisor reaps every child itself; Popen must not try again
        self.clear_leftovers()
        for event in self._collector.finish(time.monotonic_ns()):
            self.scribe.emit(event)
        if self._collector.hanging:
            self.scribe.warn(f"{self._collector.hanging}; it was ended")
        if self._collector.bad_records:
            self.scribe.warn(f"records of ranks that could not be read: {self._collector.bad_records}")
        self._read_files()
        if self.stop_wanted():
            return self._end("stopped", exit_code)
        cause, remedy = self._cause(exit_code)
        if cause:
            self.scribe.fail(cause, remedy=remedy, log=self.log.name)
            return self._end("failed", exit_code)
        self._tell_answers()
        self._keep_output()
        return self._end("ok", exit_code)

    def _announce(self) -> None:
        """Say what the stage measures when its program does not."""
        if self.stage.measures is None:
            return
        wanted = self.scribe.plan.configurations[self.stage.measures]
        self.scribe.emit(
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
            )
        )

    def _start(self) -> subprocess.Popen[bytes] | None:
        """The stage's process: own session, no terminal, output into its raw log."""
        parent = os.getpid()
        env = {
            **os.environ,
            **mpi.scratch_env(str(self.scratch)),
            **self.stage.env,
            cuda_devices.ORDER: cuda_devices.PCI_ORDER,
            processes.TAG: self.scribe.run_dir.name,
            "TRTBENCH_RECORDS": str(self._collector.records),
            # Python programs that set their title would overwrite their environment, and our tag with it.
            "SPT_NOENV": "1",
        }
        try:
            with open(self.log, "ab") as output:
                return subprocess.Popen(
                    self.stage.argv,
                    cwd=self.stage.cwd,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    preexec_fn=lambda: processes.die_with_parent(parent),
                )
        except OSError as error:
            where = error.filename or self.stage.argv[0]
            self.scribe.fail(f"stage {self.stage.name} cannot start: {where}: {error.strerror}")
            return None

    def _follow(self, pid: int) -> int:
        """Log what the stage reports until it ended; take it down when a stop is wanted or it hangs."""
        heartbeat = Heartbeat(self.index, self.stage.output)
        next_second = 0.0
        kill_at: float | None = None
        hung_at: float | None = None
        ending_at: float | None = None
        orphans = Orphans(pid) if _is_mpirun(self.stage) else None
        while True:
            for event in self._collector.collect(time.monotonic_ns()):
                self.scribe.emit(event)
            ended = self.idle()
            if pid in ended:
                return ended[pid]
            now = time.monotonic()
            if now >= next_second:
                next_second = now + 1.0
                self.every_second(self._collector, heartbeat)
                if orphans is not None and orphans.block(now):
                    self.clear_orphans(pid)
            if self._collector.hanging:
                hung_at = hung_at or now
            ending_at = (ending_at or now) if self._collector.ending else None
            if self.stage.shutdown_s and ending_at is not None and now > ending_at + self.stage.shutdown_s:
                self._never_ended = self._collector.ending
            hung = bool(self._never_ended) or (hung_at is not None and now > hung_at + HANG_S)
            if self.stop_wanted() or hung:
                if kill_at is None:
                    kill_at = now + GRACE_S
                    _signal(pid, signal.SIGTERM)
                elif now > kill_at:
                    _signal(pid, signal.SIGKILL)
            time.sleep(POLL_S)

    def _end(self, status: ev.StageStatus, exit_code: int | None) -> ev.StageStatus:
        self.scribe.emit(
            ev.StageEnded(
                t=time.monotonic_ns(),
                stage=self.index,
                name=self.stage.name,
                status=status,
                exit_code=exit_code,
            )
        )
        self.scribe.sync()
        return status

    # --- what it made ------------------------------------------------------------------------------------

    def _make_room(self) -> bool:
        """Remove what an earlier run left half-written where the stage will write."""
        try:
            if self.stage.output:
                build_cache.prepare(self.stage.output, self._place)
            for folder in self.stage.folders:
                self._place.make(folder)
        except OSError as error:
            where = self.stage.output or ", ".join(self.stage.folders)
            self.scribe.fail(f"stage {self.stage.name} cannot write its output: {where}: {error}")
            return False
        return True

    def _keep_output(self) -> None:
        """Mark what the stage made as finished, so that a later run can use it."""
        if not self.stage.output:
            return
        try:
            build_cache.commit(self.stage.output, self.stage.identity, self._place)
        except OSError as error:
            self.scribe.warn(f"{self.stage.output} cannot be kept for later runs: {error}")

    def _read_files(self) -> None:
        """Results in the files that the program has written; from a container they are brought here."""
        if self.stage.measures is None:
            return
        output = self._collector.output
        if self._place is not build_cache.HOST:
            try:
                self._fetch()
            except OSError as error:
                self.scribe.warn(f"what is left in the container of this stage: {error}")
        with open(self.log, "rb") as file:
            file.seek(max(0, self._collector.log.offset - REPORT_BYTES))
            log = file.read(REPORT_BYTES).decode("utf-8", "replace")
        written = Written(time.monotonic_ns(), self.stage, self.index, log, self._contents)
        for event in output.left_in(written):
            self.scribe.emit(event)

    def _contents(self, what: str) -> bytes | None:
        path = self.stage.files.get(what)
        if path is None:
            return None
        if self._place is not build_cache.HOST:
            path = str(self.scribe.run_dir / "results" / str(self.stage.measures) / Path(path).name)
        return build_cache.HOST.read(path)

    def _fetch(self) -> None:
        """Bring the files out of the container into the run directory, and the iterations into the log."""
        folder = self.scribe.run_dir / "results" / str(self.stage.measures)
        folder.mkdir(parents=True, exist_ok=True)
        for path in self.stage.files.values():
            content = self._place.read(path)
            if content is not None:
                (folder / Path(path).name).write_bytes(content)
            elif Path(path).name in {name for name, *_ in self._place.files(str(Path(path).parent)) or ()}:
                raise OSError(f"{path} cannot be read, and stays there")
        if "iterations" in self.stage.files:
            self._collector.iterations = LineReader(folder / Path(self.stage.files["iterations"]).name)
            for event in self._collector.finish(time.monotonic_ns()):
                self.scribe.emit(event)
        for made in self.stage.folders:
            self._place.remove(made)

    def _tell_answers(self) -> None:
        """What the model answered in a smoke run; whether it makes sense is for a person to say."""
        if self.stage.name != "smoke":
            return
        with open(self.log, "rb") as file:
            text = file.read(ANSWER_BYTES).decode("utf-8", "replace")
        for prompt, answer in self._collector.output.answers_in(text):
            self.scribe.emit(ev.Answer(t=time.monotonic_ns(), stage=self.index, prompt=prompt, answer=answer))

    # --- whether it succeeded ----------------------------------------------------------------------------

    def _cause(self, exit_code: int) -> tuple[str, str]:
        """Why the stage failed, and what to do; empty when it did not.

        Success: exit code 0, every rank said goodbye with a matching count, and a result was read.
        """
        diagnosis = self._collector.diagnosis
        measured = self.scribe.state.results > self._results
        if self._never_ended:
            late = f"did not {self._never_ended} within {self.stage.shutdown_s} s after it had measured"
            if measured:
                self.scribe.warn(f"the benchmark {late}; it was ended, its report was complete")
                return "", ""
            known = diagnosis.known or (f"the benchmark {late} and was ended; it had reported nothing", "")
            return known[0], known[1] or _NEVER_ENDED
        if exit_code != 0:
            return diagnosis.cause(exit_code)
        if self.stage.reports and (missing := _missing_records(self.scribe.state)):
            # A full disk or a lost connection explains missing records better than they explain themselves.
            if diagnosis.known is not None:
                return diagnosis.known[0], missing
            if self.scribe.found_disk_full:
                return "the disk of the run directory was full", f"make room and run it again: {missing}"
            return missing, ""
        if self.stage.name == "benchmark" and not measured:
            said = (n.text for n in self.scribe.state.notices if any(text in n.text for text in _NO_RESULT))
            why = next((f": {text}" for text in said), diagnosis.first_error)
            return f"the benchmark ended with {describe_exit(exit_code)} but printed no result{why}", ""
        return "", ""


@dataclass(slots=True)
class Orphans:
    """Notices a launcher that waits for what its dead ranks left: helpers of a killed rank keep its pipes."""

    launcher: int
    _alone_since: float | None = None

    def block(self, now: float) -> bool:
        """Whether the launcher has had no rank for so long that only what they left can keep it."""
        if processes.children(self.launcher):
            self._alone_since = None
            return False
        self._alone_since = self._alone_since or now
        return now > self._alone_since + ORPHANS_S


def _is_mpirun(stage: Stage) -> bool:
    return Path(stage.argv[0]).name in ("mpirun", "mpiexec", "prterun", "orterun")


def _missing_records(state: RunState) -> str:
    """What is wrong with the ranks' records, in one sentence; empty when they are complete."""
    for rank in state.ranks.values():
        if rank.hello is None:
            return f"rank {rank.rank} never reported: it did not start, or its records were lost"
        if rank.hello.world != len(state.ranks):
            return f"rank {rank.rank} saw {rank.hello.world} ranks instead of {len(state.ranks)}"
        if rank.bye is None:
            return f"rank {rank.rank} ended after {rank.records} records without finishing"
        if not rank.complete:
            return f"rank {rank.rank} sent {rank.bye.count} records, {rank.records} arrived"
    return ""


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
