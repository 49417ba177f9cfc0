"""What the home screen lists: profiles and the runs under way, as plain data made outside the event loop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from runner import paths
from runner.engines.registry import engine_named
from runner.errors import UserError
from runner.profile import store as profile_store
from runner.profile.file import load_text, read_text
from runner.run import layout
from runner.schema.base import Profile
from tui.text import shorten

if TYPE_CHECKING:
    from runner.history.reader import History
    from runner.history.run_entry import Entry

Group = Literal["running now", "not saved", "mine", "recent", "built in"]
GROUPS: tuple[Group, ...] = ("running now", "not saved", "mine", "recent", "built in")
FIRST = "quickstart"
"""The profile that a newcomer finds chosen."""
RECENT = 500
"""How many of the newest runs are looked at for what runs now and what ran last."""
RECENT_PROFILES = 5
"""How many of the built-in profiles that ran last stand in a group of their own."""
RESULTS = 8
"""How many results of a profile are shown, the newest."""


@dataclass(frozen=True, slots=True)
class Item:
    """One row of the list: a profile, or a run under way."""

    group: Group
    name: str
    path: Path
    profile: Profile | None = None
    """None when it cannot be used, `error` says why; without an error it was not read yet"""
    error: str = ""
    remark: str = ""
    run: Entry | None = None
    """the run under way that this item stands for"""
    last: Entry | None = None
    """the last run of this profile that ended"""
    results: tuple[float, ...] = ()
    """tokens/s of its last runs that finished, each in its best configuration, the newest last"""

    @property
    def key(self) -> str:
        """What tells this item from the others, also after the list was read again."""
        return self.run.run if self.run else self.name

    @property
    def unread(self) -> bool:
        return self.profile is None and not self.error

    @property
    def summary(self) -> str:
        """Engine, model and ranks in a few words."""
        return self.summary_in(1000)

    def summary_in(self, width: int) -> str:
        """The summary in so many cells; the model's name, which may be long, gives way."""
        if self.profile is None:
            return "cannot be used" if self.error else ""
        engine = engine_named(self.profile.engine)
        first, last = f"{engine.name} · ", f" · {engine.parallel_label(self.profile)}"
        model = shorten(engine.model_label(self.profile), max(4, width - len(first) - len(last)))
        return f"{first}{model}{last}"


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything the list can show, at one moment."""

    items: tuple[Item, ...] = ()
    """runs under way, the user's profiles, the built-in ones"""
    newcomer: bool = False
    """nothing was ever run here, and nobody has waved the welcome away"""

    def item(self, key: str) -> Item | None:
        """The item with this key, else the one to begin with."""
        wanted = key or (FIRST if self.newcomer else "")
        found = [item for item in self.items if item.key == wanted] or list(self.items)
        return found[0] if found else None


class Catalogue:
    """Reads the listing again and again; a file is read again when it changed."""

    def __init__(self) -> None:
        self._history: History | None = None
        self._read: dict[Path, tuple[int, Item]] = {}

    def names(self, key: str) -> Listing | None:
        """All profiles by name, of which the one to show first is read: what can be told at once.

        None when runs may be under way, which come first: then it takes the whole listing to know.
        """
        runs = layout.list_runs()[:RECENT]
        if not all((run_dir / layout.REPORT).exists() for run_dir in runs):
            return None
        listing = Listing(_grouped(_stored_items(), map(_profile_of, runs)), newcomer=not runs and _welcome())
        first = listing.item(key)
        return replace(
            listing, items=tuple(self._item(item) if item is first else item for item in listing.items)
        )

    def listing(self) -> Listing:
        """Everything, with what became of the runs; takes as long as there are runs to look at."""
        if self._history is None:
            from runner.history.reader import History

            self._history = History()
        entries = self._history.entries(newest=RECENT)
        running = [self._item(_run_item(entry)) for entry in entries if not entry.ended]
        ended: dict[str, list[Entry]] = {}
        for entry in entries:
            if entry.ended and entry.started:
                ended.setdefault(entry.profile, []).append(entry)
        profiles = []
        for item in _stored_items():
            runs = ended.get(item.name, [])
            found = replace(
                self._item(item), last=runs[0] if runs else None, results=self._last_results(runs)
            )
            profiles.append(found)
        grouped = _grouped(profiles, ended)
        return Listing((*running, *grouped), newcomer=not entries and _welcome())

    def _last_results(self, runs: Sequence[Entry]) -> tuple[float, ...]:
        """Tokens/s of the newest runs that finished, in the order of time."""
        finished = [run for run in runs if run.status == "finished"][:RESULTS]
        found = [run.best.tokens_per_sec for run in reversed(finished) if run.best]
        return tuple(value for value in found if value is not None)

    def _item(self, item: Item) -> Item:
        """The item with its profile, or with what is wrong about it."""
        try:
            changed = item.path.stat().st_mtime_ns
        except OSError:
            changed = 0
        known = self._read.get(item.path)
        if known is None or known[0] != changed:
            known = (changed, _loaded(item))
            self._read[item.path] = known
        return replace(item, profile=known[1].profile, error=known[1].error)


