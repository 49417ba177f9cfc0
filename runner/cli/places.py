"""The places of the dashboard that a command can open."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runner.util.errors import UserError

if TYPE_CHECKING:
    from runner.history.run_feed import Feed


@dataclass(frozen=True)
class HomePlace:
    """The list of profiles and the form of the selected one."""


@dataclass(frozen=True)
class RunsPlace:
    """All runs of this machine."""


@dataclass(frozen=True, eq=False)
class LivePlace:
    """A run that is under way, or the replay of a run."""

    feed: Feed


@dataclass(frozen=True)
class ResultPlace:
    """The final table of a run."""

    run_dir: Path


@dataclass(frozen=True)
class ComparePlace:
    """Runs side by side."""

    names: tuple[str, ...]
    """names of the sides, as the command `compare` takes them"""


@dataclass(frozen=True)
class SweepPlace:
    """The matrix of a sweep."""

    directory: Path
    hosts: str = ""
    """of a sweep of another machine: the hosts of its `FleetPlace`"""


@dataclass(frozen=True)
class TunePlace:
    """A tuning."""

    directory: Path
    hosts: str = ""
    """of a tuning of another machine: the hosts of its `FleetPlace`"""


@dataclass(frozen=True)
class FleetPlace:
    """Other machines and their runs."""

    hosts: str = ""
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
