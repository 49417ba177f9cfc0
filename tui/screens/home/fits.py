"""Whether the profiles fit this machine, found out in a thread and kept as long as the app."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from runner.util.errors import UserError

if TYPE_CHECKING:
    from textual.app import App

    from runner.engines.check import Check
    from runner.preflight.fit import Fit, LocalMachine
    from runner.schema.base import Profile

LOOK_AGAIN_S = 60.0
"""After this time the files that a profile names are looked at again."""


class Asked(NamedTuple):
    """A profile whose fit is wanted."""

    path: Path
    profile: Profile
    trusted: bool


@dataclass(frozen=True, slots=True)
class _Found:
    asked: Asked
    fit: Fit
    at: float
    """monotonic clock, seconds"""


@dataclass
class Fits:
    """The verdicts by file of the profile; a slow file system delays only new verdicts."""

    _found: dict[Path, _Found] = field(default_factory=dict)
    _checked: dict[Path, tuple[Profile, Fit]] = field(default_factory=dict)
    _machine: LocalMachine | None = None
    _busy: bool = False

    def of(self, path: Path, profile: Profile, *, trusted: bool) -> Fit | None:
        """Return the last verdict about a profile; None: there is none yet."""
        found = self._found.get(path)
        return found.fit if found is not None and found.asked == Asked(path, profile, trusted) else None

    def checked(self, path: Path, profile: Profile) -> Fit | None:
        """Return the verdict of the last complete preflight of a profile; None: there was none."""
        found = self._checked.get(path)
        return found[1] if found is not None and found[0] == profile else None

    def note_preflight(self, path: Path, profile: Profile, failing: Check | None) -> None:
        """Remember the verdict of a complete preflight: the worst failing check, or that there is none."""
        from runner.preflight import fit

        self._checked[path] = (profile, fit.misfit(failing) if failing is not None else fit.Fit("fits"))

    def find(self, profiles: Iterable[Asked], done: Callable[[], object]) -> None:
        """Judge the profiles that are new, changed or judged long ago; `done` is called in the thread."""
        wanted = [asked for asked in profiles if self._is_due(asked)]
        if not wanted or self._busy:
            return
        self._busy = True

        def work() -> None:
            try:
                news = [self._judge(asked) for asked in wanted]
                if any(news):
                    done()
            finally:
                self._busy = False

        # Not a worker: the dashboard would wait for its end when it exits.
        threading.Thread(target=work, name="preflight", daemon=True).start()

    def _is_due(self, asked: Asked) -> bool:
        found = self._found.get(asked.path)
        return found is None or found.asked != asked or time.monotonic() - found.at > LOOK_AGAIN_S

    def _judge(self, asked: Asked) -> bool:
        """Judge a profile; return whether the verdict is another one than before."""
        from runner.preflight import fit

        if self._machine is None:
            self._machine = fit.look_at_machine()
        try:
            verdict = fit.judge(asked.profile, self._machine, trusted=asked.trusted)
        except UserError as error:
            verdict = fit.Fit("unknown", "not checked", str(error))
        before = self.of(asked.path, asked.profile, trusted=asked.trusted)
        self._found[asked.path] = _Found(asked, verdict, time.monotonic())
        return verdict != before


_fits: WeakKeyDictionary[App[Any], Fits] = WeakKeyDictionary()


def fits_of(app: App[Any]) -> Fits:
    """Return the verdicts of an app; they exist as long as the app."""
    return _fits.setdefault(app, Fits())
