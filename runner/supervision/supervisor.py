"""The supervisor: the process that runs a plan, writes its log, and outlives every terminal.

It has no terminal, ignores SIGHUP, holds the lock of the run, gives its children /dev/null and files, and
leaves no process behind. One thread does everything on purpose, because parent-death signals belong to the
forking thread; another only waits for the disk (`disk_sync`).
"""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from runner import VERSION
from runner import events as ev
from runner.engines import container
from runner.plan.plan import Plan, Stage
from runner.run import layout, liveness
from runner.run.device_locks import DeviceLocks
from runner.run.scratch import make_scratch, remove_scratch
from runner.state import cuda_devices
from runner.supervision import gpu_readings, hook
from runner.supervision.collector import Collector
from runner.supervision.device_turn import wait_for_devices
from runner.supervision.directory_watch import DirectoryWatch
from runner.supervision.disk_sync import DiskSync
from runner.supervision.heartbeat import HeartbeatMonitor
from runner.supervision.job import RunJob
from runner.supervision.run_log import RunLog
from runner.supervision.run_nodes import LOG, RunNodes
from runner.supervision.stage import POLL_S, StageRun
from runner.telemetry import host
from runner.telemetry.monitor import TelemetryMonitor, TimingBoundaries
from runner.util import daemon, process_control, processes, signals

logger = logging.getLogger(__name__)

LEFTOVER_S = 2.0
"""How long children of a stage may outlive its launcher before they are killed."""


def main(run_dir: str, lock: int) -> None:
    """Supervise the run in `run_dir`; `lock` is the inherited descriptor of its lock."""
    daemon.begin(lock)
    process_control.adopt_orphans()
    path = Path(run_dir)
    supervision = Supervision(path, layout.load_plan(path))
    signal.signal(signal.SIGTERM, lambda *_: supervision.terminate())
    signals.deliver()
    supervision.run()


def _cause(error: Exception) -> tuple[str, str]:
    """Return why the supervisor failed, and a remedy; only errors of the system are not its own."""
    if not isinstance(error, OSError) or error.filename is None:
        return f"the supervisor failed: {type(error).__name__}: {error}", ""
    where = f"{error.filename}: {error.strerror}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full: {where}", "make room there and run it again"
    return f"the run cannot use {where}", "make it writable, with room, and run it again"


