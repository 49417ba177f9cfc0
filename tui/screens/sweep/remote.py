"""What the screen of a sweep of another machine does there: follow it, copy its runs, resume it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runner.fleet.fleet import FIRST_ANSWER_S
from runner.fleet.wire import sweep_key
from runner.util.errors import UserError
from tui.screens.fleet.copies import Copies

if TYPE_CHECKING:
    from runner.fleet.fleet import Fleet
    from tui.framework.screen import KeyedScreen


class RemoteSweep:
    """The sweep of a host, whose copy a screen shows."""

    def __init__(self, screen: KeyedScreen, fleet: Fleet, directory: Path) -> None:
        """Keep the copy up to date from now on.

        Raises:
            UserError: the host is not one of the fleet, or the copy cannot be written.
        """
        self._fleet = fleet
        self._key = sweep_key(directory.name)
        self.host = fleet.host_of_copy(directory)
        """as the user writes it"""
        self.copies = Copies(screen)
        self._screen = screen
        if not self.host:
            raise UserError("the host of this sweep is not in the settings any more: it is not updated")
        fleet.follow(self.host, self._key)

    def close(self) -> None:
        self._fleet.unfollow(self.host, self._key)

    def copy(self, runs: Sequence[str], *, whole: bool, then: Callable[[list[Path]], None]) -> None:
        """Copy runs of the sweep, then call `then` with their directories."""
        self.copies.request(self._fleet, [(self.host, run) for run in runs], whole=whole, then=then)

    def resume(self, *, failed_too: bool) -> None:
        """Resume the sweep on its machine; called in a thread.

        Raises:
            UserError: it cannot be resumed, or its machine does not answer.
        """
        screen = self._screen
        state = self._fleet.resume(self.host, self._key, failed_too=failed_too)
        self._fleet.wait_for_answer(
            self.host,
            state,
            f"{self.host}: the sweep is not resumed",
            FIRST_ANSWER_S,
            is_cancelled=lambda: not screen.is_attached,
        )
