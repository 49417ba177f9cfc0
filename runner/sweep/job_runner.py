"""The sweep runner of a sweep on Slurm: runs take turns in a few jobs, which wait in the queue only once.

A job is submitted for the cells that ask for the same nodes, and measures one of them after the other until
none is left or its time is over. At most `SweepSpec.jobs` are submitted at a time. What a job did not finish
because Slurm ended it is measured again in another one.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from runner.engines.registry import make_plan
from runner.engines.slurm.ends import explain
from runner.engines.slurm.queue import find_in_queue, find_record, forget
from runner.engines.slurm.script import job_script
from runner.engines.slurm.submit import cancel, submit
from runner.events import JobEnd
from runner.history.run_entry import read_entry
from runner.history.stop import stop_run
from runner.plan.job_request import JobRequest
from runner.plan.plan import Configuration, Plan, SweepMembership
from runner.profile.yaml_file import load_text
from runner.run import job_turns
from runner.run.job import Job
from runner.schema.base import Profile
from runner.supervision import launch
from runner.sweep.directory import SweepEnded, SweepRunRefused, SweepRunStarted
from runner.sweep.known_failures import reject
from runner.sweep.spec import Slot, narrow_profile
from runner.sweep.sweep_runner import POLL_S, InOrder, SweepRunner, ended_run, run_detached
from runner.util import paths
from runner.util.errors import UserError
from runner.util.files import make_folders

logger = logging.getLogger(__name__)

JOBS = "jobs"
"""folder of the jobs in the directory of a sweep"""
SHARED_JOB = "runner.supervision.shared_job"
MOST_INTERRUPTED = 2
"""How often a cell is measured again because Slurm ended its job"""
_AGAIN: frozenset[JobEnd] = frozenset({"time_limit", "preempted", "node_failed"})


def main(sweep_dir: str, lock: int) -> None:
    """Run the sweep in `sweep_dir`; `lock` is the inherited descriptor of its lock."""
    run_detached(Path(sweep_dir), lock, lambda _: InOrder(), JobSweepRunner)


@dataclass
class Turn:
    """A run under way in a job."""

    slot: Slot
    run_dir: Path
    wanted: list[Configuration]
    makes: frozenset[str]
    """folders of the outputs that it makes for later runs"""


@dataclass
class SharedJob:
    """A job in which runs take turns."""

    directory: Path
    request: JobRequest
    job: Job
    turn: Turn | None = None
    turns: int = 0
    """how many runs it got"""
    told: float = field(default_factory=time.monotonic)
    """when `keep_alive` was last called for it (monotonic, s)"""


@dataclass(frozen=True)
class Next:
    """A run that can be started."""

    slot: Slot
    wanted: list[Configuration]
    profile: Profile
    plan: Plan


class JobSweepRunner(SweepRunner):
    """One session of a sweep whose runs take turns in jobs."""

    def _run_slots(self) -> SweepEnded:
        self._jobs: list[SharedJob] = []
        self._interrupted: Counter[Slot] = Counter()
        self._prepared: dict[Slot, Next] = {}
        try:
            return self._measure_in_jobs()
        finally:
            self._close_jobs()

    def _measure_in_jobs(self) -> SweepEnded:
        failed = False
        while True:
            self._wait_for_disk()
            if self._stop_wanted():
                self._stop_turns()
                return SweepEnded(wall=time.time(), status="stopped", why=self._stop or "")
            for job in self._jobs:
                failed |= not self._end_turn(job)
            if failed and self.sweep.stop_on_failure:
                self._stop_turns()
                why = "a cell failed (--stop-on-failure)"
                return SweepEnded(wall=time.time(), status="stopped", why=why)
            if why := self._drop_ended_jobs():
                self._stop_turns()
                return SweepEnded(wall=time.time(), status="stopped", why=why)
            if not self._start_turn() and not any(job.turn for job in self._jobs) and not self._is_left():
                return SweepEnded(wall=time.time(), status="finished")
            time.sleep(POLL_S)

    # --- jobs ---------------------------------------------------------------------------------------------

    def _submit(self, request: JobRequest) -> None:
        """Submit a job for the cells that ask for the same.

        Raises:
            UserError: Slurm refuses it.
        """
        folder = self.directory / JOBS
        make_folders(folder)
        directory = folder / f"{sum(1 for _ in folder.iterdir()):04d}"
        directory.mkdir()
        (directory / job_turns.TURNS).touch()
        script = job_script(request, directory, SHARED_JOB, [str(paths.runs_dir())])
        job = submit(directory, script)
        forget()
        self._jobs.append(SharedJob(directory, request, job))
        logger.info("submitted job %s", job.id)

    def _drop_ended_jobs(self) -> str:
        """Forget jobs that ended, and keep the others alive; return why no other may be submitted."""
        for job in list(self._jobs):
            if time.monotonic() - job.told > job_turns.ALIVE_S:
                job.told = time.monotonic()
                job_turns.keep_alive(job.directory)
            if job.turn is not None or not self._has_ended(job):
                continue
            self._jobs.remove(job)
            record = find_record(job.job)
            if job.turns == 0:
                # Another one would end in the same way, again and again.
                what = f"job {job.job.id} is not known to Slurm"
                what = explain(record, started=False).cause if record is not None else what
                return f"{what}; it had run nothing"
        return ""

    def _has_ended(self, job: SharedJob) -> bool:
        try:
            found = find_in_queue(job.job, wait=True)
        except LookupError:
            return False
        return found.ended if found is not None else time.time() - job.job.submitted > 30

    def _is_ready(self, job: SharedJob) -> bool:
        """Check whether a job has its nodes, and no run."""
        if job.turn is not None:
            return False
        try:
            found = find_in_queue(job.job, wait=True)
        except LookupError:
            return False
        return found is not None and found.state == "RUNNING"

    def _close_jobs(self) -> None:
        """Let jobs end: the waiting ones by scancel, the others by themselves."""
        for job in self._jobs:
            with contextlib.suppress(OSError):
                job_turns.assign(job.directory, job_turns.END)
            if not self._is_ready(job) and (problem := cancel(job.job)):
                logger.warning("job %s was not cancelled: %s", job.job.id, problem)

    # --- turns --------------------------------------------------------------------------------------------

    def _is_left(self) -> bool:
        return any(self.progress.remaining(slot) for slot in self.progress.slots())

    def _waiting(self) -> Iterator[Slot]:
        """Yield what is not measured and not under way."""
        under_way = {job.turn.slot for job in self._jobs if job.turn is not None}
        for slot in self.progress.slots():
            if slot not in under_way and self.progress.remaining(slot):
                yield slot

    def _start_turn(self) -> bool:
        """Start a run in a job that is ready for it, or submit a job for it; return False if none waits."""
        made = {output for job in self._jobs if job.turn is not None for output in job.turn.makes}
        free = [job for job in self._jobs if job.turn is None]
        waits = False
        for slot in self._waiting():
            waits = True
            if not free and len(self._jobs) >= self.sweep.jobs:
                break
            found = self._prepare(slot)
            if found is None or made & _outputs(found.plan):
                continue  # refused and logged; or another run makes the same now, and two would break it
            fitting = [job for job in free if job.request == found.plan.job]
            if fitting:
                job = next(filter(self._is_ready, fitting), fitting[0])
                free.remove(job)  # it is for this run, if not now
                if self._is_ready(job):
                    self._assign(job, found)
                    break
            elif len(self._jobs) < self.sweep.jobs:
                self._submit_for(found)
                break
            elif not any(job.request == found.plan.job for job in self._jobs):
                self._give_up(free[0])
                break
        return waits

    def _give_up(self, job: SharedJob) -> None:
        """Close a job, so that one with other nodes can be submitted."""
        job_turns.assign(job.directory, job_turns.END)
        if not self._is_ready(job):
            cancel(job.job)
        self._jobs.remove(job)

    def _submit_for(self, found: Next) -> None:
        assert found.plan.job is not None, "its profile has the section launch.slurm"
        try:
            self._submit(found.plan.job)
        except UserError as error:
            self._refuse(found.slot, found.wanted, str(error))

    def _prepare(self, slot: Slot) -> Next | None:
        """Return the next run of a slot; None: it cannot be planned, which is logged."""
        if slot in self._prepared:
            return self._prepared[slot]
        cell, left = self.progress.sweep.cells[slot.cell], self.progress.remaining(slot)
        wanted = left
        try:
            profile = load_text(cell.profile, f"cell {cell.number}")
            profile, wanted = narrow_profile(profile, cell.configurations, left)
            plan = make_plan(profile)
            reject(plan, self.progress.failed_artifacts)
        except UserError as error:
            self._refuse(slot, wanted, str(error))
            return None
        self._prepared[slot] = Next(slot, wanted, profile, plan)
        return self._prepared[slot]

    def _refuse(self, slot: Slot, wanted: list[Configuration], why: str) -> None:
        refused = SweepRunRefused(
            wall=time.time(), cell=slot.cell, repeat=slot.repeat, why=why, configurations=wanted
        )
        self._write(refused)

    def _assign(self, job: SharedJob, found: Next) -> None:
        slot = found.slot
        place = SweepMembership(
            sweep=self.directory.name,
            cell=slot.cell,
            repeat=slot.repeat,
            values=self.progress.sweep.cells[slot.cell].values,
        )
        try:
            run_dir = launch.start(
                found.profile,
                gpu_hz=self.sweep.gpu_hz,
                sweep=place,
                shared=job.job,
                checks=self.sweep.preflight,
            )
        except UserError as error:
            self._refuse(slot, found.wanted, str(error))
            return
        started = SweepRunStarted(
            wall=time.time(),
            cell=slot.cell,
            repeat=slot.repeat,
            run=run_dir.name,
            configurations=found.wanted,
        )
        self._write(started)
        job.turn, job.turns = Turn(slot, run_dir, found.wanted, _outputs(found.plan)), job.turns + 1
        job_turns.assign(job.directory, run_dir.name)
        logger.info("job %s got run %s", job.job.id, run_dir.name)

    def _end_turn(self, job: SharedJob) -> bool:
        """Log the run of a job if it has ended; return False if anything failed."""
        turn = job.turn
        if turn is None or not (entry := read_entry(turn.run_dir)).ended:
            return True
        job.turn = None
        self._prepared.clear()  # what it made need not be made again
        ended = ended_run(turn.slot, turn.run_dir, turn.wanted)
        # A first run that does not fit into the time of its job would not fit into the next one either.
        again = entry.job_end in _AGAIN and not (entry.job_end == "time_limit" and job.turns == 1)
        if again and self._interrupted[turn.slot] < MOST_INTERRUPTED:
            self._interrupted[turn.slot] += 1
            measured = [one for one in ended.measured if one.outcome != "failed"]
            ended = msgspec.structs.replace(ended, measured=measured)
        self._write(ended)
        return all(one.outcome != "failed" for one in ended.measured)

    def _stop_turns(self) -> None:
        """Stop the runs under way, and log how they ended."""
        by = f"the sweep was stopped by {self._stop}" if self._stop else "the sweep was stopped"
        for job in self._jobs:
            if job.turn is not None:
                stop_run(job.turn.run_dir, by)
                self._end_turn(job)


def _outputs(plan: Plan) -> frozenset[str]:
    """Return the folders that a plan makes for later runs."""
    return frozenset(stage.output for stage in plan.stages if stage.output and not stage.skip)
