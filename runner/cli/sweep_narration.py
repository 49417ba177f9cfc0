"""Follow a sweep as text: progress on stderr, the final table on stdout."""

from __future__ import annotations

import copy
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from runner.cli.narration import short_name
from runner.metrics import Metric
from runner.schema.axes import cell_label
from runner.sweep import board_text
from runner.sweep.board import Board
from runner.sweep.directory import (
    AnyLogEntry,
    MeasuredConfiguration,
    SweepBegun,
    SweepCellAdded,
    SweepConfirming,
    SweepEnded,
    SweepRunEnded,
    SweepRunRefused,
    SweepRunStarted,
    SweepStopping,
)
from runner.sweep.out_of_memory import describe
from runner.sweep.pareto import TRADED, Per
from runner.sweep.progress import ENDED, SweepProgress
from runner.sweep.sweep_feed import SweepFeed
from runner.util.console import print_json
from runner.util.exit_codes import ExitCode
from runner.util.formatting import command, duration, format_number, plural

if TYPE_CHECKING:
    from runner.sweep.tune.view import TuneFeed, TuneView

POLL_S = 0.3
QUIET_S = 10.0


def follow(feed: SweepFeed, *, as_json: bool, quiet: bool = False) -> ExitCode:
    """Print the progress of a sweep until it ends, then its table; with `as_json`, log entries and a board.

    With `quiet`, print the table only.

    Ctrl-C ends this command, never the sweep.
    """
    narrator = SweepNarrator(feed)
    report_entries = _print_entries if as_json else narrator.on_entries
    try:
        while True:
            entries = feed.drain()
            if as_json or not quiet:
                report_entries(entries)
            if not as_json and not quiet:
                narrator.on_tick()
            if feed.gone:
                print(f"{feed.directory}: the directory of the sweep is gone", file=sys.stderr)
                return ExitCode.RUN_LOST
            if feed.status in ENDED:
                break
            time.sleep(POLL_S)
        entries = feed.drain()
        if as_json or not quiet:
            report_entries(entries)
    except KeyboardInterrupt:
        name = short_name(feed.directory)
        attach, stop = command("attach", name), command("sweeps", "stop", name)
        print(f"\nthe sweep continues; `{attach}` shows it, `{stop}` stops it", file=sys.stderr)
        return ExitCode.INTERRUPTED
    board = feed.board()
    has_answer = print_result(feed, as_json=as_json)
    resume = command("sweeps", "resume", short_name(feed.directory))
    if board.status == "interrupted":
        print(f"the process that runs the sweep is gone; `{resume}` continues the sweep", file=sys.stderr)
    elif any(point.state == "lost" for point in board.points):
        print(f"some of its runs were lost; `{resume}` repeats them", file=sys.stderr)
    if feed.sweep.tune is not None and board.status == "finished":
        # A point that fails is a result of a tuning; without a best point there is none.
        return ExitCode.OK if has_answer else ExitCode.RUN_FAILED
    return sweep_exit_code(board)


def print_result(feed: SweepFeed, *, as_json: bool, wanted: Sequence[Metric] = (), per: Per = "gpu") -> bool:
    """Print the table of a sweep, or the answer of a tuning; or either as one JSON object on one line.

    Return False for a tuning without a best point.
    """
    if feed.sweep.tune is None:
        print_board(feed.board(), as_json=as_json, wanted=wanted, per=per)
        return True
    from runner.sweep.tune import tune_text

    view = _tuning(feed).view()
    if as_json:
        print_json([msgspec.json.encode(tune_text.as_json(view))])
    else:
        sys.stdout.write(tune_text.render(view))
        sys.stdout.flush()
    return view.best is not None


def _tuning(feed: SweepFeed) -> TuneFeed:
    from runner.sweep.tune.study import require_optuna
    from runner.sweep.tune.view import TuneFeed

    require_optuna()
    return TuneFeed(feed)


def print_board(board: Board, *, as_json: bool, wanted: Sequence[Metric] = (), per: Per = "gpu") -> None:
    """Print the table on stdout, or the board as one JSON object on one line."""
    if as_json:
        print_json([msgspec.json.encode(board_text.as_json(board, per))])
    else:
        width = shutil.get_terminal_size((100, 24)).columns
        sys.stdout.write(board_text.render(board, width, wanted, per))
        sys.stdout.flush()


def sweep_exit_code(board: Board) -> ExitCode:
    """Return the exit code of a sweep; a configuration that runs out of memory is a result, not a failure."""
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


def _print_entries(entries: Iterable[AnyLogEntry]) -> None:
    print_json(map(msgspec.json.encode, entries))


