"""The list of the home screen: read outside of the event loop, sorted, filtered, and kept up to date."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from textual.message import Message

from tui.framework.titles import set_subtitle
from tui.screens.home import selection
from tui.screens.home.selection import HomeSelection

if TYPE_CHECKING:
    from tui.screens.home.arrangement import Arrangement
    from tui.screens.home.catalogue import Catalogue, ProfileItem, ProfileListing

LOOK_EVERY_S = 2.0
"""Interval for reading profiles and active runs again."""


class HomeListing(HomeSelection):
    """The part of the home screen with the list, and the item that is selected in it."""

    @dataclass
    class ProfilesRead(Message):
        """The profiles and the active runs were read."""

        listing: ProfileListing
        complete: bool
        """False: only the names and one profile"""

    class FitsFound(Message):
        """It is known of more profiles whether they fit this machine."""

    def __init__(self) -> None:
        super().__init__()
        self._catalogue: Catalogue | None = None
        self._items: list[ProfileItem] = []
        """the items of the list, filtered"""
        self._reading = False
        self._again = False
        """read once more after this, because something has changed"""
        self._started_reading = False

    # --- reading ----------------------------------------------------------------------------------------

    def read_when_laid_out(self) -> None:
        """Start reading after the first frame, which needs the first size."""
        if not self._started_reading:
            self._started_reading = True
            self.call_after_refresh(self.run_worker, self._read_first, thread=True, group="listing")

    def _look(self) -> None:
        """Read again now and then; not while the last reading takes its time."""
        if not self._reading:
            self.read_in_background()

    def read_in_background(self) -> None:
        """Read after a change; once more if a reading has begun before it."""
        if self._reading:
            self._again = True
        elif self.is_current:
            self._reading = True
            self.run_worker(self._read_listing, thread=True, group="listing")

    def _read_first(self) -> None:
        """Read what the first view needs: the names of the profiles, and one profile."""
        from tui.screens.home.catalogue import Catalogue
        from tui.screens.home.fits import fits_of
        from tui.screens.home.form import drafts_of
        from tui.screens.home.panes import create_panes  # noqa: F401 - imported here, outside of the event loop

        self._catalogue = Catalogue(fits_of(self.app))
        listing = self._catalogue.read_names(drafts_of(self.app).chosen)
        if listing is None:
            self._read_listing()
        else:
            self.post_message(self.ProfilesRead(listing, complete=False))

    def _read_listing(self) -> None:
        assert self._catalogue is not None
        listing = self._catalogue.read_all()
        self.post_message(self.ProfilesRead(listing, complete=True))
        self._catalogue.look_at_fits(listing, lambda: self.post_message(self.FitsFound()))

    async def on_home_listing_profiles_read(self, message: ProfilesRead) -> None:
        from tui.screens.home.catalogue import with_unsaved
        from tui.screens.home.form import drafts_of

        drafts = drafts_of(self.app)
        listing = with_unsaved(message.listing, drafts.unsaved.values())
        if self._listing is None:
            self._item = listing.item(drafts.chosen)
        self._listing = listing
        if self.opening:
            from tui.screens.home.panes import create_panes

            # Mounting the panes earlier would draw them empty first.
            with self.app.batch_update():
                await self.query_one("#home-body").mount(*create_panes())
                if not self.query("#profile-list"):
                    return  # the dashboard was left while the panes were mounted
                self.opening = False
                self._list.focus()
                self.show_list()
            self.show_keys()
            self.set_interval(LOOK_EVERY_S, self._look)
            self.app.call_later(self.app.resume_keys)
        else:
            self.show_list()
        self._reading = False
        if self._again or not message.complete:
            self._again = False
            self.call_after_refresh(self.read_in_background)

    def on_home_listing_fits_found(self) -> None:
        self.read_in_background()

    # --- showing ----------------------------------------------------------------------------------------

    def show_list(self) -> None:
        """Show the filtered list; the selected item stays selected if it still exists."""
        if self._listing is None:
            return
        from tui.screens.home.arrangement import arrange
        from tui.screens.home.form import drafts_of
        from tui.screens.home.profile_list import ProfileLines

        drafts = drafts_of(self.app)
        arrangement = replace(drafts.arrangement, filter=self.filter)
        self._items = arrange(self._listing.items, arrangement)
        keys = [item.key for item in self._items]
        chosen = keys.index(self._item.key) if self._item and self._item.key in keys else 0
        lines = ProfileLines(
            tuple(self._items),
            self._listing.items,
            arrangement,
            changed=frozenset(name for name, form in drafts.forms.items() if form.changed),
            now=selection.now(),
            empty=f"no profile has “{self.filter}”" if self.filter else "no profiles",
        )
        self._list.show_items(lines, chosen)
        parts = [f"filter: {self.filter} · esc all"] if self.filter else []
        if arrangement.sort != "group":
            parts.append(f"sorted by {arrangement.sort}{', reversed' if arrangement.reverse else ''}")
        set_subtitle(self.query_one("#profiles"), " · ".join(parts))
        self.take(self._items[chosen] if self._items else None)

    def watch_filter(self) -> None:
        self.show_list()
        self.show_keys()

    def action_sort(self) -> None:
        """Sort the list by the next column; after the last one in groups again."""
        self._rearrange(lambda arrangement: arrangement.with_next_sort())

    def action_reverse(self) -> None:
        self._rearrange(lambda arrangement: replace(arrangement, reverse=not arrangement.reverse))

    def _rearrange(self, change: Callable[[Arrangement], Arrangement]) -> None:
        from tui.screens.home.form import drafts_of

        drafts = drafts_of(self.app)
        drafts.arrangement = change(drafts.arrangement)
        self.show_list()
