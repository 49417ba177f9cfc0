"""The selected profile of the home screen: its summary, its form, and its plan."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tui.framework.rows import Panel
from tui.screens.home.key_states import HomeKeys
from tui.screens.home.profile_summary import ProfileSummary

if TYPE_CHECKING:
    from tui.screens.home.catalogue import ProfileItem
    from tui.screens.home.form import Form

LOW, WIDE = 32, 100
"""On terminals with fewer lines and columns the summary of a profile is brief."""


class HomeSelection(HomeKeys):
    """The part of the home screen that shows the selected item."""

    def take(self, item: ProfileItem | None) -> None:
        """Show an item on the right; its form is reset only if its profile changed."""
        from tui.screens.home.form import drafts_of

        before, self._item = self._item, item
        if item is not None:
            drafts_of(self.app).chosen = item.key
        self.show_summary()
        form = self._form_of(item)
        same = before is not None and item is not None and before.key == item.key
        if same and form is not None and self._form is not None and form.saved == self._form.saved:
            return
        self._pane.show(form, read_only=item is not None and item.run is not None)
        self.query_one("#home-body").set_class(form is None, "-empty")
        self.show_keys()
        self.plan()

    def _form_of(self, item: ProfileItem | None) -> Form | None:
        from tui.screens.home.form import drafts_of, open_form

        if item is None or item.profile is None:
            return None
        return open_form(item.profile) if item.run is not None else drafts_of(self.app).form_of(item.profile)

    def show_summary(self) -> None:
        if self._listing is not None:
            panel: Panel[ProfileSummary] = self.query_one("#about", Panel)
            is_brief = self.size.height < LOW and self.size.width < WIDE
            panel.update(ProfileSummary(self._item, self._listing.newcomer, is_brief, now()))

    def plan(self) -> None:
        """Make the plan after the form is drawn, which has priority at the start."""
        if self._form is not None:
            run = self._item.run if self._item else None
            if self.needs_consent:
                self._commands.ask_for_consent()
                return
            self.call_after_refresh(
                self._commands.show_plan, self._form.profile, run.run_dir if run else None
            )


def now() -> float:
    """Return seconds since 1970; the only clock of this screen."""
    return time.time()
