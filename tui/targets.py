"""What the palette can go to by name: the runs and profiles of this machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.command import Hit, Hits, Provider
from textual.screen import Screen

from runner.history.reader import RunHistory
from runner.history.run_entry import RunEntry
from runner.profile import store
from runner.util.errors import UserError
from tui.framework.run_header import short_id
from tui.framework.screen import KeyedScreen
from tui.relative_time import format_timestamp
from tui.screens.home.form import drafts_of
from tui.text import plain_text

if TYPE_CHECKING:
    from tui.app import TrtbenchApp

MAX_FOUND = 50
"""The most runs that are offered for a text, newest first."""


@dataclass(frozen=True, slots=True)
class Target:
    """A run or a profile that can be shown."""

    name: str
    about: str
    run: RunEntry | None = None
    """None: a profile"""
    profile: str = ""


def read_targets(unsaved: Sequence[str], now: float) -> tuple[Target, ...]:
    """Return all profiles, then all runs, newest first.

    Args:
        unsaved: names of profiles that exist in the dashboard only.
        now: seconds since 1970.
    """
    stored = [found.name for found in store.list_profiles() if found.hidden_by is None]
    profiles = tuple(
        Target(f"go: profile {plain_text(name)}", "show it on the home screen", profile=name)
        for name in dict.fromkeys((*stored, *unsaved))
    )
    return profiles + tuple(_run_target(run, now) for run in RunHistory().entries() if not run.foreign)


def _run_target(run: RunEntry, now: float) -> Target:
    name = " ".join(plain_text(part) for part in (short_id(run.run), run.name, run.profile) if part)
    about = " · ".join((run.status, format_timestamp(run.started, now), *run.tags))
    return Target(f"go: run {name}", plain_text(about), run=run)


def matching(targets: Sequence[Target], text: str) -> list[Target]:
    """Return the targets whose name, description or run id contains every word; at most `MAX_FOUND` runs."""
    words = text.lower().split()
    found: list[Target] = []
    for target in targets:
        if len(found) >= MAX_FOUND and target.run is not None:
            break
        described = f"{target.name} {target.about} {target.run.run if target.run else ''}".lower()
        if all(word in described for word in words):
            found.append(target)
    return found


def go_to(screen: KeyedScreen, target: Target) -> None:
    """Show a run or a profile, unless the screen refuses to be left."""
    if not screen.may_leave():
        return
    app = screen.app
    if target.run is None:
        app.open_profile(target.profile)
    elif target.run.ended:
        app.open_result(target.run.run_dir)
    else:
        from runner.history.run_feed import open_feed

        try:
            app.open_live(open_feed(target.run.run_dir))
        except UserError as error:
            app.notify_error(error)


class TargetProvider(Provider):
    """Offers the runs and profiles that match what is typed; over a dialog, none."""

    async def startup(self) -> None:
        self._targets: tuple[Target, ...] = ()
        if isinstance(self.screen, KeyedScreen):
            app = cast("TrtbenchApp", self.app)
            unsaved = tuple(drafts_of(app).unsaved)
            self._targets = await asyncio.to_thread(read_targets, unsaved, time.time())

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for target in matching(self._targets, query):
            score = matcher.match(target.name) or 0.01
            yield Hit(score, matcher.highlight(target.name), self._going_to(target), help=target.about)

    def _going_to(self, target: Target) -> Any:
        screen: Screen[Any] = self.screen
        assert isinstance(screen, KeyedScreen)
        return partial(go_to, screen, target)
