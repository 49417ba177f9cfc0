"""The exit code for each outcome of a command, and for the status of a run."""

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
    """a comparison found a slowdown, or an assertion failed"""
    UNDECIDED = 6
    """these runs are not enough to decide a comparison or an assertion"""
    UNFAIR = 7
    """runs that cannot be compared fairly, so there is no verdict"""
    INTERNAL_ERROR = 70
    """an error of the program itself; its traceback is in a file"""
    INTERRUPTED = 130


RUN_EXIT_CODES: dict[str, ExitCode] = {
    "finished": ExitCode.OK,
    "failed": ExitCode.RUN_FAILED,
    "stopped": ExitCode.RUN_STOPPED,
    "lost": ExitCode.RUN_LOST,
}
"""Exit code of a command that followed a run, by the final status (`runner.state.run.ENDED_STATUSES`)."""


def run_exit_code(status: str) -> ExitCode:
    """Return the exit code for the status of a run; 0 for a run that has not ended."""
    return RUN_EXIT_CODES.get(status, ExitCode.OK)
