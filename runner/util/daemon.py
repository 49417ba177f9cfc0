"""Start a process that outlives its parent and every terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from runner.util import signals
from runner.util.files import open_append
from runner.util.logs import set_up_process_log

IMPORT_ROOT = Path(__file__).resolve().parents[2]
"""The folder that contains this package, for processes that are started without PYTHONPATH"""
_BOOTSTRAP = """
import importlib, sys
root, *inherited = sys.argv[1].splitlines()
sys.path.insert(0, root)
sys.path += [path for path in inherited if path not in sys.path]
from runner.util import imports, signals
signals.keep_delayed()
with imports.uncollected():
    module = importlib.import_module(sys.argv[2])
module.main(sys.argv[3], *map(int, sys.argv[4:]))
"""


def spawn(module: str, directory: Path, lock: int | None, log: str) -> subprocess.Popen[bytes]:
    """Run `main(directory, lock)` of a module in a new session, with the directory as cwd.

    Without a lock, run `main(directory)`.

    The process has no terminal and inherits no open file except the lock; its output goes to the file `log`.
    Signals that would end it are delayed until its `main` calls `signals.deliver`: until then it can neither
    ignore nor handle them.

    It imports from where this process imports, so it finds the same plug-ins. The path is an argument, not
    PYTHONPATH, which measured processes would inherit.

    Raises:
        OSError: the process cannot be started.
    """
    locks = () if lock is None else (lock,)
    # Readable for its owner only: hooks and errors may print secrets.
    with open_append(directory / log, 0o600) as output, signals.delayed():
        return subprocess.Popen(
            [sys.executable, "-c", _BOOTSTRAP, _import_path(), module, str(directory), *map(str, locks)],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=locks,
        )


def begin(lock: int) -> None:
    """Set up a process that `spawn` started with a lock: its log, and no end with the terminal of its parent.

    Args:
        lock: the inherited descriptor; the children of the process do not inherit it.
    """
    set_up_process_log()
    os.set_inheritable(lock, False)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _import_path() -> str:
    """Return the folders that this process imports from, one a line, the one of this package first."""
    return "\n".join([str(IMPORT_ROOT), *(os.path.abspath(path) for path in sys.path)])
