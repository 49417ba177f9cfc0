"""`python -m tests.pictures`: the README's picture, drawn from a recorded real run."""

from __future__ import annotations

import asyncio
from pathlib import Path

from runner import report, rundir
from runner.journal import EventReader
from tests.tui.runs import StillFeed
from tui.app import Live, TrtbenchApp

ROOT = Path(__file__).parent.parent
RECORDING = ROOT / "tests" / "data" / "h200-torch-1gpu"
PICTURE = ROOT / "docs" / "live.svg"
SIZE = (120, 40)
SHARE = 0.9
"""how far into the run the picture is taken"""


def feed_at(run_dir: Path, share: float) -> StillFeed:
    """A recorded run as it stood after a share of its time."""
    events = []
    reader = EventReader(run_dir / rundir.EVENTS)
    while batch := reader.read():
        events += batch
    first, last = events[0].t, max(event.t for event in events)
    at = first + round((last - first) * share)
    pending = [event for event in events if event.t <= at]
    return StillFeed(run_dir, rundir.load_plan(run_dir), at, pending=pending)


async def draw() -> str:
    """The live screen as SVG."""
    app = TrtbenchApp(Live(feed_at(RECORDING, SHARE)))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        return app.export_screenshot(title="trtbench-tui")


def main() -> None:
    PICTURE.write_text(asyncio.run(draw()), encoding="utf-8")
    final = report.build(rundir.load_plan(RECORDING), report.read_state(RECORDING))
    print(f"{PICTURE.relative_to(ROOT)}: {final.profile} on {final.host}")


if __name__ == "__main__":
    main()
