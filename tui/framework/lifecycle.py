"""Leaving for good: a dashboard that is told to go is gone soon, whatever its terminal does."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

GRACE_S = 2
"""A dashboard whose terminal takes no more output ends after this long."""


def end_on_signals(leave: Callable[[int], None]) -> None:
    """Call `leave(exit code)` on SIGHUP and SIGTERM, and be gone after GRACE_S whatever happens.

    A terminal that hung up or stalled blocks the thread that draws, and with it the event loop. So the alarm
    is set first, and its default action ends the process even while it is blocked.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(GRACE_S)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise SystemExit(128 + number) from None
        # Not called right here: it also wakes a loop that sleeps because nothing happens.
        loop.call_soon_threadsafe(leave, 128 + number)

    # Also when it was ignored before (nohup): without its terminal a dashboard has no reason to go on.
    signal.signal(signal.SIGHUP, handle)
    signal.signal(signal.SIGTERM, handle)
    threading.Thread(target=_watch_terminal, name="terminal", daemon=True).start()


def _watch_terminal() -> None:
    """Hang up ourselves when the terminal is gone without a signal, as it is when it does not control us.

    Asked for no event, poll sleeps until the other end hangs up; reading on would spin on end-of-file.
    """
    terminal = select.poll()
    try:
        terminal.register(sys.__stdin__.fileno() if sys.__stdin__ is not None else 0, 0)
        terminal.poll()
    except (OSError, ValueError):
        return
    os.kill(os.getpid(), signal.SIGHUP)
