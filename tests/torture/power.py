"""Power cuts: a run on a disk image, of which a copy at a random moment is what a machine finds after one.

Needs root and ext4. The file system commits once a minute, so that it does not flush what the program should.
"""

from __future__ import annotations

import contextlib
import filecmp
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from runner import events as ev
from runner.events.journal import EventReader
from runner.history import verification
from runner.history.stop import stop_run
from runner.run import layout
from runner.supervision.disk_sync import PERIOD_S
from tests.support.runs import single, start, state_of, wait_for, wait_until_ended
from tests.torture.outcome import Outcome, timer

IMAGE_MB = 48
SLACK_S = 10.0
"""Added to the period of flushing, for a busy machine."""


def why_not() -> str:
    """Return why there are no power cuts here; empty: there can be."""
    if os.geteuid() != 0:
        return "only root can mount an image"
    missing = [program for program in ("mkfs.ext4", "mount", "umount") if shutil.which(program) is None]
    return f"{missing[0]} is not installed" if missing else ""


def power(seed: int, seconds: float) -> Outcome:
    """Cut the power of running and of finished runs."""
    outcome = Outcome("power")
    if reason := why_not():
        print(f"power: not done: {reason}", flush=True)
        return outcome
    source = random.Random(seed)
    is_over = timer(seconds)
    with tempfile.TemporaryDirectory() as folder, _mounted(_image(Path(folder))) as disk:
        home = os.environ["TRTBENCH_HOME"]
        os.environ["TRTBENCH_HOME"] = str(disk)
        try:
            while not is_over():
                _cut_running(outcome, Path(folder), source.uniform(1.0, 3 * PERIOD_S))
                _cut_finished(outcome, Path(folder))
        finally:
            os.environ["TRTBENCH_HOME"] = home
    return outcome


def _image(folder: Path) -> Path:
    image = folder / "disk"
    with open(image, "wb") as file:
        file.truncate(IMAGE_MB << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    return image


@contextlib.contextmanager
def _mounted(image: Path) -> Iterator[Path]:
    """Mount an image; a copy that was made while it was in use is repaired by its journal."""
    place = image.with_suffix(".mounted")
    place.mkdir()
    subprocess.run(["mount", "-o", "loop,commit=60", str(image), str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)
        place.rmdir()


@contextlib.contextmanager
def _after_a_cut(folder: Path, run_dir: Path) -> Iterator[Path]:
    """Yield the directory of a run as it is after a power cut at this moment."""
    disk, copy = folder / "disk", folder / "copy"
    while not copy.exists() or not filecmp.cmp(disk, copy, shallow=False):
        # A write in the middle of the copy gives a disk that never was.
        subprocess.run(["cp", "--sparse=always", str(disk), str(copy)], check=True)
    with _mounted(copy) as mounted:
        yield mounted / "runs" / run_dir.name
    copy.unlink()


def _cut_running(outcome: Outcome, folder: Path, delay: float) -> None:
    run_dir = start(single("slow"))
    wait_for(lambda: bool(state_of(run_dir).configurations), "the first configuration")
    begun = time.monotonic()
    time.sleep(delay)
    cut = time.monotonic()
    with _after_a_cut(folder, run_dir) as found:
        last = max((event.t for event in _events(found)), default=0) / 1e9
        lost_s = cut - max(last, begun)
        outcome.at_most("ms lost", round(lost_s * 1000))
        if lost_s > PERIOD_S + SLACK_S:
            outcome.problems.append(f"{lost_s:.1f} s of a running run are lost")
        content = (found / layout.EVENTS).read_bytes() if (found / layout.EVENTS).exists() else b""
        if b"\0" in content:
            outcome.problems.append("the log of a running run has a hole")
    outcome.count("cuts of running runs")
    stop_run(run_dir, "a power cut")
    wait_until_ended(run_dir)
    shutil.rmtree(run_dir)


def _cut_finished(outcome: Outcome, folder: Path) -> None:
    run_dir = start(single("junk"))
    wait_until_ended(run_dir)
    log = layout.stage_log(run_dir, 0, "benchmark")
    with _after_a_cut(folder, run_dir) as found:
        outcome.problems += [
            f"a finished run after a power cut: {check.name}: {check.text}"
            for check in verification.checks(found)
            if check.verdict == "fail"
        ]
        if (found / log.name).read_bytes() != log.read_bytes():
            outcome.problems.append("the raw log of a finished run differs after a power cut")
    outcome.count("cuts of finished runs")
    shutil.rmtree(run_dir)


def _events(run_dir: Path) -> Iterator[ev.AnyEvent]:
    reader = EventReader(run_dir / layout.EVENTS)
    while events := reader.read():
        yield from events
