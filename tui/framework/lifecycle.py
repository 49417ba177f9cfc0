"""End the dashboard on signals in bounded time, whatever state its terminal is in."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

RESET_SEQUENCE = (
    "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l"  # no reports of the mouse
    "\x1b[?1004l\x1b[?2004l\x1b[<u"  # nor of the focus, of pasted text and of keys with modifiers
    "\x1b[?1049l\x1b[?25h\x1b[0m"  # the former screen, a visible cursor, no colours
)
GRACE_S = 2
"""A dashboard whose terminal accepts no output ends after this time."""


def exit_on_signals(leave: Callable[[int], None]) -> None:
    """Call `leave(exit code)` on SIGHUP and SIGTERM, and end the process after GRACE_S in any case.

    A terminal that hung up or stalled blocks the writer thread of Textual, and with it the event loop. The
    alarm is set first: its default action ends even a blocked process.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(GRACE_S)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise SystemExit(128 + number) from None
        # Through the loop, because this also wakes it when it sleeps.
        loop.call_soon_threadsafe(leave, 128 + number)

    # Also when SIGHUP was ignored (nohup): a dashboard without a terminal has no purpose.
    signal.signal(signal.SIGHUP, handle)
    signal.signal(signal.SIGTERM, handle)
    threading.Thread(target=_watch_terminal, name="terminal", daemon=True).start()


@contextmanager
def restored_terminal() -> Iterator[None]:
    """Restore the modes of the terminal, also after an error that Textual did not handle."""
    stdin, stderr = sys.__stdin__, sys.__stderr__
    try:
        assert stdin is not None
        modes = termios.tcgetattr(stdin)
    except (AssertionError, OSError, ValueError, termios.error):
        modes = None
    try:
        yield
    except BaseException:
        if modes is not None and stdin is not None:
            with suppress(OSError, termios.error):
                termios.tcsetattr(stdin, termios.TCSANOW, modes)
        if stderr is not None and stderr.isatty():
            with suppress(OSError):
                stderr.write(RESET_SEQUENCE)
                stderr.flush()
        raise


def _watch_terminal() -> None:
    """Send SIGHUP to this process when the terminal closes without a signal.

    This happens when it is not the controlling terminal. With an empty event mask, poll sleeps until the
    other end hangs up; reading would spin on end-of-file.
    """
    terminal = select.poll()
    try:
        terminal.register(sys.__stdin__.fileno() if sys.__stdin__ is not None else 0, 0)
        terminal.poll()
    except (OSError, ValueError):
        return
    os.kill(os.getpid(), signal.SIGHUP)
