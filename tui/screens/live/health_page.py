"""The page of run diagnostics (key `d`): problems, stalls and ranks of a run, refreshed while open."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.binding import BindingType

from runner.history.run_feed import Feed
from runner.util.stacks import read_stacks, stack_reader
from tui.framework.keymap import MOVEMENT, bindings
from tui.framework.titles import set_subtitle, set_title
from tui.screens.dialogs.help import PageScreen
from tui.screens.live.health_view import Stacks, health_sections, stack_sections, stalled_ranks
from tui.screens.live.view_cache import LiveViewCache

REFRESH_S = 1.0


class HealthScreen(PageScreen):
    """Shows the findings that tell a slow run from a stalled one."""

    CSS_PATH = "../dialogs/help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(MOVEMENT), ("escape,q,d,enter", "close", "")]

    def __init__(self, feed: Feed, cache: LiveViewCache) -> None:
        super().__init__()
        self._feed = feed
        self._cache = cache
        self._stacks: Stacks = ()
        """Python stacks of the ranks, read once for a stall"""
        self._reading = False

    def on_mount(self) -> None:
        set_title(self.panel, "run diagnostics")
        set_subtitle(self.panel, "esc closes   ↑ ↓ scroll")
        self.reload()
        self.set_interval(REFRESH_S, self.reload)

    def reload(self) -> None:
        """Update the sections from the present state of the run."""
        sections = health_sections(self._feed, self._cache)
        self.panel.update((*sections, *stack_sections(self._stacks)))
        if not self._reading and (ranks := stalled_ranks(self._feed)) and stack_reader() is not None:
            self._reading = True
            self.run_worker(lambda: self._read_stacks(ranks), thread=True, exit_on_error=False)

    def _read_stacks(self, ranks: Mapping[int, int]) -> None:
        reader = stack_reader()
        if reader is None:
            return
        found = read_stacks(ranks.values(), reader)
        self._stacks = tuple((rank, tuple(found[pid])) for rank, pid in ranks.items())
        if self.is_attached:
            self.app.call_from_thread(self.reload)
