"""The profiles and active runs that the home screen lists, read outside of the event loop."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from runner.engines.registry import find_engine
from runner.profile import store as profile_store
from runner.profile.yaml_file import load_text, read_text
from runner.run import layout
from runner.schema.base import Profile
from runner.util import paths
from runner.util.errors import UserError
from tui.screens.home.fits import Asked, Fits

if TYPE_CHECKING:
    from runner.history.reader import RunHistory
    from runner.history.run_entry import RunEntry
    from runner.preflight.fit import Fit

ProfileGroup = Literal["running now", "not saved", "recent", "mine", "fits here", "being checked", "others"]
GROUPS: tuple[ProfileGroup, ...] = get_args(ProfileGroup)
"""in the order of the list; built-in profiles are being checked until it is known whether they fit"""
FIRST_PROFILE = "quickstart"
"""The profile that is selected on the first start."""
NEWEST_RUNS = 500
"""How many of the newest runs are searched for active and last runs."""
RECENT_PROFILES = 5
"""How many of the profiles that ran last are in the group `recent`."""
MAX_RESULTS = 8
"""How many of the newest results of a profile are shown."""


@dataclass(frozen=True, slots=True)
class ProfileItem:
    """An item of the list: a profile, or an active run."""

    group: ProfileGroup
    name: str
    path: Path
    profile: Profile | None = None
    """None if the file is invalid (see `error`) or not read yet (no `error`)"""
    error: str = ""
    remark: str = ""
    mine: bool = False
    """its file is in the user's folder"""
    trusted: bool = True
    """programs that it names may be started without asking"""
    fit: Fit | None = None
    """whether it fits this machine; None: not known yet, or not asked"""
    checked: Fit | None = None
    """the same from a complete preflight, which knows more; None: there was none"""
    run: RunEntry | None = None
    """the active run of this item; None: a profile"""
    last: RunEntry | None = None
    """the last ended run of this profile"""
    results: tuple[float, ...] = ()
    """tokens/s of its last finished runs in their best configuration, the newest last"""

    @property
    def key(self) -> str:
        """Identifies the item, also after the list is read again."""
        return self.run.run if self.run else self.name

    @property
    def unread(self) -> bool:
        return self.profile is None and not self.error

    @property
    def engine(self) -> str:
        """The name of the engine; empty: the file is invalid or not read yet."""
        return self.profile.engine if self.profile else ""

    @property
    def model(self) -> str:
        """A short name of the model."""
        return find_engine(self.profile.engine).model_label(self.profile) if self.profile else ""

    @property
    def parallel(self) -> str:
        """How the model is split over ranks."""
        return find_engine(self.profile.engine).parallel_label(self.profile) if self.profile else ""

    @property
    def gpus(self) -> int | None:
        """The number of GPUs that it needs; 0: it runs on the CPU; None: not known."""
        return find_engine(self.profile.engine).gpus_needed(self.profile) if self.profile else None


@dataclass(frozen=True, slots=True)
class ProfileListing:
    """All items of the list at one moment."""

    items: tuple[ProfileItem, ...] = ()
    """active runs and profiles, in the order of their groups"""
    newcomer: bool = False
    """there are no runs, and the welcome text was not hidden"""

    def item(self, key: str) -> ProfileItem | None:
        """Return the item with this key, else the default item."""
        wanted = key or (FIRST_PROFILE if self.newcomer else "")
        found = [item for item in self.items if item.key == wanted] or list(self.items)
        return found[0] if found else None