def _welcome() -> bool:
    """Whether newcomers are greeted. Settings with a mistake were told of when the dashboard started."""
    if not paths.settings_file().exists():
        return True
    from runner.profile import settings

    try:
        return settings.load().welcome
    except UserError:
        return True


def _grouped(items: Sequence[Item], ran: Iterable[str]) -> tuple[Item, ...]:
    """The profiles in their groups; `ran` names the profiles of the runs, the newest first.

    The profiles to begin with come first in their group, before models from A to Z.
    """
    order = list(dict.fromkeys(ran))
    built_in = {item.name for item in items if item.group == "built in"}
    recent = [name for name in order if name in built_in][:RECENT_PROFILES]

    def place(item: Item) -> tuple[int, int, bool]:
        when = recent.index(item.name) if item.group == "recent" else 0
        return GROUPS.index(item.group), when, not item.name.startswith(FIRST)

    moved = [replace(item, group="recent") if item.name in recent else item for item in items]
    return tuple(sorted(moved, key=place))


def _profile_of(run_dir: Path) -> str:
    """The profile's name, which is a part of the run's."""
    return run_dir.name.partition("_")[2].rpartition("_")[0]


def with_made(listing: Listing, made: Iterable[Profile]) -> Listing:
    """The listing with profiles that were never saved."""
    new = [
        Item(
            group="not saved",
            name=profile.name,
            path=Path(),
            profile=profile,
            remark="not saved yet: s saves it",
        )
        for profile in made
    ]
    running = [item for item in listing.items if item.run is not None]
    return replace(listing, items=(*running, *new, *listing.items[len(running) :]))


def _run_item(entry: Entry) -> Item:
    """A run under way, with its profile as it was when the run started."""
    return Item(group="running now", name=entry.profile, path=entry.run_dir / layout.PROFILE, run=entry)


def _stored_items() -> list[Item]:
    stored = profile_store.list_profiles()
    hidden = {found.hidden_by for found in stored}
    return [
        Item(
            group=found.origin,
            name=found.name,
            path=found.path,
            remark="yours; it hides the built-in profile of the same name" if found.path in hidden else "",
        )
        for found in stored
        if found.hidden_by is None  # its name means the user's profile, which says that it hides this one
    ]


def _loaded(item: Item) -> Item:
    try:
        if item.run is not None:
            return replace(item, profile=load_text(read_text(item.path), str(item.path)))
        return replace(item, profile=profile_store.load_file(item.path))
    except UserError as error:
        return replace(item, error=str(error).replace(f"{Path.home()}/", "~/"))


def filtered(items: Sequence[Item], text: str) -> list[Item]:
    """The items whose name or summary contains every word of the text."""
    words = text.lower().split()
    return [item for item in items if all(word in f"{item.name} {item.summary}".lower() for word in words)]