@dataclass
class Supervision:
    """One run from its first event to its last."""

    run_dir: Path
    plan: Plan
    _run_log: RunLog = field(init=False)
    _members: processes.RunProcesses = field(init=False)
    _devices: DeviceLocks = field(init=False)
    _disk: DiskSync = field(init=False)
    _job: RunJob = field(init=False)
    _directory: DirectoryWatch = field(init=False)
    _host: host.HostSampler = field(default_factory=host.HostSampler)
    _stop: str | None = None
    _deadline: float = math.inf
    """when the time limit of the run ends (monotonic, s)"""
    _watch: TelemetryMonitor | None = None
    """reads the GPUs; None: they are not read"""
    _nodes: RunNodes | None = None
    """None: the run uses one machine"""
    _boundaries: TimingBoundaries = field(default_factory=TimingBoundaries)

    def __post_init__(self) -> None:
        run = self.run_dir.name
        self._run_log = RunLog(self.run_dir, self.plan)
        self._members = processes.RunProcesses(run, self.run_dir / layout.PROCESSES, spared=set())
        self._devices = DeviceLocks(run)
        self._disk = DiskSync(self.run_dir)
        self._job = RunJob(self.plan, run)
        self._directory = DirectoryWatch(self.run_dir, self._run_log.warn)
        if self.plan.nodes is not None:
            self._nodes = RunNodes(
                self.plan.nodes, self.run_dir, self.plan, self._run_log.emit, self._idle, self._stop_wanted
            )

    def ask_to_stop(self, by: str) -> None:
        self._stop = self._stop or by

    def terminate(self) -> None:
        """Stop the run because of SIGTERM, which Slurm sends before it ends a job."""
        self._run_log.must_end_soon = True
        self.ask_to_stop(self._job.terminate(is_stopping=self._stop is not None))

    def run(self) -> None:
        """Run the plan; an internal error ends the run as failed, with its cause in the log."""
        self._begin()
        status: ev.RunStatus = "failed"
        try:
            status = self._stages()
        except Exception as error:
            self._run_log.note_full_disks(())
            cause, remedy = _cause(error)
            self._run_log.fail(cause, remedy=remedy, log="supervisor.log")
            raise
        finally:
            self._end(status)

    def _begin(self) -> None:
        owner = liveness.owner_of(self.run_dir, os.getpid())
        liveness.write_owner(self.run_dir, owner)
        self._run_log.emit(
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
        for event in self._job.begin():
            self._run_log.emit(event)
        for note in self.plan.notes:
            self._run_log.warn(note)
        device = "cpu" if self.plan.devices == ["cpu"] else "cuda"
        reason = host.no_gpu_reason(device, self.plan.gpu_hz)
        if reason:
            self._run_log.emit(ev.NoGpu(t=time.monotonic_ns(), reason=reason))
        else:
            self._watch = TelemetryMonitor(
                self.run_dir / layout.TELEMETRY, self.plan.gpu_hz, log=self.run_dir / layout.TELEMETRY_LOG
            )
            self._run_log.on_event = self._read_energy
        self._run_log.sync()
        logger.info("supervising run %s: %d stages", self.run_dir.name, len(self.plan.stages))

    def _stages(self) -> ev.RunStatus:
        if self.plan.preflight:
            from runner.supervision import job_preflight

            if status := job_preflight.check_before_stages(self.plan, self._run_log, self._stop_wanted):
                return status
        if status := self._take_all_devices():
            return status
        if self.plan.time_limit:
            self._deadline = time.monotonic() + self.plan.time_limit
        if self._watch is not None:
            gpu_readings.begin(self._watch, self._run_log.warn, self._idle, self._stop_wanted)
        # Ranks in a container share its memory, not this machine's.
        ranks = (stage.ranks for stage in self.plan.stages if stage.uses_host_memory)
        scratch, problem = make_scratch(self.run_dir, max(ranks, default=0))
        if problem:
            self._run_log.warn(problem)
        if not self._prepare_nodes(scratch):
            return "failed"
        for index, stage in enumerate(self.plan.stages):
            outcome = self._skip(index, stage) if stage.skip else self._stage(index, stage, scratch).run()
            if outcome not in ("ok", "skipped"):
                return "stopped" if outcome == "stopped" else "failed"
        return "finished"

    def _stage(self, index: int, stage: Stage, scratch: Path) -> StageRun:
        self._members.create_cgroup()
        self._directory.wait(self._stop_wanted, self._idle)
        return StageRun(
            index,
            stage,
            self._run_log,
            scratch,
            stop_wanted=self._stop_wanted,
            idle=self._idle,
            every_second=self._every_second,
            clear_leftovers=lambda: self._end_processes(is_last=index == len(self.plan.stages) - 1),
            clear_orphans=self._clear_orphans,
            cgroup=self._members.cgroup,
            nodes=self._nodes,
            deadline=self._deadline,
            job_end=self._job.find_end,
        )

    def _skip(self, index: int, stage: Stage) -> ev.StageStatus:
        self._run_log.emit(
            ev.StageEnded(
                t=time.monotonic_ns(), stage=index, name=stage.name, status="skipped", note=stage.skip
            )
        )
        return "skipped"

    def _take_all_devices(self) -> ev.RunStatus | None:
        """Wait until no other run uses the devices of this run; return how the run ended before that."""
        if self._nodes is None:
            return None if self._take_devices() else "stopped"
        problem = self._nodes.join()
        for node, devices, is_first in [] if problem else self._nodes.device_turns():
            if not is_first and devices:
                problem = problem or self._nodes.take_devices(node, devices)
            elif is_first and not self._take_devices(node):
                break
        if self._stop_wanted():
            return "stopped"
        if problem:
            self._run_log.fail(problem, log=LOG)
        return "failed" if problem else None

    def _take_devices(self, node: str = "") -> bool:
        return wait_for_devices(
            self._devices,
            self.plan.devices,
            self._run_log,
            node=node,
            stop_wanted=self._stop_wanted,
            idle=self._idle if self._nodes is not None else None,
        )

    def _prepare_nodes(self, scratch: Path) -> bool:
        """Make the other nodes ready for the first stage; return whether they are."""
        if self._nodes is None:
            return True
        gpu_hz = self.plan.gpu_hz if self._watch is not None else 0.0
        problem = self._nodes.prepare(scratch, gpu_hz, self.plan.stages[-1].env.get(cuda_devices.VISIBLE))
        if problem:
            self._run_log.fail(problem, log=LOG)
        return not problem

    def _stop_wanted(self) -> bool:
        if self._stop is None:
            self._stop = layout.read_stop_request(self.run_dir)
        if self._stop is None:
            return False
        if self._run_log.state.stopping is None:
            self._run_log.emit(ev.Stopping(t=time.monotonic_ns(), by=self._stop))
            logger.info("stop requested by %s", self._stop)
        return True

    # --- at every poll -----------------------------------------------------------------------------------

    def _idle(self) -> dict[int, int]:
        """Reap children and read GPU events; return exit codes by pid."""
        ended = processes.reap_children()
        if self._watch is not None:
            self._watch.reaped(ended)
            for event in self._watch.poll():
                self._run_log.emit(event)
                if isinstance(event, ev.GpuInventory):
                    self._map_gpus(event)
        if self._nodes is not None:
            self._nodes.poll(ended)
        return ended

    def _every_second(self, collector: Collector, heartbeat: HeartbeatMonitor) -> None:
        members = processes.descendants(os.getpid(), self._own_pids())
        self._members.note(members)
        stage = self._run_log.state.stage
        log = layout.stage_log(self._run_log.run_dir, stage.index, stage.name) if stage is not None else None
        self._run_log.emit(self._host.sample(log))
        hellos = [rank.hello for rank in self._run_log.state.ranks.values() if rank.hello is not None]
        for event in self._job.poll() if not hellos else ():
            self._run_log.emit(event)
        own = liveness.host_name()
        ranks = {hello.rank: hello.pid for hello in hellos if self._nodes is None or hello.host == own}
        beat = heartbeat.beat(time.monotonic_ns(), collector.position(), members, ranks)
        if beat is not None:
            self._run_log.emit(beat)
        self._run_log.retry()
        self._disk.start_if_due(time.monotonic())
        if why := self._directory.check(time.monotonic()):
            self.ask_to_stop(why)

    def _end_processes(self, *, is_last: bool) -> None:
        """End the processes of a stage; the next run may use the devices as soon as no other stage will."""
        self._clear_leftovers()
        self._directory.wait(self._stop_wanted, self._idle)  # what follows reads the files of the stage
        if is_last or self._stop_wanted():
            self._devices.release()
            if self._nodes is not None:
                self._nodes.release_devices()

    def _clear_leftovers(self) -> None:
        """Wait a moment for remaining processes of a stage, then kill them."""
        self._members.spared = self._own_pids()
        grace = 0 if self._stop_wanted() else LEFTOVER_S
        if self._nodes is not None:
            self._nodes.begin_sweep(grace)
        deadline = time.monotonic() + grace
        while self._members.alive() and time.monotonic() < deadline:
            self._idle()
            time.sleep(POLL_S)
        container.kill_processes(self.plan, self.run_dir.name)
        self._sweep()
        container.remove_late(self.plan)
        if self._nodes is not None:
            self._nodes.finish_sweep()

    def _sweep(self) -> None:
        """Kill every process of the run."""
        self._members.spared = self._own_pids()
        killed, left = processes.kill_all(self._members)
        if killed or left:
            self._run_log.emit(ev.Swept(t=time.monotonic_ns(), killed=killed, left=left))
            logger.info("killed %d remaining processes; %d could not be killed", killed, left)

    def _clear_orphans(self, launcher: int) -> None:
        """Kill adopted processes of the stage, so that the launcher ends and returns its exit code."""
        for pid, _ in processes.descendants(os.getpid(), self._own_pids() | {launcher}):
            with contextlib.suppress(OSError):  # it has ended, or belongs to another user
                os.kill(pid, signal.SIGKILL)

    def _own_pids(self) -> set[int]:
        """Return the processes that read the GPUs and reach other nodes; they are not measured."""
        telemetry = self._watch.pids if self._watch is not None else set()
        return telemetry | (self._nodes.link.pids if self._nodes is not None else set())

    def _read_energy(self, event: ev.AnyEvent) -> None:
        if self._watch is not None and self._boundaries.is_one(event):
            self._watch.read_energy()
            if self._nodes is not None:
                self._nodes.read_energy()

    # --- the GPUs ----------------------------------------------------------------------------------------

    def _map_gpus(self, inventory: ev.GpuInventory) -> None:
        """Log which GPU each `cuda:N` of the benchmark is."""
        setting = {**os.environ, **self.plan.stages[-1].env}.get(cuda_devices.VISIBLE)
        self._run_log.emit(cuda_devices.mapping(inventory, setting))

    # --- the end -----------------------------------------------------------------------------------------

    def _end(self, status: ev.RunStatus) -> None:
        self._clear_leftovers()
        self._devices.release()
        if self._nodes is not None:
            self._nodes.close()
        if self._watch is not None:
            gpu_readings.end(self._watch, self.run_dir, self._idle)
        # Without the telemetry process, this one knows for sure whether it has descendants.
        self._sweep()
        remove_scratch(self.run_dir)
        logger.info("run %s ended: %s", self.run_dir.name, status)
        layout.remove_if_empty(self.run_dir / "supervisor.log")
        status, ending = self._job.end_of_run(status)
        if ending is not None and self._run_log.state.failure is None:
            self._run_log.fail(ending.cause, remedy=ending.remedy)
        self._disk.finish()  # before the log says how the run ended
        self._run_log.close(status, ending.end if ending is not None else None)
        hook.start(self.run_dir, self.plan)
