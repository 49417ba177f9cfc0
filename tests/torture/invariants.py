"""What must hold of a run after anything that was done to it; each check returns sentences, empty is well."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from runner.history import verification
from runner.history.run_entry import read_entry
from runner.plan.plan import Plan
from runner.report.files import read_state, read_summary
from runner.run import layout
from runner.run.device_locks import DeviceLocks
from runner.run.scratch import scratch_dirs
from runner.state.run import RunState
from runner.util import cgroup, processes
from runner.util.processes import ProcessIdentity

GONE_S = 60.0
"""How long a dashboard without a terminal may take to end; generous, for a busy machine."""


def at_first_look(run_dir: Path, allowed: set[str], plan: Plan) -> Iterator[str]:
    """Check what the first reader after the end of the supervisor finds."""
    before = read_state(run_dir)
    found = read_entry(run_dir).status
    wanted = {before.status} if before.ended else {due_status(before, plan)}
    if found not in wanted:
        yield f"the first look finds {found}, the log says {', '.join(wanted)}"
    if found not in allowed:
        yield f"the run is {found}, expected {', '.join(sorted(allowed))}"
    summary = read_summary(run_dir)
    if summary is None or summary.status != found:
        yield f"the report says {summary.status if summary else 'nothing'}, the first look {found}"


def due_status(state: RunState, plan: Plan) -> str:
    """Return the status that a run without supervisor gets, by what it had logged."""
    ended = {stage.index: stage.status for stage in state.stages}
    if state.failure is not None or "failed" in ended.values():
        return "failed"
    if state.stopping is not None:
        return "stopped"
    done = [index for index, status in ended.items() if status in ("ok", "skipped")]
    return "finished" if sorted(done) == list(range(len(plan.stages))) else "lost"


def nothing_is_lost(run_dir: Path) -> Iterator[str]:
    """Check what `verify` checks: every line of the log, and that it has every record of a rank, once."""
    for check in verification.checks(run_dir):
        if check.verdict == "fail":
            yield f"verify: {check.name}: {check.text}"
    seen: set[tuple[str, int, int]] = set()
    for line in (run_dir / layout.EVENTS).read_bytes().splitlines():
        event = json.loads(line)
        if event["kind"] in ("hello", "iteration", "bye"):
            key = (event["kind"], event["rank"], event["t"])
            if key in seen:
                yield f"a record of rank {event['rank']} is in the log twice"
            seen.add(key)


def nothing_is_left(run_dir: Path, members: set[ProcessIdentity], device: str) -> Iterator[str]:
    """Check processes, shared memory and the lock of the device; end what is left."""
    for helper in (run_dir / layout.RANKS).rglob("helper.*"):
        pid = int(helper.read_text() or 0)
        members |= {(pid, start)} if (start := processes.start_time(pid)) is not None else set()
    left = {one for one in members if processes.start_time(one[0]) == one[1]}
    left |= set(processes.find_tagged(run_dir.name))
    for pid, _ in left:
        yield f"process {pid} ({processes.name(pid)}) is left"
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for folder in scratch_dirs(run_dir):
        if folder.exists():
            yield f"{folder} is left"
    locks = DeviceLocks("torture")
    if busy := locks.take([device]):
        yield f"{busy.device} is still taken by {busy.holder}"
    locks.release()


def is_gone(members: Iterable[ProcessIdentity], what: str) -> list[str]:
    """Check that processes end within `GONE_S`; end those that are left."""
    until = time.monotonic() + GONE_S
    while left := [one for one in members if processes.start_time(one[0]) == one[1]]:
        if time.monotonic() > until:
            for pid, _ in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return [f"the {what} {pid} is left" for pid, _ in left]
        time.sleep(0.05)
    return []


def is_known_gap(problem: str, victim: str, mode: str) -> bool:
    """Check whether a problem is what docs/reliability.md does not promise.

    Without a control group, a helper with a session and an environment of its own that no scan has seen yet
    survives a SIGKILL of the supervisor.
    """
    is_hidden = victim == "supervisor" and mode == "no-environment" and not cgroup.is_possible()
    return is_hidden and "(sleep) is left" in problem
