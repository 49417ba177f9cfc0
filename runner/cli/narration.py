"""A run without a screen: narration on stderr, data on stdout."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from runner import events as ev
from runner import metrics
from runner.errors import ExitCode
from runner.history.run_feed import Feed, ReplayFeed
from runner.metrics.stall import stalled
from runner.report import text_table
from runner.report.build import build_report
from runner.report.model import Report
from runner.run import layout
from runner.state.configuration import ConfigurationState, batching
from runner.state.run import RunState
from runner.util.formatting import duration

POLL_S = 0.1
QUIET_S = 10.0
RESULT_LATE_NS = 1_000_000_000
"""How much later than the begin of the next configuration a printed result may arrive."""

EXIT_CODES: dict[str, ExitCode] = {
    "finished": ExitCode.OK,
    "failed": ExitCode.RUN_FAILED,
    "stopped": ExitCode.RUN_STOPPED,
    "lost": ExitCode.RUN_LOST,
}


def follow(feed: Feed, *, as_json: bool, prometheus: Path | int | None = None) -> ExitCode:
    """Tell what happens in a run until it ends; then the table, or with `as_json` every event and the report.

    Ctrl-C ends the telling, never the run. `prometheus` is a file of metrics to be kept up to date, or the
    port to serve them at.

    Raises:
        UserError: that file cannot be written, or the port cannot be had.
    """
    with contextlib.ExitStack() as stack:
        return _follow(feed, as_json, _publisher(feed, prometheus, stack))


def _follow(feed: Feed, as_json: bool, publish: _Publish) -> ExitCode:
    narrator = _Narrator()
    tell = partial(_tell_json if as_json else narrator.tell, feed.state)
    try:
        while not _over(feed):
            taken = feed.drain(1.0, tell)
            if feed.gone:
                print(f"{feed.run_dir}: the run directory is gone", file=sys.stderr)
                return ExitCode.RUN_LOST
            if not as_json:
                narrator.watch(feed.state, feed.now())
            publish(now=False)
            if not taken:
                time.sleep(POLL_S)
        feed.drain(1.0, tell)
        publish(now=True)
    except KeyboardInterrupt:
        name = short_name(feed.run_dir)
        if feed.live:
            attach, stop = f"trtbench-tui attach {name}", f"trtbench-tui stop {name}"
            print(f"\nthe run goes on; `{attach}` shows it, `{stop}` ends it", file=sys.stderr)
        return ExitCode.INTERRUPTED
    final = build_report(feed.plan, feed.state, feed.run_dir.name)
    if not feed.state.running:
        final = _beside_the_baseline(final, feed.run_dir)
    print_report(final, as_json=as_json)
    return EXIT_CODES[feed.state.status] if not feed.state.running else ExitCode.OK


class _Publish(Protocol):
    def __call__(self, *, now: bool) -> None: ...


def _publisher(feed: Feed, where: Path | int | None, stack: contextlib.ExitStack) -> _Publish:
    if where is None:
        return lambda *, now: None
    from runner.export.prometheus import Follower, to_file

    if isinstance(where, int):
        from runner.export.prometheus_server import serving

        follower = Follower(stack.enter_context(serving(where)))
    else:
        follower = Follower(to_file(where))
    return lambda *, now: follower.update(feed.plan, feed.state, now=now)


def _beside_the_baseline(final: Report, run_dir: Path) -> Report:
    from runner.compare.against_baseline import (
        with_baseline,  # when there is something to compare, not before
    )

    return with_baseline(final, run_dir)


def print_report(final: Report, *, as_json: bool) -> None:
    """The final table on stdout, or the report as one JSON object on one line."""
    if as_json:
        _write_json({"kind": "report", **msgspec.to_builtins(final)})
    else:
        sys.stdout.write(text_table.render(final, width=shutil.get_terminal_size((100, 24)).columns))
        sys.stdout.flush()


def short_name(run_dir: Path) -> str:
    """The last four letters of a run's id: enough to name it on the command line."""
    return run_dir.name.rpartition("_")[2] if layout.RUN_ID.match(run_dir.name) else str(run_dir)


def _over(feed: Feed) -> bool:
    return not feed.state.running or (isinstance(feed, ReplayFeed) and feed.over)


def _tell_json(_: RunState, events: Iterable[ev.AnyEvent]) -> None:
    for event in events:
        sys.stdout.buffer.write(ev.encode(event))
    sys.stdout.flush()


