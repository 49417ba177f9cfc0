"""Set up the `logging` module: messages go to stderr, at the level of the variable TRTBENCH_LOG.

The stderr of the supervisor, the sweep runner and the telemetry process is a file in the directory of the run
or sweep. This module imports `logging` only when it sets it up, to keep commands fast.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from runner.util.errors import UserError

if TYPE_CHECKING:
    import logging

LOG_LEVEL = "TRTBENCH_LOG"
LEVELS = ("debug", "info", "warning", "error")
DEFAULT_LEVEL = "warning"
FORMAT = "%(asctime)s %(levelname)s %(name)s[%(process)d]: %(message)s"
PACKAGES = ("runner", "tui")
"""Loggers that are set up; those of libraries stay as they are."""


def requested_level() -> str:
    """Return the level that TRTBENCH_LOG names, in lower case.

    Raises:
        UserError: it names no level.
    """
    level = os.environ.get(LOG_LEVEL, "").strip().lower() or DEFAULT_LEVEL
    if level not in LEVELS:
        raise UserError(f"{LOG_LEVEL}={level} is not a log level; allowed: {', '.join(LEVELS)}")
    return level


def set_up_logging() -> None:
    """Log to stderr at the requested level.

    Raises:
        UserError: TRTBENCH_LOG names no level.
    """
    _set_up(requested_level())


def set_up_process_log() -> None:
    """Log to stderr of a process without a terminal; a bad level is reported there, not raised."""
    import logging

    try:
        _set_up(requested_level())
    except UserError as error:
        _set_up(DEFAULT_LEVEL)
        logging.getLogger(__name__).error("%s", error)


def _set_up(level: str) -> None:
    import logging

    handler = _stderr_handler()
    handler.setFormatter(logging.Formatter(FORMAT))
    for name in PACKAGES:
        logger = logging.getLogger(name)
        logger.setLevel(level.upper())
        logger.handlers = [handler]
        logger.propagate = False


def _stderr_handler() -> logging.Handler:
    """Return a handler that looks up `sys.stderr` for each message.

    The dashboard replaces `sys.stderr` while it draws, so that messages do not appear on the screen.
    """
    import logging

    class StderrHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            try:
                sys.stderr.write(self.format(record) + "\n")
                sys.stderr.flush()
            except (OSError, ValueError):  # closed, or its disk is full
                return

    return StderrHandler()
