"""The places of the dashboard that a command can open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from runner.util.errors import UserError

if TYPE_CHECKING:
    from runner.history.run_feed import Feed


class _Place:
    """A place; equal to another one of the same kind with the same values.

    A plain class: dataclasses take as long to define as this module takes to import otherwise.
    """

    __slots__: tuple[str, ...] = ()

    def _values(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Place) and type(other) is type(self) and other._values() == self._values()

    def __hash__(self) -> int:
        return hash((type(self), self._values()))


class HomePlace(_Place):
    """The list of profiles and the form of the selected one."""

    __slots__ = ()


class RunsPlace(_Place):
    """All runs of this machine."""

    __slots__ = ()


class LivePlace:
    """A run that is under way, or the replay of a run."""

    __slots__ = ("feed",)

    def __init__(self, feed: Feed) -> None:
        self.feed = feed


class ResultPlace(_Place):
    """The final table of a run."""

    __slots__ = ("run_dir",)

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir


class ComparePlace(_Place):
    """Runs side by side."""

    __slots__ = ("names",)

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        """names of the sides, as the command `compare` takes them"""


class SweepPlace(_Place):
    """The matrix of a sweep."""

    __slots__ = ("directory", "hosts")

    def __init__(self, directory: Path, hosts: str = "") -> None:
        self.directory = directory
        self.hosts = hosts
        """of a sweep of another machine: the hosts of its `FleetPlace`"""


class TunePlace(_Place):
    """A tuning."""

    __slots__ = ("directory", "hosts")

    def __init__(self, directory: Path, hosts: str = "") -> None:
        self.directory = directory
        self.hosts = hosts
        """of a tuning of another machine: the hosts of its `FleetPlace`"""


class FleetPlace(_Place):
    """Other machines and their runs."""

    __slots__ = ("hosts",)

    def __init__(self, hosts: str = "") -> None:
        self.hosts = hosts
        """names with commas between them, as `--host` takes them; empty: those of the settings"""


def sweep_place(directory: Path, hosts: str = "") -> SweepPlace | TunePlace:
    """Return the place of a sweep, or of the copy of one of `hosts`: that of a tuning is another one."""
    from runner.sweep.directory import load_sweep

    try:
        is_tuning = load_sweep(directory).tune is not None
    except UserError:
        is_tuning = False  # the screen of a sweep says what is wrong
    return TunePlace(directory, hosts) if is_tuning else SweepPlace(directory, hosts)


DashboardPlace = (
    HomePlace | RunsPlace | LivePlace | ResultPlace | ComparePlace | SweepPlace | TunePlace | FleetPlace
)
