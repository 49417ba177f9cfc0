"""Follow a run as text: progress on stderr, data on stdout."""

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
from runner.history.run_feed import Feed, ReplayFeed, known_until, why_cut_off
from runner.metrics.machine_problems import MachineProblemKind, find_machine_problems
from runner.metrics.stall import find_stall
from runner.report import text_table
from runner.report.build import build_report
from runner.report.model import Report
from runner.run import layout
from runner.run.liveness import is_mirror
from runner.state.configuration import PREPARATION_STEPS, ConfigurationState, batching_label
from runner.state.job import job_text, job_waiting_text
from runner.state.run import RunState
from runner.state.waiting import waiting_text
from runner.util.console import print_json
from runner.util.exit_codes import ExitCode, run_exit_code
from runner.util.formatting import command, duration, format_number

POLL_S = 0.1
QUIET_S = 10.0
RESULT_LATE_NS = 1_000_000_000
"""How long a printed result may arrive after the start of the next configuration."""


def follow(
    feed: Feed, *, as_json: bool, quiet: bool = False, prometheus: Path | int | None = None
) -> ExitCode:
    """Print the progress of a run until it ends, then its table; with `as_json`, every event and the report.

    Ctrl-C ends this command, never the run.

    Args:
        feed: the run.
        as_json: print JSON lines instead of text.
        quiet: print the table only.
        prometheus: a file of metrics to update, or the port to serve the metrics at.

    Raises:
        UserError: the file cannot be written, or the port cannot be opened.
    """
    with contextlib.ExitStack() as stack:
        return _follow(feed, as_json, quiet, _publisher(feed, prometheus, stack))


def _follow(feed: Feed, as_json: bool, quiet: bool, publish: _Publish) -> ExitCode:
    narrator = RunNarrator()
    narrated = not as_json and not quiet
    report_events = partial(
        _print_events if as_json else narrator.on_events if narrated else _ignore, feed.state
    )
    try:
        while not _has_ended(feed):
            taken = feed.drain(1.0, report_events)
            if feed.gone:
                print(f"{feed.run_dir}: the run directory is gone", file=sys.stderr)
                return ExitCode.RUN_LOST
            if narrated:
                narrator.on_tick(feed.state, known_until(feed))
                narrator.on_link(feed.state, why_cut_off(feed))
            publish(now=False)
            if not taken:
                time.sleep(POLL_S)
        feed.drain(1.0, report_events)
        publish(now=True)
    except KeyboardInterrupt:
        name = short_name(feed.run_dir)
        if is_mirror(feed.run_dir):
            print("\nthe run continues on its machine", file=sys.stderr)
        elif feed.live:
            attach, stop = command("attach", name), command("stop", name)
            print(f"\nthe run continues; `{attach}` shows it, `{stop}` stops it", file=sys.stderr)
        return ExitCode.INTERRUPTED
    final = build_report(feed.plan, feed.state, feed.run_dir.name)
    if not feed.state.running:
        final = _compared(final, feed.run_dir)
    print_report(final, as_json=as_json)
    return run_exit_code(feed.state.status)


def _ignore(state: RunState, events: Iterable[ev.AnyEvent]) -> None:
    """Print nothing of new events."""


class _Publish(Protocol):
    def __call__(self, *, now: bool) -> None: ...


def _publisher(feed: Feed, where: Path | int | None, stack: contextlib.ExitStack) -> _Publish:
    if where is None:
        return lambda *, now: None
    from runner.export.prometheus import MetricsPublisher, file_publisher

    if isinstance(where, int):
        from runner.export.prometheus_server import serve_metrics

        publisher = MetricsPublisher(stack.enter_context(serve_metrics(where)))
    else:
        publisher = MetricsPublisher(file_publisher(where))
    return lambda *, now: publisher.update(feed.plan, feed.state, now=now)


def _compared(final: Report, run_dir: Path) -> Report:
    from runner.compare.report_context import in_context  # imported when needed

    return in_context(final, run_dir)


def print_report(final: Report, *, as_json: bool) -> None:
    """Print the final table on stdout, or the report as one JSON object on one line."""
    if as_json:
        print_json([msgspec.json.encode({"kind": "report", **msgspec.to_builtins(final)})])
    else:
        sys.stdout.write(text_table.render(final, width=shutil.get_terminal_size((100, 24)).columns))
        sys.stdout.flush()


def short_name(run_dir: Path) -> str:
    """Return the last four letters of a run's id, which name it on the command line."""
    return run_dir.name.rpartition("_")[2] if layout.RUN_ID.fullmatch(run_dir.name) else str(run_dir)


def _has_ended(feed: Feed) -> bool:
    return not feed.state.running or (isinstance(feed, ReplayFeed) and feed.over)


def _print_events(_: RunState, events: Iterable[ev.AnyEvent]) -> None:
    print_json(map(msgspec.json.encode, events))


