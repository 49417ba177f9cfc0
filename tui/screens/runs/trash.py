"""The trash: deleted runs, to restore or to remove permanently."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from runner.history import trash
from runner.history.disk_usage import disk_use
from runner.history.run_list import format_size
from runner.util.errors import UserError
from runner.util.formatting import plural
from tui.framework.picker import LinePicker, PickerLine
from tui.framework.rows import Panel, Row, Span, cut, dim, fitting, row
from tui.framework.titles import set_title
from tui.relative_time import format_timestamp
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.text import fit, plain_text

if TYPE_CHECKING:
    from tui.app import TrtbenchApp

MOST_LINES = 16


class TrashScreen(ModalScreen[None]):
    """Lists deleted runs, newest first."""

    app: TrtbenchApp
    CSS_PATH = "trash.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "restore", "restore the selected run", show=False),
        Binding("D", "empty", "remove all permanently", show=False),
        Binding("escape,q,B", "close", "close", show=False),
    ]

    def __init__(self, now: float) -> None:
        super().__init__()
        self._now = now
        self._deleted: Sequence[trash.TrashedRun] = ()

    def compose(self) -> ComposeResult:
        with Vertical(classes="framed dialog", id="trash") as dialog:
            set_title(dialog, "trash")
            yield LinePicker(id="deleted")
            yield Panel(_draw_keys, id="trash-keys")

    def on_mount(self) -> None:
        self._show()
        self.query_one(LinePicker).focus()

    def _show(self) -> None:
        self._deleted = trash.list_trash()
        picker = self.query_one(LinePicker)
        picker.styles.height = max(1, min(MOST_LINES, len(self._deleted)))
        picker.show_lines(self._lines, picker.chosen)
        size = sum(disk_use(trashed.path) for trashed in self._deleted)
        keys: Panel[str] = self.query_one("#trash-keys", Panel)
        keys.update(f"{plural(len(self._deleted), 'run')}, {format_size(size)}" if self._deleted else "")

    def _lines(self, width: int) -> list[PickerLine]:
        if not self._deleted:
            return [PickerLine(row(dim("the trash is empty")))]
        return [
            PickerLine(self._draw(trashed, width), number) for number, trashed in enumerate(self._deleted)
        ]

    def _draw(self, trashed: trash.TrashedRun, width: int) -> Row:
        name = fit(plain_text(trashed.run), max(10, width - 22))
        return cut(row(name, dim(f"  deleted {format_timestamp(trashed.deleted, self._now)}")), width)

    def on_picker_activated(self) -> None:
        self.action_restore()

    def action_restore(self) -> None:
        if not self._deleted:
            return
        trashed = self._deleted[self.query_one(LinePicker).chosen]
        try:
            trash.restore(trashed)
        except UserError as error:
            self.app.notify_error(error)
        else:
            self.app.notify(f"restored {trashed.run}")
        self._show()

    async def action_empty(self) -> None:
        if not self._deleted:
            return

        def answered(yes: bool | None) -> None:
            if not yes:
                return
            _, problems = trash.empty(self._deleted)
            if problems:
                self.app.notify_error(
                    UserError(f"cannot remove {plural(len(problems), 'run')}: {'; '.join(problems[:3])}")
                )
            self._show()

        question = ConfirmScreen(
            f"Remove {plural(len(self._deleted), 'run')} permanently?",
            "This deletes their directories, logs and results, and their names, tags and notes.",
            yes="remove",
            no="cancel",
        )
        await self.app.open_dialog(question, answered)

    def action_close(self) -> None:
        self.dismiss()


def _draw_keys(content: str, width: int, height: int) -> list[Row]:
    close = row(Span("esc", "key"), dim(" close"))
    if not content:
        return [(), close]
    restore, empty = row(Span("enter", "key"), dim(" restore")), row(Span("D", "key"), dim(" empty"))
    return [(), fitting([restore, empty, close, row(dim(content))], width)]
