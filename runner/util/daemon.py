"""Starting a process that outlives its starter and every terminal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

IMPORT_ROOT = Path(__file__).resolve().parents[2]
"""The folder that our packages lie in, for processes that PYTHONPATH does not tell"""
_BOOTSTRAP = """
import importlib, sys
sys.path.insert(0, sys.argv[1])
from runner.util import signals
signals.forget_inherited()
importlib.import_module(sys.argv[2]).main(sys.argv[3], *map(int, sys.argv[4:]))
"""


def spawn(module: str, directory: Path, lock: int | None, log: str) -> subprocess.Popen[bytes]:
    """Run `main(directory, lock)` of a module of ours in a session of its own, with that directory as cwd.

    Without a lock it is `main(directory)`.

    It has no terminal and no open file of ours but the lock; what it prints goes to the file `log`. It finds
    our code by the path it is given, not by PYTHONPATH: that would reach the measured processes.

    Raises:
        OSError: the process cannot be started.
    """
    locks = () if lock is None else (lock,)
    with open(directory / log, "ab") as output:
        return subprocess.Popen(
            [sys.executable, "-c", _BOOTSTRAP, str(IMPORT_ROOT), module, str(directory), *map(str, locks)],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=locks,
        )