class Catalogue:
    """Reads the listing repeatedly; rereads a file only if it changed."""

    def __init__(self, fits: Fits) -> None:
        self._fits = fits
        self._history: RunHistory | None = None
        self._cache: dict[Path, tuple[int, ProfileItem]] = {}

    def read_names(self, key: str) -> ProfileListing | None:
        """Read the names of all profiles, and the file of the profile that is shown first.

        Returns None if runs may be active: they come first, so the complete listing is needed.
        """
        runs = layout.list_runs()[:NEWEST_RUNS]
        if not all((run_dir / layout.REPORT).exists() for run_dir in runs):
            return None
        listing = ProfileListing(
            _group_items(_stored_items(), map(_profile_of, runs)), newcomer=not runs and _is_welcome_enabled()
        )
        first = listing.item(key)
        return replace(
            listing,
            items=tuple(
                self._with_fit(self._item(item)) if item is first else item for item in listing.items
            ),
        )

    def read_all(self) -> ProfileListing:
        """Read all profiles and the newest runs; the time depends on the number of runs."""
        if self._history is None:
            from runner.history.reader import RunHistory

            self._history = RunHistory()
        entries = self._history.entries(newest=NEWEST_RUNS)
        running = [self._item(_run_item(entry)) for entry in entries if not entry.ended]
        ended: dict[str, list[RunEntry]] = {}
        for entry in entries:
            if entry.ended and entry.started:
                ended.setdefault(entry.profile, []).append(entry)
        profiles = []
        for item in _stored_items():
            runs = ended.get(item.name, [])
            found = self._with_fit(self._item(item))
            last = runs[0] if runs else None
            profiles.append(replace(found, last=last, results=self._last_results(runs)))
        grouped = _group_items(profiles, ended)
        return ProfileListing((*running, *grouped), newcomer=not entries and _is_welcome_enabled())

    def look_at_fits(self, listing: ProfileListing, done: Callable[[], object]) -> None:
        """Find out whether profiles fit this machine; `done` is called in a thread when something changed."""
        self._fits.find(
            [
                Asked(item.path, item.profile, item.trusted)
                for item in listing.items
                if item.profile is not None and item.run is None and item.group != "not saved"
            ],
            done,
        )

    def _with_fit(self, item: ProfileItem) -> ProfileItem:
        if item.profile is None:
            return item
        return replace(
            item,
            fit=self._fits.of(item.path, item.profile, trusted=item.trusted),
            checked=self._fits.checked(item.path, item.profile),
        )

    def _last_results(self, runs: Sequence[RunEntry]) -> tuple[float, ...]:
        """Return tokens/s of the newest finished runs, oldest first."""
        finished = [run for run in runs if run.status == "finished"][:MAX_RESULTS]
        found = [run.best.tokens_per_sec for run in reversed(finished) if run.best]
        return tuple(value for value in found if value is not None)

    def _item(self, item: ProfileItem) -> ProfileItem:
        """Return the item with its profile, or with the error of its file."""
        try:
            changed = item.path.stat().st_mtime_ns
        except OSError:
            changed = 0
        cached = self._cache.get(item.path)
        if cached is None or cached[0] != changed:
            cached = (changed, _load_item(item))
            self._cache[item.path] = cached
        return replace(item, profile=cached[1].profile, error=cached[1].error)


def _is_welcome_enabled() -> bool:
    """Check the setting `welcome`. The dashboard shows errors of the settings file at its start."""
    if not paths.settings_file().exists():
        return True
    from runner.profile import settings

    try:
        return settings.load().welcome
    except UserError:
        return True


def _group_items(items: Sequence[ProfileItem], ran: Iterable[str]) -> tuple[ProfileItem, ...]:
    """Sort profiles into their groups; `ran` has the profile names of the runs, newest first.

    The quickstart profiles come first in their group, before the others in alphabetical order.
    """
    names = {item.name for item in items}
    recent = [name for name in dict.fromkeys(ran) if name in names][:RECENT_PROFILES]

    def sort_key(item: ProfileItem) -> tuple[int, int, bool]:
        recency = recent.index(item.name) if item.group == "recent" else 0
        return GROUPS.index(item.group), recency, not item.name.startswith(FIRST_PROFILE)

    return tuple(sorted((replace(item, group=_group_of(item, recent)) for item in items), key=sort_key))


def _group_of(item: ProfileItem, recent: Collection[str]) -> ProfileGroup:
    if item.name in recent:
        return "recent"
    if item.mine:
        return "mine"
    if item.fit is None:
        return "being checked"
    return "fits here" if item.fit.verdict == "fits" else "others"


def _profile_of(run_dir: Path) -> str:
    """Return the name of the profile, which is part of the name of the run."""
    return run_dir.name.partition("_")[2].rpartition("_")[0]


def with_unsaved(listing: ProfileListing, unsaved: Iterable[Profile]) -> ProfileListing:
    """Add profiles that were never saved to a listing."""
    new = [
        ProfileItem(
            group="not saved",
            name=profile.name,
            path=Path(),
            profile=profile,
            remark="not saved yet (s saves it)",
        )
        for profile in unsaved
    ]
    running = [item for item in listing.items if item.run is not None]
    return replace(listing, items=(*running, *new, *listing.items[len(running) :]))


def _run_item(entry: RunEntry) -> ProfileItem:
    """Return an active run, with the profile from its start."""
    return ProfileItem(
        group="running now", name=entry.profile, path=entry.run_dir / layout.PROFILE, run=entry
    )


def _stored_items() -> list[ProfileItem]:
    stored = profile_store.list_profiles()
    hidden = {found.hidden_by for found in stored}
    return [
        ProfileItem(
            group="mine" if found.origin == "mine" else "being checked",
            name=found.name,
            path=found.path,
            mine=found.origin == "mine",
            trusted=found.trusted,
            remark="your profile; it hides the built-in one of the same name" if found.path in hidden else "",
        )
        for found in stored
        if found.hidden_by is None  # its name refers to the user's profile, which has the remark
    ]


def _load_item(item: ProfileItem) -> ProfileItem:
    try:
        if item.run is not None:
            return replace(item, profile=load_text(read_text(item.path), str(item.path)))
        return replace(item, profile=profile_store.load_file(item.path))
    except UserError as error:
        return replace(item, error=str(error).replace(f"{Path.home()}/", "~/"))
