"""Title, bell and notification: the right sequence for the terminal at the right moment."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from runner.cli.places import LivePlace
from runner.state import run as run_state
from runner.util import paths
from tests.support import recorded_runs
from tests.support.paths import ROOT
from tests.support.terminal import Terminal
from tui.app import TrtbenchApp
from tui.framework import terminal_notify
from tui.screens.live.view import make_live_view

XTERM = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("by", "environ", "expected"),
    [
        ("off", XTERM, ""),
        ("bell", XTERM, "\a"),
        ("bell", {"TERM": "linux"}, "\a"),
        ("osc9", XTERM, "\x1b]9;done\a"),
        ("osc9", {"TERM": "linux"}, ""),
        ("both", XTERM, "\a\x1b]9;done\a"),
        ("osc9", {"TERM": "tmux-256color", "TMUX": "/tmp/tmux"}, "\x1bPtmux;\x1b\x1b]9;done\a\x1b\\"),
        ("osc9", {"TERM": "screen", "STY": "1.pts"}, "\x1bP\x1b]9;done\a\x1b\\"),
    ],
)
def test_a_notification_as_the_terminal_takes_it(by: Any, environ: dict[str, str], expected: str) -> None:
    assert terminal_notify.notification_sequence("done", by, environ) == expected


def test_a_name_cannot_end_the_sequence() -> None:
    assert terminal_notify.title_sequence("a\x1b]0;b\a\x07\x9cc") == "\x1b]2;a··c\a"
    assert len(terminal_notify.title_sequence("x" * 1000)) < 120


def test_the_title_says_profile_stage_and_how_far(tmp_path: Path) -> None:
    feed = recorded_runs.under_way().feed(tmp_path / "a")
    feed.drain(1)
    said = terminal_notify.window_title(make_live_view(feed))
    assert said.startswith("qwen2.5-32b-fp16-tp8 · benchmark · ")
    over = recorded_runs.failed().feed(tmp_path / "b")
    over.drain(1)
    assert terminal_notify.window_title(make_live_view(over)).endswith("· failed")


PROGRAM = """
import sys
from pathlib import Path
from tests.support import recorded_runs as runs
from tests.support.recorder import RecordedFeed
from runner.cli.places import LivePlace
from tui.app import run_app

run = runs.under_way()
feed = run.feed(Path(sys.argv[1]))
feed.live = True
sent = []
class Ending(RecordedFeed):
    def drain(self, budget_s):
        taken = super().drain(budget_s)
        sent.append(taken)
        if len(sent) == 5:
            before = len(run.events)
            run.end("failed")
            self.pending += run.events[before:]
        return taken
feed.__class__ = Ending
sys.exit(run_app(LivePlace(feed)))
"""


def output_of(tmp_path: Path, settings: str, **env: str) -> bytes:
    """What the terminal gets of a dashboard under which a run fails."""
    path = paths.settings_file()
    path.parent.mkdir(parents=True)
    path.write_text(settings)
    terminal = Terminal(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "runs")], env={"PYTHONPATH": str(ROOT), **env}
    )
    output = b""
    try:
        for _, data in terminal.chunks(30):
            output += data
            if b"FAILED" in output:
                terminal.send(b"q")
                break
        for _, data in terminal.chunks(10):
            output += data
    finally:
        terminal.close()
    return output


def test_a_run_that_ends_is_announced_and_the_title_restored(tmp_path: Path) -> None:
    output = output_of(tmp_path, "notify: {by: both, after: 0}\n", TERM="xterm-256color", TMUX="")
    assert b"\x1b[22;2t\x1b]2;qwen2.5-32b-fp16-tp8" in output
    assert b"\x1b]9;qwen2.5-32b-fp16-tp8 failed after" in output
    assert output.endswith(b"\x1b[23;2t")


def test_off_is_off_and_short_runs_are_not_announced(tmp_path: Path) -> None:
    output = output_of(tmp_path, "title: false\nnotify: {by: both, after: 100000}\n")
    assert b"\x1b]2;" not in output
    assert b"\x1b]9;" not in output
    assert b"\x1b[23;2t" not in output


async def test_nothing_is_sent_where_there_is_no_terminal(tmp_path: Path) -> None:
    app = TrtbenchApp(LivePlace(recorded_runs.under_way().feed(tmp_path)))
    async with app.run_test():
        app.announce("p", "finished", 1e9)
        app.show_title("p")


def test_every_way_to_end_can_be_said() -> None:
    for status in run_state.ENDED_STATUSES:
        assert terminal_notify.notification_text("p", status, 62) == f"p {status} after 1:02"
