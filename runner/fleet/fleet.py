"""Several hosts at once: their state for a screen, and their runs by the name that a user types."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from runner.compare.sides import finished_runs, is_filter
from runner.fleet.found import FoundRun, NamedSweep
from runner.fleet.hosts import short_name
from runner.fleet.link import Link, LinkState, LinkStatus
from runner.fleet.mirror import Mirror, folder_of, remove_unused
from runner.fleet.remote_host import LIST_EVERY_S, RemoteHost, ResumeState, StopState
from runner.fleet.wire import Listing, sweep_of_key
from runner.history.query import needs_disk
from runner.history.sweep_lookup import FILTER
from runner.profile.settings import FleetHost
from runner.sweep.sweep_files import COPIES
from runner.util.errors import UserError

POLL_S = 0.05
FIRST_ANSWER_S = 60.0
"""how long a command waits for the list of a host, and for a new connection after a cut"""
_AHEAD = 16
"""copies that are made at the same time"""
MOST_BROKEN = 3
"""connections in a row with an answer that cannot be read, before a command gives up"""
_LOOK_S, _FEW = 0.5, 20
"""how often the end of a run is looked for, and the number of ended runs in these lists"""
STOP_S = 90.0
"""how long a command waits for the end of a run that it stopped: the other side kills it after 30 s"""


@dataclass(frozen=True)
class HostView:
    """One host at one moment."""

    name: str
    """as the user writes it"""
    link: LinkState
    version: str
    listing: Listing | None
    """the last one that arrived, also while there is no connection; None: none yet"""
    age_s: float | None
    """seconds since it arrived"""


class Fleet:
    """The links to some hosts; `close` ends all of them."""

    def __init__(
        self,
        hosts: Sequence[FleetHost],
        *,
        newest: int = 200,
        list_every_s: float = LIST_EVERY_S,
        sweeps: bool = False,
    ) -> None:
        """Prepare; `start` connects.

        Args:
            hosts: how they are reached.
            newest: number of ended runs that each lists.
            list_every_s: seconds between two lists; infinite: one, because a long list costs time there.
            sweeps: the lists have the sweeps, too.
        """
        self.hosts = tuple(host.host for host in hosts)
        remotes = [RemoteHost(host.host, newest, list_every_s, sweeps) for host in hosts]
        self._links = {host.host: Link(host, remote) for host, remote in zip(hosts, remotes, strict=True)}

    def start(self) -> None:
        remove_unused()
        for link in self._links.values():
            link.start()

    def close(self) -> None:
        for link in self._links.values():
            link.ask_to_close()
        for link in self._links.values():
            link.close()

    def views(self) -> list[HostView]:
        """Return every host, in the order of the user."""
        return [self._view(name) for name in self.hosts]

    def _view(self, name: str) -> HostView:
        link = self._links[name]
        remote = link.remote
        with remote.lock:
            age = time.monotonic() - remote.listed_at if remote.listed_at is not None else None
            return HostView(name, link.state, remote.version, remote.listing, age)

    def runs(self) -> Iterator[FoundRun]:
        """Yield the listed runs of all hosts, each host's newest first."""
        for view in self.views():
            for run in view.listing.runs if view.listing is not None else ():
                yield FoundRun(view.name, run)

    def refresh(self) -> None:
        for link in self._links.values():
            link.refresh()

    def host_of_copy(self, directory: Path) -> str:
        """Return the host whose run or sweep is copied to a directory; empty: none of these hosts."""
        folder = directory.parent.name.removesuffix(COPIES)
        return next((host for host in self.hosts if folder_of(host) == folder), "")

    def follow(self, host: str, run: str) -> Mirror:
        """Copy a run or a sweep from now on.

        Args:
            host: one of `hosts`.
            run: the id of a run, or `sweep_key` of a sweep; so for all methods.

        Raises:
            UserError: the directory of the copy cannot be made.
        """
        try:
            return self._links[host].remote.follow(run)
        except OSError as error:
            raise UserError(f"{error.filename}: cannot make the copy of the run: {error.strerror}") from None

    def unfollow(self, host: str, run: str) -> None:
        """Keep a copy up to date no longer."""
        self._links[host].remote.unfollow(run)

    def stop(self, host: str, run: str, by: str) -> StopState:
        """Ask a run or a sweep to stop; the answer arrives in the returned state."""
        return self._links[host].remote.stop(run, by)

    def resume(self, host: str, run: str, *, failed_too: bool) -> ResumeState:
        """Ask to resume a sweep; the answer arrives in the returned state."""
        return self._links[host].remote.resume(run, failed_too=failed_too)

    # --- for commands -----------------------------------------------------------------------------------

    def wait_for_lists(self, patience_s: float = FIRST_ANSWER_S) -> dict[str, str]:
        """Wait until every host has sent its list or cannot be reached; return the reasons of the latter."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and any(map(_is_open_question, self.views())):
            time.sleep(POLL_S)
        return {view.name: _why_unlisted(view) for view in self.views() if view.listing is None}

    def find(self, name: str) -> FoundRun:
        """Find a run by `[HOST:]` and `last`, its id, its name, or a unique part of its id.

        Raises:
            UserError: none or several match.
        """
        host, wanted = self._split(name)
        runs = [run for run in self.runs() if host in ("", run.host)]
        if wanted == "last" and runs:
            return max(runs, key=lambda run: run.run.started)
        exact = [run for run in runs if run.id == wanted or run.id.endswith(f"_{wanted}")]
        found = exact or [run for run in runs if wanted and wanted == run.run.name]
        found = found or [run for run in runs if wanted and wanted in run.id]
        return _single(found, name, "run", host or ", ".join(self.hosts))

    def find_sweep(self, name: str) -> NamedSweep:
        """Find a sweep by `[HOST:]` and `last`, its id, or a unique part of its id.

        The id may be written as the term of a filter, `sweep:5c61`. Without the sweeps in the lists, only one
        with a listed run is found.

        Raises:
            UserError: none or several match.
        """
        host, wanted = self._split(name)
        wanted = wanted.removeprefix(FILTER)
        by_sweep: dict[tuple[str, str], list[FoundRun]] = {}
        for view in self.views():
            listed = view.listing.sweeps if view.listing is not None else None
            by_sweep |= {(view.name, one.sweep): [] for one in (listed.sweeps if listed is not None else ())}
        for run in self.runs():
            if run.run.sweep is not None:
                by_sweep.setdefault((run.host, run.run.sweep.sweep), []).append(run)
        sweeps = [
            NamedSweep(*place, tuple(runs)) for place, runs in by_sweep.items() if host in ("", place[0])
        ]
        if wanted == "last" and sweeps:
            return max(sweeps, key=lambda sweep: sweep.id)
        exact = [sweep for sweep in sweeps if sweep.id == wanted or sweep.id.endswith(f"_{wanted}")]
        found = exact or [sweep for sweep in sweeps if wanted and wanted in sweep.id]
        return _single(found, name, "sweep", host or ", ".join(self.hosts))

    def is_filter(self, side: str) -> bool:
        """Check whether a side of a comparison is a filter of the list of runs, and names no runs."""
        return any(is_filter(self._split(name)[1]) for name in side.split(","))

    def find_finished(self, text: str) -> list[FoundRun]:
        """Find the finished runs that match `[HOST:]` and a filter of the list of runs, oldest first.

        Raises:
            UserError: the filter is invalid, or no run matches.
        """
        host, wanted = self._split(text)
        check_disk_unused(wanted)
        newest_first = sorted(self.runs(), key=lambda run: (run.run.started, run.id), reverse=True)
        found = {run.entry.run_dir: run for run in newest_first if host in ("", run.host)}
        matching = finished_runs([run.entry for run in found.values()], wanted)
        if not matching:
            raise UserError(
                f"no finished run of {host or ', '.join(self.hosts)} matches {wanted!r}",
                hint=f"`trtbench-tui --host {host or 'HOST'} ls --filter {wanted!r}` shows the matching runs",
            )
        return [found[entry.run_dir] for entry in matching]

    def _split(self, name: str) -> tuple[str, str]:
        """Split `HOST:RUN`; a host may be written without its user."""
        for host in sorted(self.hosts, key=len, reverse=True):
            for prefix in (f"{host}:", f"{short_name(host)}:"):
                if name.startswith(prefix):
                    return host, name.removeprefix(prefix)
        return "", name

    def copy(
        self, host: str, run: str, *, whole: bool, is_cancelled: Callable[[], bool] = lambda: False
    ) -> Path | None:
        """Return the directory of the copy of a run or a sweep, once it can be read; None: cancelled.

        Args:
            host: one of `hosts`.
            run: the id of a run, or `sweep_key` of a sweep.
            whole: wait until it has everything that the run had written.
            is_cancelled: called while waiting.

        Raises:
            UserError: it cannot be copied.
        """
        name = f"{host}:{sweep_of_key(run) or run}"
        mirror = self.follow(host, run)
        connected = time.monotonic()
        while not (mirror.is_complete() if whole else mirror.has_plan()):
            view = self._view(host)
            if view.link.status is LinkStatus.CONNECTED:
                connected = time.monotonic()
            is_lost = (
                time.monotonic() - connected > FIRST_ANSWER_S
                or view.link.status is LinkStatus.REFUSED
                or self._links[host].remote.broken >= MOST_BROKEN
            )
            if why := mirror.problem or (view.link.reason if is_lost else ""):
                if mirror.problem:
                    self.unfollow(host, run)  # the next attempt asks again
                raise UserError(f"{name}: {why}")
            if is_cancelled():
                return None
            time.sleep(POLL_S)
        if not mirror.has_plan():
            raise UserError(f"{name}: not a run that this version can read")
        return mirror.run_dir

    def copy_all(
        self,
        wanted: Sequence[tuple[str, str]],
        *,
        whole: bool,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> list[Path] | None:
        """Return the directories of several copies, as `copy` does; `wanted` has the host and run of each."""
        copies = []
        for index, (host, run) in enumerate(wanted):
            if index % _AHEAD == 0:  # these arrive while the first of them is waited for
                for ahead in wanted[index : index + _AHEAD]:
                    self.follow(*ahead)
            copied = self.copy(host, run, whole=whole, is_cancelled=is_cancelled)
            if copied is None:
                return None
            copies.append(copied)
        return copies

    def stop_and_wait(self, found: FoundRun, by: str) -> str:
        """Stop a run and wait for its end; return its status.

        Raises:
            UserError: it cannot be stopped, or its host does not answer.
        """
        remote = self._links[found.host].remote

        def listed() -> FoundRun | None:
            return next((run for run in self.runs() if (run.host, run.id) == (found.host, found.id)), None)

        def has_ended() -> bool:
            now = listed()
            if now is None or now.entry.ended:
                return True
            remote.refresh_list(_FEW)
            return False

        state, what = self.stop(found.host, found.id, by), f"{found.host}:{found.id} does not stop"
        self.wait_for_answer(found.host, state, what, STOP_S, is_done=has_ended, look_every_s=_LOOK_S)
        ended = listed()
        return ended.run.status if ended is not None else "stopped"

    def wait_for_answer(
        self,
        host: str,
        state: StopState | ResumeState,
        what: str,
        patience_s: float,
        *,
        is_done: Callable[[], bool] = lambda: True,
        is_cancelled: Callable[[], bool] = lambda: False,
        look_every_s: float = POLL_S,
    ) -> None:
        """Wait until a host has answered and has done what it was asked for, or until this is cancelled.

        Args:
            host: one of `hosts`.
            state: what `stop` or `resume` returned.
            what: the beginning of an error, for example `box:5c61 does not stop`.
            patience_s: how long it may take.
            is_done: whether the effect is seen; asked once there is an answer. Default: the answer is enough.
            is_cancelled: called while waiting.
            look_every_s: seconds between two looks.

        Raises:
            UserError: it was refused, or nothing happens for `patience_s` seconds.
        """
        deadline = time.monotonic() + patience_s
        while not is_cancelled():
            if state.answer:
                raise UserError(f"{what}: {state.answer}")
            if state.answer is not None and is_done():
                return
            if time.monotonic() > deadline:
                silence = "it does not answer" if state.answer is None else f"no effect in {patience_s:.0f} s"
                raise UserError(
                    f"{what}: {self._view(host).link.reason or silence}",
                    hint="it may still happen: look before you try again",
                )
            time.sleep(look_every_s)


_Found = TypeVar("_Found", FoundRun, NamedSweep)


def _single(found: Sequence[_Found], name: str, what: str, where: str) -> _Found:
    """Return the one run or sweep that was found.

    Raises:
        UserError: none or several match.
    """
    if not found:
        listing = "sweeps ls` lists its sweeps" if what == "sweep" else "ls` lists its runs"
        raise UserError(
            f"there is no {what} {name!r} on {where}", hint=f"`trtbench-tui --host HOST {listing}"
        )
    if len(found) > 1:
        shown = ", ".join(f"{one.host}:{one.id}" for one in found[:4])
        raise UserError(
            f"{name!r} matches {len(found)} {what}s: {shown}{', ...' if len(found) > 4 else ''}",
            hint=f"write HOST:{what.upper()}, and a longer part of the id",
        )
    return found[0]


def _is_open_question(view: HostView) -> bool:
    pending = view.link.status in (LinkStatus.CONNECTING, LinkStatus.CONNECTED) or view.link.was_cut
    return view.listing is None and pending


def _why_unlisted(view: HostView) -> str:
    return view.link.reason or "no answer"


def check_disk_unused(text: str, *, asked: bool = False) -> None:
    """Refuse a filter that needs the disk usage of runs, which their machines do not send.

    Raises:
        UserError: it does, or something else does (`asked`).
    """
    if asked or needs_disk(text):
        raise UserError(
            "the disk usage of runs of other machines is not known", hint="`ssh HOST trtbench-tui ls --disk`"
        )


@contextmanager
def opened(
    hosts: Sequence[FleetHost],
    *,
    newest: int = 200,
    list_every_s: float = LIST_EVERY_S,
    sweeps: bool = False,
) -> Iterator[Fleet]:
    """Connect to hosts for the time of a block; the arguments are those of `Fleet`."""
    fleet = Fleet(hosts, newest=newest, list_every_s=list_every_s, sweeps=sweeps)
    fleet.start()
    try:
        yield fleet
    finally:
        fleet.close()
