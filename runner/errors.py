"""What can go wrong for a user, and the exit code each outcome gives the command."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every `trtbench-tui` command (documented in the README)."""

    OK = 0
    RUN_FAILED = 1
    BAD_INPUT = 2
    RUN_STOPPED = 3
    RUN_LOST = 4
    NOT_MET = 5
    """what was asked for is not so: a comparison found it slower, or an assertion failed"""
    UNDECIDED = 6
    """whether it is so cannot be told from these runs"""
    INTERRUPTED = 130


class UserError(Exception):
    """One clear sentence for the user; shown as is, never with a traceback."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = str(self.args[0])
        return f"{message}\n{self.hint}" if self.hint else message
