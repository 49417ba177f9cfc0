"""The last resort: report an error of the program itself in one sentence, with its traceback in a file."""

from __future__ import annotations

import os
import platform
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

from runner import VERSION
from runner.util import paths
from runner.util.errors import UserError
from runner.util.exit_codes import ExitCode
from runner.util.foreign_text import one_line, terminal_lines

KEPT = 20
"""number of reports that are kept"""
_MAX_CAUSE = 200
"""characters of the error in the sentence"""


def report_crash(error: BaseException) -> ExitCode:
    """Write the traceback of an unexpected error to a file, and print one sentence with its path."""
    cause = one_line("".join(traceback.format_exception_only(type(error), error)))
    cause = cause if len(cause) <= _MAX_CAUSE else f"{cause[:_MAX_CAUSE]}…"
    text = terminal_lines("".join(traceback.format_exception(type(error), error, error.__traceback__)))
    try:
        where, rest = f"the details are in {_write_report(text)}", ""
    except (OSError, UserError) as problem:
        where, rest = f"the details follow, because they cannot be stored: {problem}", f"\n{text.rstrip()}"
    with suppress(OSError):  # without a reader, the exit code still reports the error
        print(f"trtbench-tui: internal error: {cause}; {where}{rest}", file=sys.stderr, flush=True)
    return ExitCode.INTERNAL_ERROR


def _write_report(text: str) -> Path:
    """Store a report in a file that only this user can read, and remove the oldest ones.

    Raises:
        OSError: it cannot be written.
        UserError: the home directory is unknown.
    """
    folder = paths.crashes_dir()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in sorted(folder.glob("*.txt"))[: -(KEPT - 1)]:
        with suppress(OSError):
            old.unlink()
    path = folder / f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt"
    about = f"trtbench-tui {VERSION}, Python {platform.python_version()}, {platform.platform()}\n\n"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
        file.write(about + text)
    return path