@dataclass
class SweepNarrator:
    """Prints log entries, the stages of the current run, and the progress every ten quiet seconds."""

    feed: SweepFeed
    _past: SweepProgress = field(init=False)
    """state of the sweep when the current entry was written"""
    _run: str = ""
    _stages: int = 0
    """number of printed stages of the current run"""
    _waits: bool = False
    """whether the last line says that the sweep waits for free disk space"""
    _tuned: TuneFeed | None = None
    """of a tuning, to say what is best so far"""
    _last_line: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._past = copy.deepcopy(self.feed.progress)

    def on_entries(self, entries: Iterable[AnyLogEntry]) -> None:
        for entry in entries:
            self._past.apply_all([entry])
            for sentence in _sentences(self.feed, entry):
                self._print(self._past.elapsed_s(entry.wall), sentence)
            if isinstance(entry, SweepRunEnded) and self.feed.sweep.tune is not None:
                self._tuned = self._tuned or _tuning(self.feed)
                self._print(self._past.elapsed_s(entry.wall), f"  {_so_far(self._tuned.view())}")

    def on_tick(self) -> None:
        """Print the progress of the current run; building an engine may take an hour without a log entry."""
        waits = self.feed.wait_reason
        if bool(waits) != self._waits:
            self._waits = bool(waits)
            self._print(self._now_s, waits or "there is enough disk space again")
        run = self.feed.run
        if run is None:
            return
        if run.run_dir.name != self._run:
            self._run, self._stages = run.run_dir.name, 0
        state = run.state
        for stage in state.stages[self._stages :]:
            self._print(self._now_s, f"  stage {stage.name}{f' skipped, {stage.note}' if stage.note else ''}")
        self._stages = len(state.stages)
        doing = self.feed.activity
        if doing and time.monotonic() - self._last_line > QUIET_S:
            self._print(self._now_s, f"  {doing}")

    @property
    def _now_s(self) -> float:
        return self.feed.progress.elapsed_s(self.feed.now())

    def _print(self, seconds: float, sentence: str) -> None:
        self._last_line = time.monotonic()
        print(f"{duration(seconds):>8}  {sentence}", file=sys.stderr, flush=True)


def _sentences(feed: SweepFeed, entry: AnyLogEntry) -> list[str]:
    """Return a log entry as sentences."""
    sweep = feed.sweep
    match entry:
        case SweepBegun():
            if sweep.tune is not None:
                return [
                    f"tuning {feed.directory.name}: at most {plural(sweep.tune.trials, 'run')} of the search"
                ]
            runs, cells = plural(len(sweep.slots()), "run"), plural(len(sweep.cells), "cell")
            return [f"sweep {feed.directory.name}: {runs} of {cells}"]
        case SweepCellAdded():
            why = entry.added.refused
            return [f"{cell_label(entry.added.values)} is not measured: {why}"] if why else []
        case SweepConfirming():
            both = [cell_label(sweep.cells[number].values) for number in (entry.baseline, entry.winner)]
            return [f"the search is over; measuring alternately: {both[0]} and {both[1]}"]
        case SweepRunStarted():
            repeat = f"repeat {entry.repeat + 1} of {sweep.repeat}" if sweep.repeat > 1 else ""
            place = ", ".join(filter(None, (cell_label(sweep.cells[entry.cell].values), repeat)))
            run = f"run {entry.run.rpartition('_')[2]}"
            return [f"{place}: {run}" if place else run]
        case SweepRunRefused():
            return [f"{cell_label(sweep.cells[entry.cell].values) or 'the run'} is not started: {entry.why}"]
        case SweepRunEnded():
            return [f"  {sentence}" for sentence in _results(feed, entry)]
        case SweepStopping():
            return [f"stopping, requested by {entry.by}"]
        case SweepEnded():
            return [f"{entry.status}{': ' + entry.why if entry.why else ''}"]


def _so_far(view: TuneView) -> str:
    """Return the best point so far, and what is left."""
    from runner.sweep.tune import tune_text

    best = view.best
    if view.comparing:
        return tune_text.verdict_text(view.verdict) if view.verdict is not None else "no verdict yet"
    if best is None:
        found = tune_text.no_best_text(view)
    elif best.cell == 0:
        found = "the baseline is the best so far"
    else:
        found = f"best so far: {best.label}, {tune_text.change_text(best)}"
    return f"{found}; {tune_text.progress_text(view)}"


def _results(feed: SweepFeed, entry: SweepRunEnded) -> list[str]:
    """Return one line per configuration with numbers, and one per reason for those without."""
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


def _numbers(feed: SweepFeed, entry: SweepRunEnded, one: MeasuredConfiguration) -> str:
    what = describe(feed.sweep.cells[entry.cell], one.configuration)
    values = (feed.values_of(entry.run) or {}).get(one.configuration, {})
    numbers = [
        f"{format_number(values[metric.name].value, metric.digits)} {metric.unit}"
        for metrics in zip(*TRADED["system"], strict=True)
        for metric in metrics
        if metric.name in values
    ]
    return f"{what}: {', '.join(numbers) or 'no numbers'}"


_OUTCOMES = {"memory": "out of memory", "failed": "failed", "stopped": "stopped", "lost": "lost"}
