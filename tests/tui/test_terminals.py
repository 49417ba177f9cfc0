"""Terminals of all kinds, and windows that change their size all the time."""

from __future__ import annotations

import fcntl
import os
import random
import re
import signal
import struct
import sys
import termios
from pathlib import Path
from types import SimpleNamespace

import pytest

from runner.cli.places import DashboardPlace, HomePlace, LivePlace, ResultPlace, RunsPlace
from tests.support import recorded_runs
from tests.support.paths import ROOT
from tests.support.patience import PATIENCE_S
from tests.support.slow import first_of
from tests.support.terminal import Terminal
from tui.app import TrtbenchApp
from tui.framework.rows import row_text
from tui.framework.screen import KeyFooter
from tui.text import ascii_only

START = "import sys; from tui.main import main; sys.exit(main([]))"
SEQUENCE = re.compile(rb"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\a\x1b]*(\a|\x1b\\)|P[^\x1b]*\x1b\\|[ -/]*[0-~])")
NO_UTF8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def drawn(tmp_path: Path, **environment: str) -> bytes:
    """What a terminal gets from the start until the list is there and `q` has ended the dashboard."""
    terminal = Terminal(
        [sys.executable, "-c", START],
        columns=80,
        rows=24,
        env={"PYTHONPATH": str(ROOT), "TRTBENCH_HOME": str(tmp_path), "COLORTERM": "", **environment},
    )
    output = b""
    try:
        for _, data in terminal.chunks(PATIENCE_S):
            if b"num_runs" not in output and b"num_runs" in output + data:
                terminal.send(b"q")
            output += data
        assert terminal.process.wait(PATIENCE_S) == 0
    finally:
        terminal.close()
    return output


FEW_CHARACTERS = {
    "linux console": {"TERM": "linux"},
    "C without UTF-8": {"TERM": "xterm-256color", **NO_UTF8},
    "without colours": {"TERM": "linux", "NO_COLOR": "1"},
    "vt100": {"TERM": "vt100"},
    "latin-1": {"TERM": "xterm-256color", "PYTHONIOENCODING": "latin-1"},
}


@pytest.mark.parametrize("kind", first_of(FEW_CHARACTERS, 2))
def test_a_terminal_with_few_characters_gets_ascii(tmp_path: Path, kind: str) -> None:
    text = SEQUENCE.sub(b"", drawn(tmp_path, **FEW_CHARACTERS[kind]))
    assert b"quickstart" in text
    assert [byte for byte in text if byte > 126] == []
    assert b"\\u" not in text, "nothing is spelled out for want of a character"


@pytest.mark.parametrize(
    "environment",
    first_of(
        [
            {"TERM": "xterm-256color", "LANG": "C", "LC_ALL": ""},
            {"TERM": "xterm"},  # PuTTY
            {"TERM": "screen"},
            {"TERM": "tmux-256color"},
        ]
    ),
    ids=lambda environment: " ".join(environment.values()),
)
def test_other_terminals_get_frames_and_words(tmp_path: Path, environment: dict[str, str]) -> None:
    output = drawn(tmp_path, **environment)
    assert "╭".encode() in output
    assert b"quickstart" in SEQUENCE.sub(b"", output)


def test_the_size_is_the_terminals_not_that_of_variables(tmp_path: Path) -> None:
    terminal = Terminal(
        [sys.executable, "-c", START],
        columns=110,
        rows=34,
        env={"PYTHONPATH": str(ROOT), "TRTBENCH_HOME": str(tmp_path), "COLUMNS": "80", "LINES": "24"},
    )
    try:
        terminal.wait_until(
            lambda glass: glass.text.splitlines()[-1].lstrip().startswith("enter run"), "the keys below"
        )
        terminal.wait_until(
            lambda glass: max(map(len, map(str.rstrip, glass.text.splitlines()))) > 100, "a wide row"
        )
    finally:
        terminal.close()


@pytest.mark.parametrize(
    ("environment", "encoding", "expected"),
    [
        ({"TERM": "linux"}, "utf-8", True),
        ({"TERM": "linux", "TRTBENCH_ASCII": "0"}, "utf-8", False),
        ({"TERM": "vt100"}, "utf-8", True),
        ({"TERM": "xterm"}, "utf-8", False),
        ({"TERM": "screen"}, "utf-8", False),
        ({"TERM": "tmux-256color"}, "utf-8", False),
        ({"TERM": "xterm"}, "iso-8859-1", True),
        ({"TERM": "xterm", "TRTBENCH_ASCII": "1"}, "utf-8", True),
        ({"TERM": "linux", "TEXTUAL_DRIVER": "x"}, "utf-8", False),
    ],
)
def test_who_gets_ascii(
    environment: dict[str, str], encoding: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "__stderr__", SimpleNamespace(encoding=encoding))
    assert ascii_only() is expected


# --- sizes ----------------------------------------------------------------------------------------------


def places(tmp_path: Path) -> dict[str, DashboardPlace]:
    return {
        "home": HomePlace(),
        "runs": RunsPlace(),
        "live": LivePlace(recorded_runs.under_way(8).feed(tmp_path / "live")),
        "result": ResultPlace(recorded_runs.finished().write(tmp_path / "result")),
    }


@pytest.mark.parametrize("name", ["home", "runs", "live", "result"])
async def test_a_storm_of_sizes_leaves_the_screen_as_a_fresh_one(name: str, tmp_path: Path) -> None:
    sizes = [(1, 1), (20, 5), (300, 100), (80, 24), (40, 80)]
    sizes += [(random.Random(n).randint(1, 220), random.Random(-n).randint(1, 70)) for n in range(1, 8)]
    app = TrtbenchApp(places(tmp_path)[name])
    async with app.run_test(size=(80, 24)) as pilot:
        for width, height in sizes:
            await pilot.resize_terminal(width, height)
        await pilot.resize_terminal(100, 30)
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        footer = app.screen.query_one(KeyFooter)
        assert footer.region.bottom == 30
        assert footer.data is not None
        assert "? " in "".join(row_text(row) for row, _ in footer._visible())


def test_a_storm_of_sizes_on_a_terminal(tmp_path: Path) -> None:
    """The window is dragged about while the dashboard starts and works; it draws the last size and obeys."""
    terminal = Terminal(
        [sys.executable, "-c", START], env={"PYTHONPATH": str(ROOT), "TRTBENCH_HOME": str(tmp_path)}
    )
    output = b""
    try:
        steps = iter(range(60))
        for _, data in terminal.chunks(30):
            output += data
            step = next(steps, None)
            if step is None:
                break
            rows, columns = 10 + step % 40, 200 - 3 * step
            fcntl.ioctl(terminal.main, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.kill(terminal.process.pid, signal.SIGWINCH)
        terminal.send(b"?")
        terminal.wait_for(lambda seen: b"esc close" in seen)
        terminal.send(b"q")  # closes it
        terminal.send(b"q")
        assert terminal.wait() == 0
    finally:
        terminal.close()