class RunNarrator:
    """Prints a line on stderr for each event of interest, and the progress every ten quiet seconds."""

    def __init__(self) -> None:
        self._last_line = time.monotonic()
        self._stalled = False
        self._cut = False
        self._reported: set[MachineProblemKind] = set()
        """problems of the machine that were printed; each is printed once"""
        self._pending: ev.ConfigurationStarted | None = None
        """a configuration whose start is not printed yet"""

    def on_events(self, state: RunState, events: Iterable[ev.AnyEvent]) -> None:
        """Print the events of a run in the order of its log."""
        for event in events:
            if isinstance(event, ev.ConfigurationStarted):
                self._pending = event
                continue
            sentence = _sentence(event)
            # The engine prints the result of the previous configuration, so it arrives after the record.
            if not isinstance(event, ev.Result) and (sentence or isinstance(event, ev.Iteration)):
                self._print_pending(state)
            if sentence:
                self._print(state, event.t, sentence)

    def on_tick(self, state: RunState, now: int) -> None:
        """Print the progress after a quiet time, and once each problem, a stall and its end."""
        if self._pending is not None and now - self._pending.t > RESULT_LATE_NS:
            self._print_pending(state)
        configuration = state.configuration
        if (
            configuration is not None
            and not configuration.done
            and not self._cut
            and time.monotonic() - self._last_line > QUIET_S
        ):
            self._print(state, state.last_t, f"  {_progress(configuration, now)}")
        for problem in find_machine_problems(state) if state.running else ():
            if problem.kind not in self._reported:
                self._reported.add(problem.kind)
                self._print(state, state.last_t, f"warning: {problem.text}")
        stall = find_stall(state, now)
        if stall is not None and not self._stalled:
            self._print(state, now, f"warning: {stall.sentence}: {stall.suggestion}")
        elif stall is None and self._stalled and state.running:
            self._print(state, now, "the run continues")
        self._stalled = stall is not None

    def on_link(self, state: RunState, why_cut: str) -> None:
        """Print that nothing arrives of a run of another machine, and when events arrive again."""
        if why_cut and not self._cut:
            self._print(state, state.last_t, f"warning: {why_cut}; the run continues there")
        elif self._cut and not why_cut and state.running:
            self._print(state, state.last_t, "events arrive again")
        self._cut = bool(why_cut)

    def _print_pending(self, state: RunState) -> None:
        if self._pending is not None:
            self._print(state, self._pending.t, _sentence(self._pending))
            self._pending = None

    def _print(self, state: RunState, t: int, sentence: str) -> None:
        self._last_line = time.monotonic()
        since = max(0, t - state.started.t) / 1e9 if state.started is not None else 0.0
        print(f"{duration(since):>8}  {sentence}", file=sys.stderr, flush=True)


def _progress(configuration: ConfigurationState, now: int) -> str:
    latency, serving = configuration.latency, configuration.serving
    if serving is not None:
        return serving.words
    if configuration.preparing:
        return configuration.preparing
    if latency.n == 0:
        return f"warm-up {len(configuration.warmup)}/{configuration.start.warm_up}"
    left = configuration.remaining_s(now)
    more = "" if left is None else f", about {duration(left)} left of this configuration"
    mean = format_number(latency.mean, 0 if latency.mean >= 1000 else 1 if latency.mean >= 10 else 3)
    return f"iteration {latency.n}/{configuration.start.num_runs}, mean latency {mean} ms{more}"


def _configuration_prefix(values: dict[str, str]) -> str:
    """Return the configuration of a printed line; the next one may have started when the line arrives."""
    batch, inputs, outputs = (values.get(name) for name in ("batch_size", "input_length", "output_length"))
    return f"batch {batch}, {inputs} in, {outputs} out: " if batch and inputs and outputs else ""


def _sentence(event: ev.AnyEvent) -> str:
    """Return an event as a sentence; empty for events that are too frequent to print."""
    match event:
        case ev.RunStarted():
            return f"run {event.run} on {event.host}"
        case ev.Queued():
            return waiting_text(event)
        case ev.JobQueued():
            return job_waiting_text(event)
        case ev.JobStarted():
            return job_text(event)
        case ev.StageStarted():
            ranks = f", {event.ranks} ranks" if event.ranks > 1 else ""
            return f"stage {event.name}{ranks}"
        case ev.ConfigurationStarted():
            return f"  {batching_label(event)}, {event.input_len} in, {event.output_len} out"
        case ev.Preparation(step="ready"):
            return f"  prepared in {event.seconds:.1f} s (tile sizes: {event.tiles or 'unknown'})"
        case ev.Preparation():
            return f"  {PREPARATION_STEPS[event.step]}"
        case ev.Serving():
            return f"  {event.text}"
        case ev.Result(values=values) if "latency(ms)" not in values:
            rate = metrics.printed_value(metrics.OUTPUT_TOKENS_PER_SEC, values) or "?"
            return f"  {rate} output tokens/s (reported by trtllm-bench)"
        case ev.Result(values=values):
            latency, rate = values.get("latency(ms)", "?"), values.get("tokens_per_sec", "?")
            where = _configuration_prefix(values)
            return f"  {where}latency {latency} ms, {rate} tokens/s (reported by the engine)"
        case ev.Notice():
            return f"{event.level}: {event.text}"
        case ev.Telemetry() | ev.GpuProblem() | ev.NodeStatus():
            return event.text
        case ev.NodeJoined():
            return f"node {event.node}, {event.cores} cores"
        case ev.FromNode(event=ev.Telemetry() | ev.GpuProblem() as reading):
            return f"{event.node}: {reading.text}"
        case ev.Stopping():
            return f"stopping, requested by {event.by}"
        case ev.Swept():
            where = f" on {event.node}" if event.node else ""
            return f"{event.killed} remaining processes{where} had to be killed"
        case ev.Failure():
            return f"failed: {event.cause}"
        case ev.RunEnded():
            return event.status
        case _:
            return ""
