"""Signals as a fresh process has them, whatever the one that started us did with its own."""

from __future__ import annotations

import signal


def forget_inherited() -> None:
    """Undo what was inherited and would spoil a run; every process that it starts would inherit it, too.

    Where SIGCHLD is ignored nobody learns how a child ended, and where SIGTERM is blocked a program cannot be
    asked to end. Some services and containers leave that to what they start. To be called in the main thread.
    """
    if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
