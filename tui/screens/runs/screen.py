"""The list of all runs of this machine: filter, open, label, compare and delete."""

from __future__ import annotations

from dataclasses import replace

from runner.cli.places import RunsPlace
from runner.history import query, run_feed, trash
from runner.history.run_entry import RunEntry
from runner.history.run_list import cause_of
from runner.history.sweep_fold import SweepFold
from runner.util import paths
from runner.util.errors import UserError
from runner.util.formatting import plural
from tui.framework.keymap import Key
from tui.screens.runs.arrangement import ListOptions, next_sort
from tui.screens.runs.browser import RunBrowser, now, runs_of, sweep_of
from tui.screens.runs.run_list import RunList, RunTitles

_RUN_ACTIONS = ("open", "mark", "tags", "note", "rename", "delete", "again")
"""actions that need a selected run"""
_ONE_RUN_ACTIONS = ("note", "rename", "again")
"""actions on a single run, not on a sweep"""


class RunsScreen(RunBrowser):
    """The list with its actions."""

    def __init__(self) -> None:
        super().__init__()
        self._deleted: list[trash.TrashedRun] = []
        """the runs deleted last"""

    # --- marks, order, groups ---------------------------------------------------------------------------

    def action_mark(self) -> None:
        """Mark or unmark the selected run, or all listed runs of the sweep, and move to the next."""
        current = self._current
        if current is not None:
            self._toggle(current)
            self.query_one(RunList).action_move(1)

    def on_run_list_marked(self, message: RunList.Marked) -> None:
        self._toggle(self._listing.entries[message.item])

    def _toggle(self, entry: RunEntry) -> None:
        runs = [run.run for run in runs_of(entry)]
        new = [run for run in runs if run not in self._marked]
        self._marked = (*self._marked, *new) if new else tuple(r for r in self._marked if r not in runs)
        self._show()

    def action_unfold(self) -> None:
        """List the runs of the sweep below its row."""
        if isinstance(current := self._current, SweepFold):
            self._apply(replace(self._options, unfolded=self._options.unfolded | {current.run}))

    def action_fold(self) -> None:
        """Fold the runs of the sweep into its row, from the row or from one of its runs."""
        current = self._current
        if current is not None and self._is_unfolded(current):
            self._run = current.run if isinstance(current, SweepFold) else sweep_of(current)
            self._apply(replace(self._options, unfolded=self._options.unfolded - {self._run}))

    def _is_unfolded(self, entry: RunEntry) -> bool:
        sweep = entry.run if isinstance(entry, SweepFold) else sweep_of(entry)
        return sweep in self._options.unfolded

    def action_sort(self) -> None:
        self._apply(replace(self._options, sort=next_sort(self._options.sort), reverse=False))

    def action_reverse(self) -> None:
        self._apply(replace(self._options, reverse=not self._options.reverse))

    def on_run_titles_title_clicked(self, message: RunTitles.TitleClicked) -> None:
        same = message.sort == self._options.sort
        self._apply(replace(self._options, sort=message.sort, reverse=same and not self._options.reverse))

    def action_view(self) -> None:
        self._apply(replace(self._options, grouped=not self._options.grouped))

    def _apply(self, options: ListOptions) -> None:
        self._options = options
        self._arrange()
        self._show()

    # --- actions on a run -----------------------------------------------------------------------------

    def on_picker_activated(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        """Watch an active run; show the result of an ended one, or the board of a sweep."""
        current = self._current
        if current is None:
            return
        if isinstance(current, SweepFold):
            self.action_sweep()
        elif current.foreign:
            self.app.notify_error(UserError(f"{current.run}: {cause_of(current)}"))
        elif current.ended:
            self.app.open_result(current.run_dir)
        else:
            try:
                self.app.open_live(run_feed.open_feed(current.run_dir))
            except UserError as error:
                self.app.notify_error(error)

    def action_again(self) -> None:
        if (current := self._current) and not isinstance(current, SweepFold):
            self.app.open_home_with(current.run_dir)

    def action_compare(self) -> None:
        """Compare the marked runs; with one mark, that run with the one under the cursor."""
        from tui.screens.compare.screen import group_sides, one_side_text

        names = self._marked
        if len(names) <= 1:
            names = (*names, *(run.run for run in runs_of(self._current) if run.run not in names))
        by_run = {entry.run: entry for entry in self._entries or ()}
        chosen = tuple(
            (run, (entry.sweep.sweep, entry.sweep.cell) if entry.sweep else None)
            for run in names
            if (entry := by_run.get(run))
        )
        sides = group_sides(chosen)
        if len(sides) < 2:
            self.notify(one_side_text(len(chosen)))
            return
        self.app.open_compare(sides)

    def action_sweep(self) -> None:
        """Open the sweep of the selected run."""
        current = self._current
        directory = paths.sweeps_dir() / sweep_of(current) if current and current.sweep else None
        if directory is None:
            self.notify("this run is not part of a sweep", timeout=3)
        elif not directory.is_dir():
            self.app.notify_error(UserError(f"{directory}: the sweep of this run was deleted"))
        else:
            self.app.open_sweep(directory)

    async def action_stop(self) -> None:
        current = self._current
        if current is None:
            return
        if current.ended:
            self.notify("this run has already ended")
            return
        from runner.history.stop import stop_run
        from tui.screens.dialogs.confirm import ask_to_stop

        if isinstance(current, SweepFold):
            from runner.sweep.control import stop_sweep

            detail = "Its current run is stopped. Measurements are kept; the sweep can be resumed."
            await ask_to_stop(self.app, stop_sweep, current.run_dir, "this sweep", detail, name="the sweep")
            return
        detail = f"Run {current.run} ends; its results so far are kept."
        await ask_to_stop(self.app, stop_run, current.run_dir, current.profile, detail, name=current.profile)

    async def action_tags(self) -> None:
        from tui.screens.runs.edit_dialogs import ask_for_tags

        if chosen := self._chosen():
            await ask_for_tags(self.app, chosen, self._read_in_background)

    async def action_note(self) -> None:
        from tui.screens.runs.edit_dialogs import ask_for_note

        if (current := self._current) and not isinstance(current, SweepFold):
            await ask_for_note(self.app, current, self._read_in_background)

    async def action_rename(self) -> None:
        from tui.screens.runs.edit_dialogs import ask_for_name

        if (current := self._current) and not isinstance(current, SweepFold):
            await ask_for_name(self.app, current, self._read_in_background)

    async def action_delete(self) -> None:
        from tui.screens.runs.edit_dialogs import ask_to_delete

        def deleted(moved: list[trash.TrashedRun]) -> None:
            self._deleted = moved
            self._read_in_background()
            self.notify(f"{plural(len(moved), 'run')} moved to the trash; u restores")

        if chosen := self._chosen():
            await ask_to_delete(self.app, chosen, deleted)

    def action_undo(self) -> None:
        """Restore the runs deleted last."""
        try:
            for trashed in self._deleted:
                trash.restore(trashed)
        except UserError as error:
            self.app.notify_error(error)
        self._deleted = []
        self._read_in_background()

    def is_key_enabled(self, key: Key) -> bool:
        """Hide keys that have nothing to act on."""
        current = self._current
        return super().is_key_enabled(key) and {
            "sort": bool(self._entries),
            "reverse": bool(self._entries),
            "view": bool(self._entries),
            "filter": bool(self._entries),
            "compare": len(self._entries or ()) > 1,
            "sweep": current is not None and current.sweep is not None,
            "stop": current is not None and not current.ended,
            "unfold": isinstance(current, SweepFold) and not self._is_unfolded(current),
            "fold": current is not None and self._is_unfolded(current),
        }.get(key.action, _is_enabled(key.action, current))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "undo":
            return bool(self._deleted)
        return super().check_action(action, parameters)

    async def action_trash(self) -> None:
        from tui.screens.runs.trash import TrashScreen

        await self.app.open_dialog(TrashScreen(now()), lambda _: self._read_in_background())

    async def action_help(self) -> None:
        from tui.screens.dialogs.help import HelpScreen

        await self.app.open_dialog(HelpScreen("runs", more=(("filter terms", query.GRAMMAR),)))


def _is_enabled(action: str, current: RunEntry | None) -> bool:
    """Check whether an action has something to act on."""
    if isinstance(current, SweepFold) and action in _ONE_RUN_ACTIONS:
        return False
    return current is not None or action not in _RUN_ACTIONS


def open_screen(_: RunsPlace) -> RunsScreen:
    return RunsScreen()
