"""Errors that end a thread: Python only prints them, and the dashboard draws over what is printed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def on_thread_error(report: Callable[[BaseException], object]) -> Iterator[None]:
    """Call a function with each error that ends a thread during the block, in that thread."""
    before = threading.excepthook

    def take(failed: threading.ExceptHookArgs) -> None:
        if failed.exc_value is not None and not isinstance(failed.exc_value, SystemExit):
            report(failed.exc_value)

    threading.excepthook = take
    try:
        yield
    finally:
        threading.excepthook = before
