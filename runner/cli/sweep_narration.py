"""A sweep without a screen: narration on stderr, the matrix and at last the whole table on stdout."""

from __future__ import annotations

import copy
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from runner.cli.narration import short_name
from runner.errors import ExitCode
from runner.metrics import Metric
from runner.report.result_table import thousands
from runner.sweep import board_text
from runner.sweep.board import Board
from runner.sweep.directory import AnyEntry, Begun, Ended, Measured, Refused, Settled, Started, Stopping
from runner.sweep.matrix import TRADED
from runner.sweep.memory import describe
from runner.sweep.progress import ENDED, Progress
from runner.sweep.spec import label
from runner.sweep.sweep_feed import SweepFeed, now
from runner.util.formatting import duration, plural

POLL_S = 0.3
QUIET_S = 10.0


def follow(feed: SweepFeed, *, as_json: bool) -> ExitCode:
    """Tell what happens in a sweep until it ends; then its table, or with `as_json` entries and a board.

    Ctrl-C ends the telling, never the sweep.
    """
    narrator = _Narrator(feed)
    tell = _tell_json if as_json else narrator.tell
    try:
        while True:
            tell(feed.drain())
            if not as_json:
                narrator.watch()
            if feed.gone:
                print(f"{feed.directory}: the directory of the sweep is gone", file=sys.stderr)
                return ExitCode.RUN_LOST
            if feed.status in ENDED:
                break
            time.sleep(POLL_S)
        tell(feed.drain())
    except KeyboardInterrupt:
        name = short_name(feed.directory)
        attach, stop = f"trtbench-tui attach {name}", f"trtbench-tui sweeps stop {name}"
        print(f"\nthe sweep goes on; `{attach}` shows it, `{stop}` ends it", file=sys.stderr)
        return ExitCode.INTERRUPTED
    board = feed.board()
    show(board, as_json=as_json)
    resume = f"trtbench-tui sweeps resume {short_name(feed.directory)}"
    if board.status == "interrupted":
        print(f"its conductor is gone; `{resume}` goes on where it was", file=sys.stderr)
    elif any(point.state == "lost" for point in board.points):
        print(f"runs of it were lost; `{resume}` measures them again", file=sys.stderr)
    return exit_code(board)


def show(board: Board, *, as_json: bool, wanted: Sequence[Metric] = ()) -> None:
    """The table on stdout, or the board as one JSON object on one line."""
    if as_json:
        sys.stdout.buffer.write(msgspec.json.encode(board_text.as_json(board)) + b"\n")
        sys.stdout.flush()
    else:
        sys.stdout.write(board_text.render(board, shutil.get_terminal_size((100, 24)).columns, wanted))
        sys.stdout.flush()


def exit_code(board: Board) -> ExitCode:
    """What a sweep amounts to; a lack of memory is an answer, not a failure."""
    if board.status == "stopped" and "--stop-on-failure" not in board.why:
        return ExitCode.RUN_STOPPED
    if board.status == "interrupted":
        return ExitCode.RUN_LOST
    states = {point.state for point in board.points}
    if board.status in ("failed", "stopped") or "failed" in states:
        return ExitCode.RUN_FAILED
    if "lost" in states:
        return ExitCode.RUN_LOST
    return ExitCode.OK


def _tell_json(entries: Iterable[AnyEntry]) -> None:
    for entry in entries:
        sys.stdout.buffer.write(msgspec.json.encode(entry) + b"\n")
    sys.stdout.flush()


@dataclass
class _Narrator:
    """Entries in words, the stages of the run under way, and a sign of life every ten seconds."""

    feed: SweepFeed
    _then: Progress = field(init=False)
    """the sweep when the entry that is told was written"""
    _run: str = ""
    _stages: int = 0
    """of the run under way that were told"""
    _waits: bool = False
    """it was told that the sweep waits for room on the disk"""
    _told: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._then = copy.deepcopy(self.feed.progress)

    def tell(self, entries: Iterable[AnyEntry]) -> None:
        for entry in entries:
            self._then.apply_all([entry])
            for sentence in _sentences(self.feed, entry):
                self._say(self._then.elapsed_s(entry.wall), sentence)

    def watch(self) -> None:
        """What the run under way is at: an engine may take an hour to build, and its cell says nothing."""
        waits = self.feed.waits_for
        if bool(waits) != self._waits:
            self._waits = bool(waits)
            self._say(self._now_s, waits or "there is room again")
        run = self.feed.run
        if run is None:
            return
        if run.run_dir.name != self._run:
            self._run, self._stages = run.run_dir.name, 0
        state = run.state
        for stage in state.stages[self._stages :]:
            self._say(self._now_s, f"  stage {stage.name}{f' skipped, {stage.note}' if stage.note else ''}")
        self._stages = len(state.stages)
        doing = self.feed.doing
        if doing and time.monotonic() - self._told > QUIET_S:
            self._say(self._now_s, f"  {doing}")

    @property
    def _now_s(self) -> float:
        return self.feed.progress.elapsed_s(now())

    def _say(self, seconds: float, sentence: str) -> None:
        self._told = time.monotonic()
        print(f"{duration(seconds):>8}  {sentence}", file=sys.stderr, flush=True)


def _sentences(feed: SweepFeed, entry: AnyEntry) -> list[str]:
    """An entry in words."""
    sweep = feed.sweep
    match entry:
        case Begun():
            runs, cells = plural(len(sweep.slots()), "run"), plural(len(sweep.cells), "cell")
            return [f"sweep {feed.directory.name}: {runs} of {cells}"]
        case Started():
            repeat = f"repeat {entry.repeat + 1} of {sweep.repeat}" if sweep.repeat > 1 else ""
            place = ", ".join(filter(None, (label(sweep.cells[entry.cell].values), repeat)))
            run = f"run {entry.run.rpartition('_')[2]}"
            return [f"{place}: {run}" if place else run]
        case Refused():
            return [f"{label(sweep.cells[entry.cell].values) or 'the run'} is not started: {entry.why}"]
        case Settled():
            return [f"  {sentence}" for sentence in _results(feed, entry)]
        case Stopping():
            return [f"stopping, asked for by {entry.by}"]
        case Ended():
            return [f"{entry.status}{': ' + entry.why if entry.why else ''}"]


def _results(feed: SweepFeed, entry: Settled) -> list[str]:
    """Numbers, a line a configuration; what has none with the others that have none for the same reason."""
    numbers = [_numbers(feed, entry, one) for one in entry.measured if one.outcome == "done"]
    without: dict[tuple[str, str], list[str]] = {}
    for one in entry.measured:
        if one.outcome != "done":
            what = describe(feed.sweep.cells[entry.cell], one.configuration)
            without.setdefault((_OUTCOMES[one.outcome], one.why), []).append(what)
    reasons = [
        f"{whats[0]}{f' and {len(whats) - 1} more' if len(whats) > 1 else ''}: {outcome} ({why})"
        for (outcome, why), whats in without.items()
    ]
    return numbers + reasons


def _numbers(feed: SweepFeed, entry: Settled, one: Measured) -> str:
    what = describe(feed.sweep.cells[entry.cell], one.configuration)
    values = (feed.values_of(entry.run) or {}).get(one.configuration, {})
    numbers = [
        f"{thousands(values[metric.name][0], metric.digits)} {metric.unit}"
        for metrics in zip(*TRADED, strict=True)
        for metric in metrics
        if metric.name in values
    ]
    return f"{what}: {', '.join(numbers) or 'no number'}"


_OUTCOMES = {"memory": "out of memory", "failed": "failed", "stopped": "stopped", "lost": "lost"}
