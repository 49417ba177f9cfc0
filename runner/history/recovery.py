"""Finalise runs whose supervisor died."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from runner import events as ev
from runner.engines import container
from runner.engines.slurm.ends import explain
from runner.events.journal import JournalWriter
from runner.history.job_watch import EndedJob, job_log, look_at_job
from runner.plan.masking import reader_mask
from runner.plan.plan import Plan
from runner.report.build import build_report
from runner.report.files import read_state, read_summary, write_report
from runner.run import layout, liveness
from runner.run.liveness import Liveness
from runner.run.scratch import remove_scratch
from runner.state.run import ENDED_STATUSES, RunState
from runner.util.errors import UserError
from runner.util.files import read_file
from runner.util.processes import RunProcesses, kill_all

_FINISHED_WITHOUT = "the supervisor died after the last stage had ended"
_STOPPED_WITHOUT = "the supervisor died while it stopped the run"
_OTHER_NODES = (
    "other nodes end the processes of this run by themselves: within half a minute after the supervisor died,"
    " two minutes if the network is down"
)


def recover(run_dir: Path, *, wait: bool = True) -> list[ev.AnyEvent] | None:
    """Finalise a run whose supervisor died, or whose job Slurm ended.

    Kills its processes, logs what its ranks had written, judges how it ended, writes its report and starts
    its hook. A run that had not ended is `lost`.

    Safe to call at any time from any reader: it does nothing while the supervisor lives, or when the run
    ended normally. It changes only directories of this user in the folder of runs, and kills processes only
    for the directory that the supervisor started in, never for a copy. In any other case, and if nothing can
    be written (full disk), the run has ended for this reader all the same.

    Args:
        run_dir: the run.
        wait: ask Slurm about the job of the run now if the last answer is old; else with a later call.

    Returns:
        The events that were missing at the end of the log, even if they could not be written; None: the run
        has a supervisor, or a job that will be it, as far as this machine and Slurm can tell.
    """
    owner = liveness.read_owner(run_dir)
    found = liveness.check(run_dir)
    job = None if found is Liveness.ALIVE else liveness.read_own_job(run_dir)
    if found is Liveness.ALIVE or (found is Liveness.ELSEWHERE and job is None):
        return None
    ended = None if job is None else look_at_job(job, wait=wait)
    if job is not None and ended is None:
        return None
    lock = None
    if liveness.may_change(run_dir):
        try:
            lock = layout.try_lock(run_dir)
        except OSError:
            pass  # a disk that is read-only
        else:
            if lock is None or liveness.read_owner(run_dir) != owner:
                _unlock(lock)
                return None  # another reader is at it, or the supervisor has just started
    try:
        return _Recovery(run_dir, owner, found, ended, can_write=lock is not None).run()
    except UserError:
        return None  # not a readable run; it is listed as such
    finally:
        _unlock(lock)


def _unlock(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)


class _Recovery:
    """The end of one run without supervisor."""

    def __init__(
        self,
        run_dir: Path,
        owner: liveness.Owner | None,
        found: Liveness,
        job: EndedJob | None,
        *,
        can_write: bool,
    ) -> None:
        self.run_dir = run_dir
        self.found = found
        self.job = job
        self.can_write = can_write
        self.can_kill = can_write and owner is not None and liveness.may_signal(run_dir, owner)
        self.is_original = owner is not None and liveness.is_original(run_dir, owner)
        self.plan = layout.load_plan(run_dir)
        self.state = read_state(run_dir)

    def run(self) -> list[ev.AnyEvent]:
        """Return the events that the log lacks, written if that is possible."""
        summary = read_summary(self.run_dir)
        reported = (self.run_dir / layout.REPORT).exists()
        closing: list[ev.AnyEvent] = []
        if self.state.running and summary is not None and summary.status in ENDED_STATUSES:
            # The supervisor writes the report before the last event: the report has what the log lacks.
            if summary.cause and self.state.failure is None:
                failure = ev.Failure(t=self.state.last_t, cause=summary.cause)
                closing.append(reader_mask(self.plan).masked(failure))
            status = cast(ev.RunStatus, summary.status)
            closing.append(ev.RunEnded(t=self.state.last_t, status=status, wall=time.time()))
            self.state.apply_all(closing)
        elif self.state.running:
            closing = self._close()
            reported = False
        if not self.can_write:
            return closing
        written = _write(self.run_dir, closing)
        if not reported:
            written |= self._write_report()
        if closing and not reported and written and self.is_original:
            self._start_hook()
        return closing

    def _close(self) -> list[ev.AnyEvent]:
        """End the processes of the run and complete its state; return the events for that."""
        from runner.history.unlogged import find_unlogged  # all engines, which most readers do not need

        swept = self._kill_processes()
        mask = reader_mask(self.plan)  # the supervisor, with the secrets of another shell, masked the rest
        unlogged = [mask.masked(event) for event in find_unlogged(self.run_dir, self.plan, self.state)]
        self.state.apply_all(unlogged)
        last_t = self.state.last_t  # what was killed now does not make the run longer
        self.state.apply_all(swept)
        verdict = self._verdict(last_t)
        self.state.apply_all(verdict)
        return [*unlogged, *swept, *verdict]

    def _kill_processes(self) -> list[ev.AnyEvent]:
        swept: list[ev.AnyEvent] = []
        if self.can_kill:
            container.kill_processes(self.plan, self.run_dir.name)
            members = RunProcesses(self.run_dir.name, self.run_dir / layout.PROCESSES)
            members.load()
            killed, left = kill_all(members)
            container.remove_late(self.plan)
            if killed or left:
                swept.append(ev.Swept(t=time.monotonic_ns(), killed=killed, left=left))
        if self.plan.nodes is not None:
            swept.append(ev.Notice(t=self.state.last_t, level="info", text=_OTHER_NODES))
        if self.can_write and self.is_original:
            remove_scratch(self.run_dir)
        return swept

    def _verdict(self, last_t: int) -> list[ev.AnyEvent]:
        """Return the last events, judged by the log, whose last event was at `last_t`."""
        status, note = _logged_end(self.plan, self.state)
        if status is not None:
            notices = [ev.Notice(t=last_t, level="info", text=note)] if note else []
            return [*notices, ev.RunEnded(t=last_t, status=status, wall=time.time())]
        if self.job is not None:
            return _job_verdict(self.run_dir, self.job, self.state, last_t)
        # CLOCK_MONOTONIC restarts at boot; after a reboot the time of the last event is the latest valid one.
        t = time.monotonic_ns() if self.can_kill else last_t
        restarted = self.found is Liveness.RESTARTED
        how = "the machine was restarted" if restarted else "its supervisor was killed"
        if self.state.started is None and not restarted:
            how = "its supervisor was killed, or its disk was full, before it could write its log"
        else:
            how = f"{how} while it ran"
        why = _log_problem(self.run_dir / layout.EVENTS) or how
        return [
            ev.Failure(t=t, cause=f"the run was lost: {why}"),
            ev.RunEnded(t=t, status="lost", wall=time.time()),
        ]

    def _write_report(self) -> bool:
        try:
            write_report(self.run_dir, build_report(self.plan, self.state, self.run_dir.name))
        except OSError:
            return False
        return True

    def _start_hook(self) -> None:
        from runner.supervision import hook  # rarely needed

        hook.start(self.run_dir, self.plan)


def _job_verdict(run_dir: Path, job: EndedJob, state: RunState, t: int) -> list[ev.AnyEvent]:
    """Return the last events of a run whose job Slurm ended."""
    if job.record is None:
        cause = "the run was lost: its job is not in the queue of Slurm, which kept no record of its end"
        return [ev.Failure(t=t, cause=cause), ev.RunEnded(t=t, status="lost", wall=time.time())]
    ending = explain(job.record, started=state.started is not None)
    if ending.end == "cancelled":
        wall = time.time()
        if by := layout.read_stop_request(run_dir):
            return [ev.Stopping(t=t, by=by), ev.RunEnded(t=t, status="stopped", wall=wall)]
        ended = ev.RunEnded(t=t, status="stopped", wall=wall, job_end="cancelled")
        return [ev.Failure(t=t, cause=ending.cause), ended]
    is_lost = ending.end == "failed" and state.started is not None
    cause = f"the run was lost: {ending.cause}" if is_lost else ending.cause
    return [
        ev.Failure(t=t, cause=cause, remedy=ending.remedy, log="" if is_lost else job_log(run_dir)),
        ev.RunEnded(t=t, status="lost" if is_lost else "failed", wall=time.time(), job_end=ending.end),
    ]


def _logged_end(plan: Plan, state: RunState) -> tuple[ev.RunStatus | None, str]:
    """Return how a run ended according to its log, and a note on that; None: it had not ended."""
    statuses = {stage.index: stage.status for stage in state.stages}
    if state.failure is not None or "failed" in statuses.values():
        return "failed", ""
    if state.stopping is not None:
        return "stopped", "" if "stopped" in statuses.values() else _STOPPED_WITHOUT
    successful = [index for index, status in statuses.items() if status in ("ok", "skipped")]
    if plan.stages and sorted(successful) == list(range(len(plan.stages))):
        return "finished", _FINISHED_WITHOUT
    return None, ""


def _log_problem(log: Path) -> str:
    """Return why the log of a run cannot be read; empty: it can."""
    try:
        read_file(log, 1)
        return ""
    except FileNotFoundError:
        return f"there is no log ({log.name})"
    except OSError as error:
        return f"its log ({log.name}) cannot be read: {error.strerror}"


def _write(run_dir: Path, closing: Sequence[ev.AnyEvent]) -> bool:
    """Append events to the log, all or none; return whether they are written."""
    if not closing:
        return False
    try:
        journal = JournalWriter(run_dir / layout.EVENTS)
        complete = journal.append_all(closing)
        journal.sync()
        journal.close()
    except OSError:
        return False
    return complete
