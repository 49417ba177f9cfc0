"""An unexpected error in the dashboard: the terminal is as before, one sentence, the traceback in a file."""

from __future__ import annotations

import os
import sys
import termios
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.patience import PATIENCE_S
from tests.support.terminal import Terminal

IN_A_KEY = "KeyedScreen.action_help = fail"
IN_A_WORKER = "KeyedScreen.action_help = lambda self: self.run_worker(fail, thread=True) and None"
IN_A_THREAD = "import threading; KeyedScreen.action_help = lambda self: threading.Thread(target=fail).start()"
AT_THE_START = "TrtbenchApp.__init__ = fail"
IN_THE_DRIVER = "TrtbenchApp.run = start_and_fail"
PROGRAM = """\
import sys
from tui.main import main
from tui.app import TrtbenchApp
from tui.framework.screen import KeyedScreen
def fail(*_):
    secret = "hf_secret"
    raise ValueError("the cause")
def start_and_fail(self):
    import termios, tty
    tty.setraw(sys.__stdin__)
    sys.__stderr__.write("\\x1b[?1049h\\x1b[?25l")
    fail()
{where}
sys.exit(main([]))
"""


@pytest.mark.parametrize("where", [IN_A_KEY, IN_A_WORKER, IN_A_THREAD, AT_THE_START, IN_THE_DRIVER])
def test_error_restores_the_terminal_and_names_a_file(where: str, tmp_path: Path) -> None:
    terminal = Terminal(
        [sys.executable, "-c", PROGRAM.format(where=where)],
        env={"PYTHONPATH": str(ROOT), "TRTBENCH_HOME": str(tmp_path / "state")},
    )
    before = termios.tcgetattr(terminal.main)
    output = b""
    try:
        for _, data in terminal.chunks(PATIENCE_S):
            if b"num_runs" not in output and b"num_runs" in output + data:
                terminal.send(b"?")
            output += data
        assert terminal.process.wait(PATIENCE_S) == 70
        assert termios.tcgetattr(terminal.main)[:4] == before[:4]
    finally:
        terminal.close()
    (report,) = (tmp_path / "state" / "crashes").iterdir()
    assert output.count(b"\x1b[?1049l") >= output.count(b"\x1b[?1049h")
    last = output.rpartition(b"\x1b[?1049l")[2] if b"\x1b[?1049h" in output else output
    sentence = f"trtbench-tui: internal error: ValueError: the cause; the details are in {report}"
    assert last.endswith(os.fsencode(sentence) + b"\r\n")
    assert b"Traceback" not in output
    assert b"hf_secret" not in output
    assert 'raise ValueError("the cause")' in report.read_text() or "in fail" in report.read_text()