def _write_json(data: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(data) + b"\n")
    sys.stdout.flush()


class _Narrator:
    """One line on stderr for each thing a person waits for, and a sign of life every ten seconds."""

    def __init__(self) -> None:
        self._told = time.monotonic()
        self._stalled = False
        self._begun: ev.ConfigurationStarted | None = None
        """a configuration that was not told yet"""

    def tell(self, state: RunState, events: Iterable[ev.AnyEvent]) -> None:
        for event in events:
            if isinstance(event, ev.ConfigurationStarted):
                self._begun = event
                continue
            sentence = _sentence(event)
            # The result of the one before is printed, and that arrives a moment later than a record.
            if not isinstance(event, ev.Result) and (sentence or isinstance(event, ev.Iteration)):
                self._tell_begun(state)
            if sentence:
                self._say(state, event.t, sentence)

    def watch(self, state: RunState, now: int) -> None:
        """Give a sign of life; say once that the run stands still and why it may, once that it goes on."""
        if self._begun is not None and now - self._begun.t > RESULT_LATE_NS:
            self._tell_begun(state)
        configuration = state.configuration
        if configuration is not None and not configuration.done and time.monotonic() - self._told > QUIET_S:
            self._say(state, state.last_t, f"  {_progress(configuration)}")
        stall = stalled(state, now)
        if stall is not None and not self._stalled:
            self._say(state, now, f"warning: {stall.sentence}: {stall.suggestion}")
        elif stall is None and self._stalled and state.running:
            self._say(state, now, "it goes on")
        self._stalled = stall is not None

    def _tell_begun(self, state: RunState) -> None:
        if self._begun is not None:
            self._say(state, self._begun.t, _sentence(self._begun))
            self._begun = None

    def _say(self, state: RunState, t: int, sentence: str) -> None:
        self._told = time.monotonic()
        since = max(0, t - state.started.t) / 1e9 if state.started is not None else 0.0
        print(f"{duration(since):>8}  {sentence}", file=sys.stderr, flush=True)


def _progress(configuration: ConfigurationState) -> str:
    latency, serving = configuration.latency, configuration.serving
    if serving is not None:
        return serving.words
    if latency.n == 0:
        return f"warm-up {len(configuration.warmup)}/{configuration.start.warm_up}"
    return f"iteration {latency.n}/{configuration.start.num_runs}, mean latency {latency.mean:.3f} ms"


def _measured(values: dict[str, str]) -> str:
    """Which configuration a printed line is of; the next one may have begun when the line arrives."""
    batch, inputs, outputs = (values.get(name) for name in ("batch_size", "input_length", "output_length"))
    return f"batch {batch}, {inputs} in, {outputs} out: " if batch and inputs and outputs else ""


def _sentence(event: ev.AnyEvent) -> str:
    """An event in words; empty for what happens too often to tell."""
    match event:
        case ev.RunStarted():
            return f"run {event.run} on {event.host}"
        case ev.Queued():
            return f"waiting for {event.device}: {event.holder} uses it"
        case ev.StageStarted():
            ranks = f", {event.ranks} ranks" if event.ranks > 1 else ""
            return f"stage {event.name}{ranks}"
        case ev.ConfigurationStarted():
            return f"  {batching(event)}, {event.input_len} in, {event.output_len} out"
        case ev.Serving():
            return f"  {event.text}"
        case ev.Result(values=values) if "latency(ms)" not in values:
            rate = metrics.reported(metrics.OUTPUT_TOKENS_PER_SEC, values) or "?"
            return f"  {rate} output tokens/s (as trtllm-bench reports them)"
        case ev.Result(values=values):
            latency, rate = values.get("latency(ms)", "?"), values.get("tokens_per_sec", "?")
            return f"  {_measured(values)}latency {latency} ms, {rate} tokens/s (as the engine printed them)"
        case ev.Notice():
            return f"{event.level}: {event.text}"
        case ev.Telemetry() | ev.GpuProblem():
            return event.text
        case ev.Stopping():
            return f"stopping, asked by {event.by}"
        case ev.Swept():
            return f"{event.killed} processes that were left had to be killed"
        case ev.Failure():
            return f"failed: {event.cause}"
        case ev.RunEnded():
            return event.status
        case _:
            return ""
