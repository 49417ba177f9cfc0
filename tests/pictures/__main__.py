"""`python -m tests.pictures`: the README's picture, drawn from a recorded real run."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path

from runner import events as ev
from runner import rundir
from runner.journal import EventReader
from tests.tui.runs import StillFeed
from tui.app import Live, TrtbenchApp

HERE = Path(__file__).parent
RECORDING = HERE.parent / "data" / "h200-torch-1gpu"
PICTURE = HERE / "live.svg"
SIZE = (120, 40)
SHARE = 0.87
"""how far into the run the picture is taken"""


def feed_at(recording: Path, share: float, root: Path) -> StillFeed:
    """A recorded run as it stood after a share of its time, in a directory of its own below `root`."""
    events = []
    reader = EventReader(recording / rundir.EVENTS)
    while batch := reader.read():
        events += batch
    first, last = events[0].t, max(event.t for event in events)
    at = first + round((last - first) * share)
    pending = [event for event in events if event.t <= at]
    started = next(event for event in events if isinstance(event, ev.RunStarted))
    run_dir = root / started.run
    shutil.copytree(recording, run_dir)
    _cut_log(run_dir / "0-benchmark.log", sum(isinstance(event, ev.Result) for event in pending))
    return StillFeed(run_dir, rundir.load_plan(run_dir), at, pending=pending)


def _cut_log(log: Path, results: int) -> None:
    """Lines of a log carry no time: it is cut behind the last result that had been printed."""
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    printed = [number for number, line in enumerate(lines) if line.startswith("[BENCHMARK]")]
    log.write_text("".join(lines[: printed[results - 1] + 1 if results else 0]), encoding="utf-8")


async def draw(root: Path) -> str:
    """The live screen as SVG."""
    app = TrtbenchApp(Live(feed_at(RECORDING, SHARE, root)))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        return app.export_screenshot(title="trtbench-tui")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        PICTURE.write_text(asyncio.run(draw(Path(folder))), encoding="utf-8")


if __name__ == "__main__":
    main()
