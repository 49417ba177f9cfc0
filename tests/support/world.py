"""Profiles and runs of a made-up machine, and waiting until a screen shows them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.screen import Screen

from runner import events as ev
from runner.cli.places import DashboardPlace
from runner.plan.plan import Configuration, Plan, Stage
from runner.report.build import build_report
from runner.report.files import write_report
from runner.run import layout
from runner.state.run import LiveStatus, RunState
from runner.util import paths
from tui.app import TrtbenchApp
from tui.framework.rows import Rows, row_text

NOW = 1_767_276_000.0  # 2026-01-01 14:00 UTC
SIZES = ((80, 24), (120, 40), (200, 50))
"""in which every screen is drawn; every state of one in the first two at least"""
SMALL_SIZES = SIZES[:2]


def size_id(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


_SHAPE = """\
  shape:
    hidden_size: {hidden}
    intermediate_size: {intermediate}
    num_hidden_layers: {layers}
    num_attention_heads: 8
    num_key_value_heads: 4
    vocab_size: 32000
"""
SMALL = _SHAPE.format(hidden=512, intermediate=1408, layers=8)
LARGE = _SHAPE.format(hidden=4096, intermediate=14336, layers=32)
BUILT_IN = {
    "quickstart": f"""\
name: quickstart
description: a first look on any machine
engine: torch
model:
{SMALL}
parallel: {{tp: 2}}
benchmark: {{batch_size: [1, 4], input_output_len: [[32, 16], [64, 24]], num_runs: 20, duration: 0}}
""",
    "quickstart-long": f"""\
name: quickstart-long
description: many iterations of the small decoder, for watching, detaching and coming back
engine: torch
model:
{SMALL}
parallel: {{tp: 2}}
benchmark: {{batch_size: [1], input_output_len: [[32, 16]], num_runs: 2000, duration: 600}}
""",
    "torch-1gpu": f"""\
name: torch-1gpu
description: a decoder of eight billion weights on one GPU
engine: torch
model:
{LARGE}
  dtype: bfloat16
  device: cuda
benchmark: {{batch_size: [1, 8, 16], input_output_len: [[128, 128]], duration: 20}}
""",
}
BROKEN = (
    "name: broken\nengine: torch\nmodel:\n  dtype: flaot32\nparallel: {tp: two}\nbenchmark: {num_run: 3}\n"
)


class RecordingApp(TrtbenchApp):
    """The app, with other screens replaced by a note of where one went."""

    def __init__(self, start: DashboardPlace) -> None:
        super().__init__(start)
        self.went: list[object] = []

    def open_home(self) -> None:
        self.went.append("home")

    def open_runs(self) -> None:
        self.went.append("runs")

    def open_live(self, feed: Any) -> None:
        self.went.append(("live", feed.run_dir))

    def open_result(self, run_dir: Path) -> None:
        self.went.append(("result", run_dir))

    def open_compare(self, names: tuple[str, ...]) -> None:
        self.went.append(("compare", names))

    def leave(self, code: int = 0, message: str = "") -> None:
        self.went.append("away")


async def wait_until_idle(pilot: Pilot[Any]) -> None:
    """Until everything that was asked for has been read, planned and drawn."""
    quiet = 0
    while quiet < 2:  # what was read is drawn, and what is drawn may ask for more
        busy = list(pilot.app.workers) or any(thread.name == "preflight" for thread in threading.enumerate())
        quiet = 0 if busy else quiet + 1
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()


def widget_text(screen: Screen[Any], name: str) -> str:
    """What a widget of ours shows, without its styles."""
    widget = screen.query_one(name, Rows)
    return "\n".join(row_text(row) for row, _ in widget._visible())


def notifications(pilot: Pilot[Any]) -> list[str]:
    """The notifications, oldest first."""
    return [notification.message for notification in pilot.app._notifications]


def write_user_profile(name: str, text: str) -> Path:
    """A file among the user's profiles."""
    path = paths.user_profiles_dir() / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def run_dir_of(name: str, started: float, profile: str) -> Path:
    import time

    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(started))
    return paths.runs_dir() / f"{stamp}_{profile}_{name}"


def plan_of(profile: str) -> Plan:
    stage = Stage(name="benchmark", argv=["/bin/true"], cwd="/", ranks=2, reports=True)
    return Plan(
        engine="torch",
        profile=profile,
        summary="a test run",
        stages=[stage],
        configurations=[Configuration(1, 32, 16)],
    )


def create_ended_run(
    name: str, profile: str, status: LiveStatus, *, ago: float, seconds: float = 62.0, cause: str = ""
) -> Path:
    """A run that ended, with its report."""
    run_dir = run_dir_of(name, NOW - ago, profile)
    with layout.create_run_dir(run_dir, plan_of(profile), BUILT_IN["quickstart"]):
        pass
    state = RunState()
    second = 10**9
    state.apply(
        ev.RunStarted(t=second, run=run_dir.name, schema=1, wall=NOW - ago, host="host", boot_id="", pid=1,
                      cores=8, version="1")
    )  # fmt: skip
    if cause:
        state.apply(ev.Failure(t=second, cause=cause))
    if status in ("finished", "failed", "stopped", "lost"):
        end = round(second + seconds * second)
        state.apply(ev.RunEnded(t=end, status=status, wall=NOW))
    write_report(run_dir, build_report(plan_of(profile), state))
    return run_dir


def create_active_run(name: str, profile: str, *, ago: float) -> tuple[Path, int]:
    """A run whose supervisor lives: this process, which holds the lock until it closes what is returned."""
    run_dir = run_dir_of(name, NOW - ago, profile)
    with layout.create_run_dir(run_dir, plan_of(profile), BUILT_IN["quickstart"]):
        pass
    lock = layout.try_lock(run_dir)
    assert lock is not None
    started = ev.RunStarted(t=0, run=run_dir.name, schema=1, wall=NOW - ago, host="host", boot_id="", pid=1,
                            cores=8, version="1")  # fmt: skip
    (run_dir / layout.EVENTS).write_bytes(ev.encode(started))
    return run_dir, lock
