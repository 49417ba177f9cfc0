"""What the dialogs that start a sweep or a tuning share: the start itself, and what warns before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import ModalScreen

from runner.util.errors import UserError
from tui.framework.rows import Row, Span, row
from tui.text import plain_text, wrap

if TYPE_CHECKING:
    from runner.sweep.spec import SweepSpec

Other = TypeVar("Other")
"""what a dialog may answer instead of the directory of what it started"""
MOST_FAILING = 3


class StartDialog(ModalScreen[Path | Other]):
    """Starts a sweep in a worker; a dialog calls `start`, and gets the directory or the reason."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "cancel", show=False)]

    @dataclass
    class Started(Message):
        result: Path | UserError

    def __init__(self) -> None:
        super().__init__()
        self.starting = False

    def start(self, sweep: SweepSpec | None) -> None:
        """Start a sweep that was planned; None, or a second key while it starts, does nothing."""
        if sweep is None or self.starting:
            return
        self.starting = True

        def work() -> None:
            from runner.sweep import control

            try:
                self.post_message(self.Started(control.start_sweep(sweep)))
            except UserError as error:
                self.post_message(self.Started(error))

        self.run_worker(work, thread=True, group="start")

    def on_start_dialog_started(self, message: Started) -> None:
        if isinstance(message.result, Path):
            self.dismiss(message.result)
        else:
            self.starting = False
            self.show_error(str(message.result))

    def show_error(self, why: str) -> None:
        """Show why nothing was started."""
        raise NotImplementedError

    def action_cancel(self) -> None:
        if not self.starting:
            self.dismiss(None)


def warning_rows(failing: Sequence[str], in_use: str, error: str, width: int) -> list[Row]:
    """Return why runs would fail, who uses their devices, and why nothing can be started.

    Args:
        failing: preflight problems of the unchanged profile; the first `MOST_FAILING` are shown.
        in_use: who uses the devices of the profile now, one a line.
        error: empty: it can be started.
        width: columns.
    """
    rows: list[Row] = wrapped("the unchanged profile would fail:", width, "bad") if failing else []
    for text in failing[:MOST_FAILING]:
        rows += wrapped(f"  {plain_text(text)}", width, "bad")
    for line in in_use.splitlines():
        rows += wrapped(f"{plain_text(line)}; the runs wait for it", width, "warn")
    return rows + (wrapped(plain_text(error), width, "bad") if error else [])


def wrapped(text: str, width: int, style: str = "") -> list[Row]:
    return [row(Span(line, style)) for line in wrap(text, max(20, width))]
