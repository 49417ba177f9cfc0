"""The supervisor: the one process that runs a plan, writes its log, and outlives every terminal.

It has no terminal, ignores SIGHUP, holds the run's lock, gives its children /dev/null and files, and leaves
no process behind. It is single-threaded on purpose: parent-death signals follow the thread that forks.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from runner import VERSION
from runner import events as ev
from runner.engines import container
from runner.plan.plan import Plan, Stage
from runner.run import layout
from runner.run.scratch import scratch_dir
from runner.state import cuda_devices
from runner.supervision import hook, host
from runner.supervision.collector import Collector
from runner.supervision.device_locks import DeviceLocks
from runner.supervision.heartbeat import Heartbeat
from runner.supervision.run_log import Scribe
from runner.supervision.stage import POLL_S, StageRun
from runner.telemetry.monitor import Watch
from runner.util import login_session, processes

QUEUE_S = 0.5
BASELINE_S = 5.0
"""How long the first stage waits for a reading of the GPUs as they were before it."""
LAST_READING_S = 2.0
LEFTOVER_S = 2.0
"""How long children of a stage may outlive its launcher before they are swept."""


def main(run_dir: str, lock: int) -> None:
    """Supervise the run in `run_dir`; `lock` is the inherited descriptor of its lock."""
    os.set_inheritable(lock, False)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    processes.adopt_orphans()
    path = Path(run_dir)
    supervision = Supervision(path, layout.load_plan(path))
    signal.signal(signal.SIGTERM, lambda *_: supervision.ask_to_stop(_who_sends_sigterm()))
    supervision.run()


def _who_sends_sigterm() -> str:
    if login_session.ends_what_it_started():
        return "SIGTERM to the supervisor, as systemd sends it when a login ends (KillUserProcesses=yes)"
    return "SIGTERM to the supervisor"


@dataclass
class Supervision:
    """One run from its first event to its last."""

    run_dir: Path
    plan: Plan
    _scribe: Scribe = field(init=False)
    _members: processes.Members = field(init=False)
    _devices: DeviceLocks = field(init=False)
    _scratch: Path = field(init=False)
    _host: host.Sampler = field(default_factory=host.Sampler)
    _stop: str | None = None
    _watch: Watch | None = None
    """reads the GPUs; None: they are not read"""

    def __post_init__(self) -> None:
        run = self.run_dir.name
        self._scribe = Scribe(self.run_dir, self.plan)
        self._members = processes.Members(run, self.run_dir / layout.SEEN)
        self._devices = DeviceLocks(run)
        self._scratch = scratch_dir(run)

    def ask_to_stop(self, by: str) -> None:
        self._stop = self._stop or by

    def run(self) -> None:
        """The whole run; a defect of ours ends it as failed, with its cause in the log, never silently."""
        self._begin()
        status: ev.RunStatus = "failed"
        try:
            status = self._stages()
        except Exception as error:
            self._scribe.fail(f"the supervisor failed: {type(error).__name__}: {error}", log="supervisor.log")
            raise
        finally:
            self._end(status)

    def _begin(self) -> None:
        owner = layout.Owner(
            pid=os.getpid(),
            start_time=processes.start_time(os.getpid()) or 0,
            boot_id=processes.boot_id(),
            host=layout.host_name(),
        )
        layout.write_owner(self.run_dir, owner)
        self._scribe.emit(
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
            self._scribe.warn(note)
        device = "cpu" if self.plan.devices == ["cpu"] else "cuda"
        why = host.why_no_gpu(device, self.plan.gpu_hz)
        if why:
            self._scribe.emit(ev.NoGpu(t=time.monotonic_ns(), reason=why))
        else:
            self._watch = Watch(
                self.run_dir / layout.TELEMETRY, self.plan.gpu_hz, log=self.run_dir / layout.TELEMETRY_LOG
            )
            self._scribe.heard = self._watch.saw
        self._scribe.sync()

    def _stages(self) -> ev.RunStatus:
        if not self._take_devices():
            return "stopped"
        self._start_telemetry()
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        for index, stage in enumerate(self.plan.stages):
            status = self._skip(index, stage) if stage.skip else self._stage(index, stage).run()
            if status not in ("ok", "skipped"):
                return "stopped" if status == "stopped" else "failed"
        return "finished"

    def _stage(self, index: int, stage: Stage) -> StageRun:
        return StageRun(
            index,
            stage,
            self._scribe,
            self._scratch,
            stop_wanted=self._stop_wanted,
            idle=self._idle,
            every_second=self._every_second,
            clear_leftovers=self._clear_leftovers,
            clear_orphans=self._clear_orphans,
        )

    def _skip(self, index: int, stage: Stage) -> ev.StageStatus:
        self._scribe.emit(
            ev.StageEnded(
                t=time.monotonic_ns(), stage=index, name=stage.name, status="skipped", note=stage.skip
            )
        )
        return "skipped"

    def _take_devices(self) -> bool:
        """Wait until no other run uses our devices; False when stopped while waiting."""
        told: tuple[str, str] | None = None
        while (busy := self._devices.take(self.plan.devices)) is not None:
            if busy != told:
                self._scribe.emit(ev.Queued(t=time.monotonic_ns(), device=busy[0], holder=busy[1]))
                told = busy
            if self._stop_wanted():
                return False
            time.sleep(QUEUE_S)
        return True

    def _stop_wanted(self) -> bool:
        if self._stop is None:
            self._stop = layout.stop_requested(self.run_dir)
        if self._stop is None:
            return False
        if self._scribe.state.stopping is None:
            self._scribe.emit(ev.Stopping(t=time.monotonic_ns(), by=self._stop))
        return True

    # --- all the time ------------------------------------------------------------------------------------

    def _idle(self) -> dict[int, int]:
        """Reap, and take in what the GPUs say; exit codes by pid."""
        ended = processes.reap()
        if self._watch is not None:
            self._watch.reaped(ended)
            for event in self._watch.poll():
                self._scribe.emit(event)
                if isinstance(event, ev.GpuInventory):
                    self._map_gpus(event)
        return ended

    def _every_second(self, collector: Collector, heartbeat: Heartbeat) -> None:
        # Telemetry is ours and no part of what is measured.
        own = self._watch.pids if self._watch is not None else set()
        members = [process for process in processes.descendants(os.getpid()) if process[0] not in own]
        self._members.note(members)
        self._scribe.emit(self._host.sample())
        hellos = [rank.hello for rank in self._scribe.state.ranks.values() if rank.hello is not None]
        ranks = {hello.rank: hello.pid for hello in hellos}
        beat = heartbeat.beat(time.monotonic_ns(), collector.position(), members, ranks)
        if beat is not None:
            self._scribe.emit(beat)
        self._scribe.retry()
        if not self.run_dir.is_dir():
            self.ask_to_stop("the run directory was deleted")

    def _clear_leftovers(self) -> None:
        """Nothing of a stage survives it: what its launcher left gets a moment, then is killed."""
        deadline = time.monotonic() + (0 if self._stop_wanted() else LEFTOVER_S)
        while self._members.alive() and time.monotonic() < deadline:
            self._idle()
            time.sleep(POLL_S)
        container.sweep(self.plan, self.run_dir.name)
        killed, left = processes.sweep(self._members)
        if killed or left:
            self._scribe.emit(ev.Swept(t=time.monotonic_ns(), killed=killed, left=left))

    def _clear_orphans(self, launcher: int) -> None:
        """End adopted processes of the stage, so that the launcher ends and says how its ranks did."""
        own = {launcher} | (self._watch.pids if self._watch is not None else set())
        for pid, _ in processes.children(os.getpid()):
            if pid not in own:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    # --- the GPUs ----------------------------------------------------------------------------------------

    def _start_telemetry(self) -> None:
        """Start reading the GPUs, and wait a little for what they were before the first stage."""
        if self._watch is None:
            return
        self._watch.start()
        deadline = time.monotonic() + BASELINE_S
        while not (self._watch.sampled or self._watch.over or self._stop_wanted()):
            if time.monotonic() > deadline:
                self._scribe.warn(
                    f"the GPUs did not answer within {BASELINE_S:.0f} s, so there is no baseline"
                )
                break
            self._idle()
            time.sleep(POLL_S)

    def _map_gpus(self, inventory: ev.GpuInventory) -> None:
        """Write down which GPU each `cuda:N` of the benchmark is."""
        setting = {**os.environ, **self.plan.stages[-1].env}.get(cuda_devices.VISIBLE)
        self._scribe.emit(
            ev.GpuMapping(
                t=time.monotonic_ns(),
                order=cuda_devices.PCI_ORDER,
                visible=setting,
                gpus=cuda_devices.visible(inventory.gpus, setting),
            )
        )

    def _end_telemetry(self) -> None:
        """A last reading, now that the run's processes are gone; one that hangs is not waited for."""
        if self._watch is None:
            return
        self._watch.finish()
        deadline = time.monotonic() + LAST_READING_S
        while not self._watch.over and time.monotonic() < deadline:
            self._idle()
            time.sleep(POLL_S)
        self._watch.kill()
        self._idle()
        # Every record of it stands in the log.
        with contextlib.suppress(OSError):
            (self.run_dir / layout.TELEMETRY).unlink()
        layout.drop_if_empty(self.run_dir / layout.TELEMETRY_LOG)

    # --- the end -----------------------------------------------------------------------------------------

    def _end(self, status: ev.RunStatus) -> None:
        self._clear_leftovers()
        self._end_telemetry()
        shutil.rmtree(self._scratch, ignore_errors=True)
        layout.drop_if_empty(self.run_dir / "supervisor.log")
        self._scribe.close(status)
        self._devices.release()
        hook.start(self.run_dir, self.plan)
