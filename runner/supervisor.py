"""The supervisor: the one process that runs a plan, writes its log, and outlives every terminal.

It has no terminal, ignores SIGHUP, holds the run's lock, gives its children /dev/null and files, and leaves
no process behind. It is single-threaded on purpose: parent-death signals follow the thread that forks.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from runner import cache, container, gpus, host, mpi, processes, report, rundir
from runner import events as ev
from runner.collector import Collector
from runner.devices import DeviceLocks
from runner.diagnosis import describe_exit
from runner.engines import engine_named
from runner.heartbeat import Heartbeat
from runner.journal import JournalWriter, LineReader
from runner.plan import Plan, Stage
from runner.scratch import scratch_dir
from runner.state import RunState
from runner.telemetry.watch import Watch
from runner.version import VERSION

POLL_S = 0.025
"""How often ranks' files are looked at; with the dashboard's frame it bounds what is seen late."""
HOST_S = 1.0
QUEUE_S = 0.5
GRACE_S = 5.0
"""From TERM to KILL of the launcher; Open MPI gives its ranks 250 ms of it."""
HANG_S = 10.0
"""How long a program that said it will never end may still prove otherwise."""
BASELINE_S = 5.0
"""How long the first stage waits for a reading of the GPUs as they were before it."""
LAST_READING_S = 2.0
LEFTOVER_S = 2.0
"""How long children of a stage may outlive its launcher before they are swept."""
BALLAST = 1 << 20
"""Bytes kept aside on disk so that the end of a run can be written when the disk is full."""


def main(run_dir: str, lock: int) -> None:
    """Supervise the run in `run_dir`; `lock` is the inherited descriptor of its lock."""
    os.set_inheritable(lock, False)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    processes.adopt_orphans()
    path = Path(run_dir)
    supervision = Supervision(path, rundir.load_plan(path))
    signal.signal(signal.SIGTERM, lambda *_: supervision.ask_to_stop("SIGTERM to the supervisor"))
    supervision.run()


@dataclass
class Supervision:
    """One run from its first event to its last."""

    run_dir: Path
    plan: Plan
    state: RunState = field(default_factory=RunState)
    _stop: str | None = None
    _next_host: float = 0.0
    _journal: JournalWriter = field(init=False)
    _members: processes.Members = field(init=False)
    _devices: DeviceLocks = field(init=False)
    _scratch: Path = field(init=False)
    _watch: Watch | None = None
    """reads the GPUs; None: they are not read"""

    def __post_init__(self) -> None:
        run = self.run_dir.name
        self._members = processes.Members(run, self.run_dir / rundir.SEEN)
        self._devices = DeviceLocks(run)
        self._scratch = scratch_dir(run)
        self._journal = JournalWriter(self.run_dir / rundir.EVENTS)

    def ask_to_stop(self, by: str) -> None:
        self._stop = self._stop or by

    def emit(self, event: ev.AnyEvent) -> None:
        """Write an event and take it in: what the supervisor knows is what the log says."""
        self._journal.write(event)
        self.state.apply(event)
        if self._watch is not None:
            self._watch.saw(event)

    def run(self) -> None:
        """The whole run; a defect of ours ends it as failed, with its cause in the log, never silently."""
        self._begin()
        status: ev.RunStatus = "failed"
        try:
            status = self._stages()
        except Exception as error:
            self.emit(
                ev.Failure(
                    t=time.monotonic_ns(),
                    cause=f"the supervisor failed: {type(error).__name__}: {error}",
                    log="supervisor.log",
                )
            )
            raise
        finally:
            self._end(status)

    def _begin(self) -> None:
        owner = rundir.Owner(
            pid=os.getpid(),
            start_time=processes.start_time(os.getpid()) or 0,
            boot_id=processes.boot_id(),
            host=rundir.host_name(),
        )
        rundir.write_owner(self.run_dir, owner)
        rundir.make_ballast(self.run_dir, BALLAST)
        self.emit(
            ev.RunStarted(
                t=time.monotonic_ns(),
                run=self.run_dir.name,
                schema=ev.SCHEMA,
                wall=time.time(),
                host=owner.host,
                boot_id=owner.boot_id,
                pid=owner.pid,
                cores=os.cpu_count() or 1,
                version=VERSION,
            )
        )
        for note in self.plan.notes:
            self._warn(note)
        device = "cpu" if self.plan.devices == ["cpu"] else "cuda"
        why = host.why_no_gpu(device, self.plan.gpu_hz)
        if why:
            self.emit(ev.NoGpu(t=time.monotonic_ns(), reason=why))
        else:
            self._watch = Watch(
                self.run_dir / rundir.TELEMETRY, self.plan.gpu_hz, log=self.run_dir / rundir.TELEMETRY_LOG
            )
        self._journal.sync()

    def _stages(self) -> ev.RunStatus:
        if not self._take_devices():
            return "stopped"
        self._start_telemetry()
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        for index, stage in enumerate(self.plan.stages):
            if stage.skip:
                self._skip(index, stage)
                continue
            status = self._run_stage(index, stage)
            if status != "ok":
                return "stopped" if status == "stopped" else "failed"
        return "finished"

    def _take_devices(self) -> bool:
        """Wait until no other run uses our devices; False when stopped while waiting."""
        told: tuple[str, str] | None = None
        while (busy := self._devices.take(self.plan.devices)) is not None:
            if busy != told:
                self.emit(ev.Queued(t=time.monotonic_ns(), device=busy[0], holder=busy[1]))
                told = busy
            if self._stop_wanted():
                return False
            time.sleep(QUEUE_S)
        return True

    def _stop_wanted(self) -> bool:
        if self._stop is None:
            self._stop = rundir.stop_requested(self.run_dir)
        if self._stop is None:
            return False
        if self.state.stopping is None:
            self.emit(ev.Stopping(t=time.monotonic_ns(), by=self._stop))
        return True

    def _skip(self, index: int, stage: Stage) -> None:
        skipped = ev.StageEnded(
            t=time.monotonic_ns(), stage=index, name=stage.name, status="skipped", note=stage.skip
        )
        self.emit(skipped)

    # --- the GPUs ----------------------------------------------------------------------------------------

    def _start_telemetry(self) -> None:
        """Start reading the GPUs, and wait a little for what they were before the first stage."""
        if self._watch is None:
            return
        self._watch.start()
        deadline = time.monotonic() + BASELINE_S
        while not (self._watch.sampled or self._watch.over or self._stop_wanted()):
            if time.monotonic() > deadline:
                self._warn(f"the GPUs did not answer within {BASELINE_S:.0f} s, so there is no baseline")
                break
            self._watch.reaped(processes.reap())
            self._read_telemetry()
            time.sleep(POLL_S)
        self._map_gpus()

    def _read_telemetry(self) -> None:
        if self._watch is not None:
            for event in self._watch.poll():
                self.emit(event)

    def _map_gpus(self) -> None:
        """Write down which GPU each `cuda:N` of the benchmark is."""
        inventory = self.state.telemetry.inventory
        if inventory is None or not self.plan.stages:
            return
        env = {**os.environ, **self.plan.stages[-1].env}
        setting = env.get(gpus.VISIBLE)
        self.emit(
            ev.GpuMapping(
                t=time.monotonic_ns(),
                order=gpus.PCI_ORDER,
                visible=setting,
                gpus=gpus.visible(inventory.gpus, setting),
            )
        )

    def _end_telemetry(self) -> None:
        """A last reading, now that the run's processes are gone; one that hangs is not waited for."""
        if self._watch is None:
            return
        self._watch.finish()
        deadline = time.monotonic() + LAST_READING_S
        while not self._watch.over and time.monotonic() < deadline:
            self._watch.reaped(processes.reap())
            self._read_telemetry()
            time.sleep(POLL_S)
        self._watch.kill()
        self._read_telemetry()
        # Every record of it stands in the log.
        with contextlib.suppress(OSError):
            (self.run_dir / rundir.TELEMETRY).unlink()
        rundir.drop_if_empty(self.run_dir / rundir.TELEMETRY_LOG)

    def _descendants(self) -> list[processes.Identity]:
        """Processes of the stage: telemetry is ours and no part of what is measured."""
        own = self._watch.pids if self._watch is not None else set()
        return [process for process in processes.descendants(os.getpid()) if process[0] not in own]

    # --- one stage ---------------------------------------------------------------------------------------

    def _run_stage(self, index: int, stage: Stage) -> ev.StageStatus:
        log = rundir.stage_log(self.run_dir, index, stage.name)
        records = self.run_dir / rundir.RANKS / str(index)
        records.mkdir(parents=True, exist_ok=True)
        collector = Collector(index, records, LineReader(log), engine_named(self.plan.engine).OUTPUT)
        child = self._start(stage, log, records) if self._make_room(stage) else None
        pid = child.pid if child is not None else 0
        self.emit(
            ev.StageStarted(t=time.monotonic_ns(), stage=index, name=stage.name, pid=pid, ranks=stage.ranks)
        )
        if child is None:
            return self._end_stage(index, stage, "failed", None)
        exit_code = self._follow(child.pid, collector, Heartbeat(index, stage.output))
        child.returncode = exit_code  # we reap every child ourselves; Popen must not try again
        self._clear_leftovers()
        for event in collector.finish(time.monotonic_ns()):
            self.emit(event)
        if collector.hanging:
            self._warn(f"{collector.hanging}; it was ended")
        if collector.bad_records:
            self._warn(f"{collector.bad_records} records of ranks could not be read")
        if self._stop_wanted():
            return self._end_stage(index, stage, "stopped", exit_code)
        failure = self._verdict(stage, collector, exit_code, log.name)
        if failure is None:
            self._keep_output(stage)
        else:
            self.emit(failure)
        return self._end_stage(index, stage, "ok" if failure is None else "failed", exit_code)

    def _make_room(self, stage: Stage) -> bool:
        """Remove what an earlier run left half-written where the stage will write."""
        if not stage.output:
            return True
        try:
            cache.prepare(stage.output, container.place_of(stage.container))
        except OSError as error:
            self._fail(f"stage {stage.name} has no place for its output: {stage.output}: {error}")
            return False
        return True

    def _keep_output(self, stage: Stage) -> None:
        """Mark what the stage made as finished, so that a later run can use it."""
        if not stage.output:
            return
        try:
            cache.commit(stage.output, stage.identity, container.place_of(stage.container))
        except OSError as error:
            self._warn(f"{stage.output} cannot be kept for later runs: {error}")

    def _start(self, stage: Stage, log: Path, records: Path) -> subprocess.Popen[bytes] | None:
        """The stage's process: own session, no terminal, output into its raw log."""
        parent = os.getpid()
        env = {
            **os.environ,
            **mpi.scratch_env(str(self._scratch)),
            **stage.env,
            gpus.ORDER: gpus.PCI_ORDER,
            processes.TAG: self.run_dir.name,
            "TRTBENCH_RECORDS": str(records),
            # Python programs that set their title would overwrite their environment, and our tag with it.
            "SPT_NOENV": "1",
        }
        try:
            with open(log, "ab") as output:
                return subprocess.Popen(
                    stage.argv,
                    cwd=stage.cwd,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    preexec_fn=lambda: processes.die_with_parent(parent),
                )
        except OSError as error:
            where = error.filename or stage.argv[0]
            self._fail(f"stage {stage.name} cannot start: {where}: {error.strerror}")
            return None

    def _follow(self, pid: int, collector: Collector, heartbeat: Heartbeat) -> int:
        """Log what the stage reports until it ended; take it down when a stop is wanted."""
        kill_at: float | None = None
        hung_at: float | None = None
        while True:
            for event in collector.collect(time.monotonic_ns()):
                self.emit(event)
            self._read_telemetry()
            ended = processes.reap()
            if self._watch is not None:
                self._watch.reaped(ended)
            if pid in ended:
                return ended[pid]
            now = time.monotonic()
            if now >= self._next_host:
                self._next_host = now + HOST_S
                self._every_second(collector, heartbeat)
            if collector.hanging:
                hung_at = hung_at or now
            if self._stop_wanted() or (hung_at is not None and now > hung_at + HANG_S):
                if kill_at is None:
                    kill_at = now + GRACE_S
                    self._members.note(self._descendants())
                    _signal(pid, signal.SIGTERM)
                elif now > kill_at:
                    _signal(pid, signal.SIGKILL)
            time.sleep(POLL_S)

    def _every_second(self, collector: Collector, heartbeat: Heartbeat) -> None:
        members = self._descendants()
        self._members.note(members)
        self.emit(host.sample())
        beat = heartbeat.beat(time.monotonic_ns(), collector.position(), members)
        if beat is not None:
            self.emit(beat)
        if not self._journal.flush():
            rundir.drop_ballast(self.run_dir)
        if not self.run_dir.is_dir():
            self.ask_to_stop("the run directory was deleted")

    def _clear_leftovers(self) -> None:
        """Nothing of a stage survives it: what its launcher left gets a moment, then is killed."""
        deadline = time.monotonic() + (0 if self._stop_wanted() else LEFTOVER_S)
        while self._members.alive() and time.monotonic() < deadline:
            processes.reap()
            time.sleep(POLL_S)
        container.sweep(self.plan, self.run_dir.name)
        killed, left = processes.sweep(self._members)
        if killed or left:
            self.emit(ev.Swept(t=time.monotonic_ns(), killed=killed, left=left))

    def _verdict(self, stage: Stage, collector: Collector, exit_code: int, log: str) -> ev.Failure | None:
        """Success: exit code 0, every rank said goodbye with a matching count, and a result was read."""
        cause, remedy = "", ""
        if exit_code != 0:
            cause, remedy = collector.diagnosis.cause(exit_code)
        elif stage.reports:
            cause = _missing_records(self.state)
            if cause and collector.diagnosis.known is not None:
                remedy = cause
                cause = collector.diagnosis.known[0]
        if not cause and stage.name == "benchmark" and self.state.results == 0:
            cause = f"the benchmark ended with {describe_exit(exit_code)} but printed no result"
        if not cause:
            return None
        return ev.Failure(t=time.monotonic_ns(), cause=cause, remedy=remedy, log=log)

    def _end_stage(
        self, index: int, stage: Stage, status: ev.StageStatus, exit_code: int | None
    ) -> ev.StageStatus:
        self.emit(
            ev.StageEnded(
                t=time.monotonic_ns(), stage=index, name=stage.name, status=status, exit_code=exit_code
            )
        )
        self._journal.sync()
        return status

    # --- the end -----------------------------------------------------------------------------------------

    def _end(self, status: ev.RunStatus) -> None:
        self._clear_leftovers()
        self._end_telemetry()
        shutil.rmtree(self._scratch, ignore_errors=True)
        rundir.drop_ballast(self.run_dir)
        rundir.drop_if_empty(self.run_dir / "supervisor.log")
        end = ev.RunEnded(t=time.monotonic_ns(), status=status, wall=time.time())
        self.state.apply(end)
        self._insist(lambda: report.write(self.run_dir, report.build(self.plan, self.state)))
        # The last line of the log is the last thing that changes in the directory.
        self._journal.write(end)
        self._insist(self._flush)
        self._devices.release()

    def _flush(self) -> None:
        if not self._journal.flush():
            raise OSError("the disk is still full")
        self._journal.sync()

    def _insist(self, write: Callable[[], None], tries: int = 20) -> None:
        """Write the end of a run also when the disk is full right now; give up after a while."""
        for _ in range(tries):
            try:
                write()
                return
            except OSError:
                time.sleep(0.25)

    def _fail(self, cause: str) -> None:
        self.emit(ev.Failure(t=time.monotonic_ns(), cause=cause))

    def _warn(self, text: str) -> None:
        self.emit(ev.Notice(t=time.monotonic_ns(), level="warning", text=text))


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
