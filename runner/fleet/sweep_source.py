"""What a sweep of this machine has for the other side: its definition, its log and the reports of its runs.

The runs themselves are not sent, except the current one, which the other side follows by its name. A report
is sent before the line of the log that says that its run ended, so no reader waits for a number.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

import msgspec

from runner.events.journal import LineReader
from runner.fleet.run_source import MOST_WHOLE
from runner.fleet.wire import CaughtUp, Piece, Refused, Reply, Restart, Stamp, SweepState, Whole, sweep_key
from runner.history.reports import load_report
from runner.history.run_feed import LIVENESS_S
from runner.plan import redaction
from runner.plan.masking import Mask, line_mask
from runner.profile.yaml_file import dump, parse_yaml
from runner.run import layout
from runner.sweep import control
from runner.sweep.directory import LOG, SPEC, SweepCellAdded, SweepRunEnded, decode_entry, load_sweep
from runner.sweep.progress import ENDED, SweepProgress
from runner.sweep.spec import SweepCell, SweepSpec
from runner.sweep.sweep_files import SweepFiles, report_name
from runner.util import paths
from runner.util.errors import UserError
from runner.util.files import read_file


class SweepSource:
    """Reads one sweep for one connection."""

    def __init__(self, directory: Path, at: Mapping[str, int], have: Mapping[str, Stamp]) -> None:
        """Start where the other side is.

        Args:
            directory: the sweep.
            at: offset in the log that it has.
            have: versions of the other files that it has.

        Raises:
            UserError: the directory is not a sweep that this version can read.
        """
        self.key = sweep_key(directory.name)
        self._directory = directory
        self._files = SweepFiles(directory, is_copy=False)
        self._sweep = load_sweep(directory)
        self._progress = SweepProgress(self._sweep)
        self._mask = _mask_of(self._sweep)
        self._have = dict(have)
        self._log = LineReader(directory / LOG)
        self._sent = max(0, at.get(LOG, 0))
        """bytes of the log that the other side has"""
        self._state: SweepState | None = None
        self._caught_up = False
        self._looked = -math.inf

    def news(self) -> Iterator[Reply]:
        """Yield what the other side does not have yet; ends when there is no more for now."""
        if not self._directory.is_dir():
            yield Refused(self.key, "the sweep was deleted there")
            return
        found = False
        news: Iterator[Reply] = chain(self._spec(), self._lost_log(), self._lines(), self._changed_state())
        for message in news:
            found = True
            yield message
        if not found and not self._caught_up:
            self._caught_up = True
            yield CaughtUp(self.key)

    def _spec(self) -> Iterator[Whole]:
        try:
            stamp = _stamp(self._directory / SPEC)
        except OSError:
            return
        if self._have.get(SPEC) != stamp:
            self._have[SPEC] = stamp
            cells = [_public_cell(cell) for cell in self._sweep.cells]
            public = msgspec.structs.replace(self._sweep, cells=cells)
            yield Whole(self.key, SPEC, stamp, self._mask.apply(msgspec.json.encode(public)))

    def _lost_log(self) -> Iterator[Restart]:
        """Start again when the log is shorter than what was sent: the sweep was restored from a copy."""
        with contextlib.suppress(OSError):
            if (self._directory / LOG).stat().st_size < max(self._sent, self._log.offset):
                self._sent = self._log.offset = 0
                self._progress = SweepProgress(self._sweep)
                yield Restart(self.key, LOG)

    def _lines(self) -> Iterator[Reply]:
        while True:
            start = self._log.offset
            lines = self._log.read()
            if not lines:
                return
            entries = [entry for line in lines.splitlines() if (entry := decode_entry(line)) is not None]
            self._progress.apply_all(entries)
            for entry in entries:
                if isinstance(entry, SweepRunEnded):
                    yield from self._report(entry.run)
            if self._log.offset > self._sent:
                new = lines[max(0, self._sent - start) :]
                first, self._sent = max(start, self._sent), self._log.offset
                yield Piece(self.key, LOG, first, self._sent, self._public_lines(new))

    def _public_lines(self, lines: bytes) -> bytes:
        return b"".join(self._public_line(line) for line in lines.splitlines(keepends=True))

    def _public_line(self, line: bytes) -> bytes:
        """Return a line of the log without secrets; one that would lose its entry stays as it is."""
        entry = decode_entry(line)
        if isinstance(entry, SweepCellAdded):
            public = msgspec.structs.replace(entry, added=_public_cell(entry.added))
            line = msgspec.json.encode(public) + b"\n"
        masked = self._mask.apply(line)
        return masked if entry is None or decode_entry(masked) is not None else line

    def _report(self, run: str) -> Iterator[Whole]:
        """Yield the report of a run that has ended; nothing if it was deleted."""
        run_dir, name = paths.runs_dir() / run, report_name(run)
        if not layout.RUN_ID.fullmatch(run):
            return
        try:
            path = run_dir / layout.REPORT
            stamp = _stamp(path) if path.exists() else (0, 0)
            if self._have.get(name) == stamp:
                return
            content = read_file(path) if path.exists() else msgspec.json.encode(load_report(run_dir))
        except (OSError, UserError):
            return
        self._have[name] = stamp
        if len(content) <= MOST_WHOLE:
            yield Whole(self.key, name, stamp, layout.mask_of_run(run_dir).apply(content))

    def _changed_state(self) -> Iterator[SweepState]:
        """Yield what the log does not say, if it has changed."""
        now = time.monotonic()
        if now - self._looked < LIVENESS_S:
            return
        self._looked = now
        progress, run = self._progress, self._progress.current_run
        is_running = progress.status not in ENDED and control.is_running(self._directory)
        waits = is_running and progress.status == "running" and run is None
        state = SweepState(
            run=self.key,
            running=is_running,
            waiting=self._mask.apply_text(self._files.wait_reason()) if waits else "",
            current=run.run if run is not None and is_running else "",
            wall=0.0,
        )
        if state != self._state:
            self._state = state
            yield msgspec.structs.replace(state, wall=time.time())


def _stamp(path: Path) -> Stamp:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _mask_of(sweep: SweepSpec) -> Mask:
    """Return the mask of a sweep: the secrets in its profiles, in this process, and what looks like one."""
    values = [value for cell in sweep.cells for value in redaction.values_in_profile(_profile_data(cell))]
    return line_mask([*values, *redaction.values_in_environment(os.environ)])


def _profile_data(cell: SweepCell) -> object:
    try:
        return parse_yaml(cell.profile, "cell")[0] if cell.profile else {}
    except UserError:
        return {}


def _public_cell(cell: SweepCell) -> SweepCell:
    """Return a cell whose profile has no secrets."""
    data = _profile_data(cell)
    if not redaction.has_secrets(data):
        return cell
    return msgspec.structs.replace(cell, profile=dump(redaction.redact_profile(data)))
