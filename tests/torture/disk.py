"""Disks that get full, of bytes or of files, at a random moment and for a random time.

Needs the right to mount.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from runner.run import layout
from runner.supervision import launch
from runner.util import paths
from runner.util.errors import UserError
from tests.support.runs import is_supervised, single, wait_for, wait_until_ended
from tests.torture.outcome import Outcome, crash_of, timer

SIZE, FILES = 6 << 20, 60
"""Bytes and files that the disk of all runs takes; a run needs a third of them."""
LONGEST_S = 2.5
"""A run takes about one second, and waits up to five for a disk at its end."""


def why_not() -> str:
    """Return why there are no full disks here; empty: there can be."""
    if os.geteuid() != 0:
        return "only root can mount a small disk"
    try:
        with tempfile.TemporaryDirectory() as folder, _mounted(Path(folder)):
            return ""
    except subprocess.CalledProcessError:
        return "a tmpfs cannot be mounted"


def disk(seed: int, seconds: float) -> Outcome:
    """Fill the disk of runs; a run ends by itself, its log is whole, and says what it lost."""
    outcome = Outcome("disk")
    if reason := why_not():
        print(f"disk: not done: {reason}", flush=True)
        return outcome
    source = random.Random(seed)
    is_over = timer(seconds)
    home = os.environ["TRTBENCH_HOME"]
    with tempfile.TemporaryDirectory() as folder:
        try:
            while True:
                with _mounted(Path(folder)) as mounted:
                    os.environ["TRTBENCH_HOME"] = str(mounted)
                    _fill_once(outcome, mounted, source)
                if is_over():
                    return outcome
        finally:
            os.environ["TRTBENCH_HOME"] = home


@contextlib.contextmanager
def _mounted(folder: Path) -> Iterator[Path]:
    options = f"size={SIZE},nr_inodes={FILES}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _fill_once(outcome: Outcome, mounted: Path, source: random.Random) -> None:
    what = source.choice(("bytes", "files"))
    filler = mounted / "filler"
    run_dir = paths.runs_dir() / layout.new_run_id("disk")
    is_before = source.random() < 0.2
    if is_before:
        _fill(filler, what)
    try:
        launch.launch(run_dir, single("plain"), "name: disk\n")
    except UserError:  # there was no room for a run
        if not is_before:
            outcome.problems.append("a run could not be started on an empty disk")
        outcome.count("runs refused")
        return
    time.sleep(source.uniform(0.0, LONGEST_S))
    _fill(filler, what)
    time.sleep(source.uniform(0.0, LONGEST_S))
    is_kept = source.random() < 0.3
    if not is_kept:
        shutil.rmtree(filler)
    wait_for(lambda: not is_supervised(run_dir), f"the end of {run_dir.name}")
    shutil.rmtree(filler, ignore_errors=True)
    outcome.count(f"disks without room for {what}")
    outcome.problems += [f"{problem} ({what})" for problem in _problems(run_dir)]


def _fill(folder: Path, what: str) -> None:
    """Take every byte, or every file, that is left."""
    with contextlib.suppress(OSError):
        folder.mkdir(exist_ok=True)
    with contextlib.suppress(OSError):
        if what == "files":
            for number in itertools.count():
                (folder / str(number)).touch()
    if what == "bytes":
        with contextlib.suppress(OSError), open(folder / "bytes", "ab", buffering=0) as file:
            for block in (1 << 16, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while True:
                        file.write(b"x" * block)


def _problems(run_dir: Path) -> Iterator[str]:
    log = run_dir / layout.EVENTS
    for number, line in enumerate(log.read_bytes().splitlines() if log.exists() else (), 1):
        try:
            json.loads(line)
        except ValueError:
            yield f"line {number} of a log is torn"
    if problem := crash_of("show", str(run_dir)):
        yield problem
    state = wait_until_ended(run_dir)
    notices = [notice.text for notice in state.notices if "full" in notice.text]
    cause = state.failure.cause if state.failure is not None else ""
    is_explained = "full" in cause or "there is no log" in cause
    if state.status != "finished" and not is_explained:
        yield f"a run on a full disk is {state.status}: {cause}"
    logged = sum(rank.records for rank in state.ranks.values())
    sent = sum(rank.bye.count for rank in state.ranks.values() if rank.bye is not None)
    if logged < sent and not (notices or state.lost_events or cause):
        yield f"{sent - logged} records are missing, and the log does not say it"
