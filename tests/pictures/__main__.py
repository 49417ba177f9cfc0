"""`python -m tests.pictures`: draw the tour of the README from a recorded real run."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runner import events as ev
from runner.cli.places import DashboardPlace, LivePlace, ResultPlace
from runner.events.journal import EventReader
from runner.history.reports import load_report
from runner.report.files import write_report
from runner.run import layout
from runner.util import paths
from tests.pictures.svg import Frame, animation, read_frame
from tests.support.paths import DATA, ROOT
from tests.support.recorder import RecordedFeed
from tui.app import TrtbenchApp

RECORDING = DATA / "h200-torch-2gpu-graphs"
TOUR = ROOT / "docs" / "pictures" / "tour.svg"
SIZE = (120, 40)
TITLE = "trtbench-tui"
SECONDS = 3.0
"""how long the tour shows a screen"""
LAST_SHARE = 0.97
"""how far into the run its last screen is drawn"""


@dataclass(frozen=True)
class Scene:
    """A place, and the keys that are pressed there before it is drawn."""

    place: DashboardPlace
    keys: tuple[str, ...] = ()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRTBENCH_HOME"] = os.environ["XDG_CONFIG_HOME"] = folder
        root = Path(folder)
        frames = [asyncio.run(draw(scene)) for scene in scenes(root)]
    TOUR.write_text(animation(frames, TITLE, SECONDS), encoding="utf-8")


def scenes(root: Path) -> Iterator[Scene]:
    """A run from its first iterations to what its numbers mean."""
    for share in (0.48, 0.6, 0.85, LAST_SHARE):
        yield Scene(LivePlace(feed_at(share, root / f"{share}")))
    for key in ("v", "d"):
        yield Scene(LivePlace(feed_at(LAST_SHARE, root / key)), (key,))
    ended = ended_run()
    yield Scene(ResultPlace(ended))
    yield Scene(ResultPlace(ended), ("question_mark",))


async def draw(scene: Scene) -> Frame:
    """What the terminal shows of a scene once nothing moves any more."""
    app = TrtbenchApp(scene.place)
    async with app.run_test(size=SIZE) as pilot:
        await app.workers.wait_for_complete()
        for key in scene.keys:
            await pilot.press(key)
        await app.workers.wait_for_complete()
        await pilot.pause()
        return read_frame(app.export_screenshot())


# --- the recorded run --------------------------------------------------------------------------------------


def recorded() -> list[ev.AnyEvent]:
    events = []
    reader = EventReader(RECORDING / layout.EVENTS)
    while batch := reader.read():
        events += batch
    return events


def feed_at(share: float, root: Path) -> RecordedFeed:
    """The recorded run as it stood after a share of its time, in a directory of its own below `root`."""
    events = recorded()
    first, last = events[0].t, max(event.t for event in events)
    at = first + round((last - first) * share)
    pending = [event for event in events if event.t <= at]
    run_dir = copy_of_run(events, root)
    _cut_log(run_dir / "0-benchmark.log", sum(isinstance(event, ev.Result) for event in pending))
    return RecordedFeed(run_dir, layout.load_plan(run_dir), at, pending=pending)


def ended_run() -> Path:
    """The recorded run where the dashboard looks for runs, with its report."""
    run_dir = copy_of_run(recorded(), paths.runs_dir())
    write_report(run_dir, load_report(run_dir))
    return run_dir


def copy_of_run(events: list[ev.AnyEvent], root: Path) -> Path:
    started = next(event for event in events if isinstance(event, ev.RunStarted))
    return Path(shutil.copytree(RECORDING, root / started.run))


def _cut_log(log: Path, results: int) -> None:
    """Lines of a log carry no time: it is cut behind the last result that had been printed."""
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    printed = [number for number, line in enumerate(lines) if line.startswith("[BENCHMARK]")]
    log.write_text("".join(lines[: printed[results - 1] + 1 if results else 0]), encoding="utf-8")


if __name__ == "__main__":
    main()
