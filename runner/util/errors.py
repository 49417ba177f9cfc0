"""The error that a user sees."""

from __future__ import annotations


def install_extra(name: str) -> str:
    """Return the command that installs an extra, as the README has it: this package is not on an index."""
    return f"pip install '.[{name}]' in the source folder of trtbench-tui"


class UserError(Exception):
    """One clear sentence for the user; printed as it is, never with a traceback."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = str(self.args[0])
        return f"{message}\n{self.hint}" if self.hint else message
