"""Reset signal handling that this process inherited, and delay signals until a process can handle them."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

_TERMINATING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def reset_inherited_signals() -> None:
    """Undo inherited signal settings that would break a run; its child processes would inherit them, too.

    If SIGCHLD is ignored, exit codes of children are lost; if SIGTERM is blocked, a program cannot be asked
    to end. Some services and containers start programs with such settings. Call it in the main thread.
    """
    _reset_sigchld()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


@contextlib.contextmanager
def delayed() -> Iterator[None]:
    """Delay signals that would end this thread, or a process started in the block.

    The process calls `keep_delayed`, and `deliver` once it can handle them.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _TERMINATING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def keep_delayed() -> None:
    """Reset inherited signals like `reset_inherited_signals`, but keep what `delayed` delays."""
    _reset_sigchld()
    signal.pthread_sigmask(signal.SIG_SETMASK, _TERMINATING)


def deliver() -> None:
    """Deliver signals that were delayed, and all later ones at once."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _reset_sigchld() -> None:
    if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
