"""Reset signal handling that this process inherited."""

from __future__ import annotations

import signal


def reset_inherited_signals() -> None:
    """Undo inherited signal settings that would break a run; its child processes would inherit them, too.

    If SIGCHLD is ignored, exit codes of children are lost; if SIGTERM is blocked, a program cannot be asked
    to end. Some services and containers start programs with such settings. Call it in the main thread.
    """
    if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
