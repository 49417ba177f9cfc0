"""Copies runs and sweeps of other machines for a screen, in a thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from runner.fleet.wire import sweep_of_key
from runner.util.errors import UserError
from tui.text import plain_text

if TYPE_CHECKING:
    from runner.fleet.fleet import Fleet
    from tui.framework.screen import KeyedScreen

_NAMED = 3
"""runs that the note names; of more it says how many"""


class Copies:
    """Copies what a screen needs, one request at a time; the screen shows `note` in its footer."""

    def __init__(self, screen: KeyedScreen) -> None:
        self._screen = screen
        self.note = ""
        """what is being copied; empty: nothing"""

    def request(
        self,
        fleet: Fleet,
        wanted: Sequence[tuple[str, str]],
        *,
        whole: bool,
        then: Callable[[list[Path]], None],
    ) -> None:
        """Copy runs and sweeps, then call `then` with their directories; an error is shown.

        Args:
            fleet: the links to their hosts.
            wanted: host, and id of the run or `sweep_key` of the sweep.
            whole: wait for everything that they have written.
            then: called while the screen is shown.
        """
        if not self.note:
            names = [f"{host}:{(sweep_of_key(run) or run)[-4:]}" for host, run in wanted]
            what = ", ".join(names) if len(names) <= _NAMED else f"{len(names)} runs"
            self.note = f"copying {plain_text(what)} ..."
            self._screen.show_keys(self.note)
            self._screen.run_worker(
                partial(self._work, fleet, wanted, whole, then), thread=True, group="copy"
            )

    def _work(
        self,
        fleet: Fleet,
        wanted: Sequence[tuple[str, str]],
        whole: bool,
        then: Callable[[list[Path]], None],
    ) -> None:
        screen = self._screen
        try:
            copies = fleet.copy_all(wanted, whole=whole, is_cancelled=lambda: not screen.is_attached)
        except UserError as error:
            screen.call_later(self._end, partial(screen.app.notify_error, error))
        else:
            if copies is not None:
                screen.call_later(self._end, partial(then, copies))

    def _end(self, report: Callable[[], None]) -> None:
        self.note = ""
        self._screen.show_keys()
        if self._screen.is_attached:
            report()
