"""One run as the lists show it, read from its directory whatever is in there."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from runner import metrics
from runner.errors import UserError
from runner.events import AnyEvent
from runner.history.recovery import recover
from runner.plan.plan import Configuration, ConfigurationValues, Membership, Plan, configuration_of
from runner.report.build import build_report
from runner.report.files import read_head, read_state, read_summary, summary_of
from runner.report.model import Summary, SummaryConfiguration
from runner.report.result_table import configuration_name
from runner.run import layout
from runner.state.run import ENDED, Status

LAST_MOMENT = 253_402_300_799.0
"""the end of the year 9999, seconds since 1970"""


_LATENCY = (metrics.LATENCY.name, metrics.REQUEST_LATENCY.name)
_TOKENS_PER_SEC = (metrics.TOKENS_PER_SEC.name, metrics.OUTPUT_TOKENS_PER_SEC.name)


class Figure(msgspec.Struct, frozen=True, array_like=True):
    """The two numbers of one configuration that the lists show; at least one of them is there."""

    values: ConfigurationValues
    tokens_per_sec: float | None
    """of requests in flight: output tokens per second"""
    latency_ms: float | None
    """mean; of requests in flight: of one request"""

    @property
    def shape(self) -> Configuration:
        return Configuration(*self.values)

    @property
    def title(self) -> str:
        """`batch 16 1024→1024`"""
        return configuration_name(self.shape)


class Facts(msgspec.Struct, frozen=True, array_like=True):
    """What a run directory says; of a run that ended it never changes."""

    run: str
    """name of the directory"""
    profile: str
    engine: str
    """empty: the directory holds no run, or one that this version cannot read; `cause` says why"""
    status: Status
    started: float
    """seconds since 1970; 0.0 when nobody knows"""
    seconds: float
    cause: str = ""
    host: str = ""
    gpus: tuple[str, ...] = ()
    """names of the GPUs that it computed on, in the order of its ranks"""
    figures: tuple[Figure, ...] = ()
    """of the configurations that were measured, in the order of measuring"""
    best: Figure | None = None
    """of the configuration that stands for the run: most tokens/s; without any, the lowest latency"""
    flags: int = 0
    """number of reasons to distrust its numbers"""
    sweep: Membership | None = None
    summary: str = ""
    """model, its type and how it is spread, in a few words: what a changed field of a profile changes"""


class Entry(Facts, frozen=True, kw_only=True, array_like=False):
    """One row of the list of runs: what its directory says, and what people said about it."""

    run_dir: Path
    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    disk: int | None = None
    """bytes that its directory takes; None: nobody asked yet"""

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def foreign(self) -> bool:
        """A directory among the runs that is none, or one of a version that we do not know."""
        return not self.engine


def best_of(figures: Iterable[Figure]) -> Figure | None:
    """Of these the one with most tokens/s; where none has any (an encoder), the one of lowest latency."""

    def worth(figure: Figure) -> tuple[float, float]:
        return figure.tokens_per_sec or 0.0, -(figure.latency_ms or 0.0)

    return max(figures, key=worth, default=None)


def read_entry(run_dir: Path) -> Entry:
    """The row of one run directory, whatever is in it; a run that lost its supervisor is ended first."""
    return as_entry(run_dir, read_facts(run_dir))


def as_entry(run_dir: Path, facts: Facts) -> Entry:
    return Entry(*msgspec.structs.astuple(facts), run_dir=run_dir)


def read_facts(run_dir: Path) -> Facts:
    """What a directory says; never raises for what is in it."""
    found = read_summary(run_dir)
    if found is not None:
        return _of_summary(run_dir, found)
    try:
        # Before anything else: into a directory that holds no run of ours not even a lock is written.
        plan = layout.load_plan(run_dir)
    except UserError as error:
        return Facts(run_dir.name, run_dir.name, "", "lost", 0.0, 0.0, cause=str(error))
    closing = recover(run_dir)
    if (found := read_summary(run_dir)) is not None:
        return _of_summary(run_dir, found)
    spoilt = (run_dir / layout.REPORT).exists()
    if closing is None and not spoilt:
        return _of_log(run_dir, plan)
    remark = f"{layout.REPORT} cannot be read; these numbers were made anew from the log" if spoilt else ""
    return _of_whole_log(run_dir, plan, closing or [], remark)


def _of_whole_log(run_dir: Path, plan: Plan, closing: Sequence[AnyEvent], remark: str) -> Facts:
    """A run that ended, and whose report was spoilt or could not be written."""
    state = read_state(run_dir)
    if state.running:
        state.apply_all(closing)
    return _of_summary(run_dir, summary_of(build_report(plan, state, run_dir.name)), remark=remark)


def _of_log(run_dir: Path, plan: Plan) -> Facts:
    """A run that runs now."""
    state = read_head(run_dir)
    started = state.started
    return Facts(
        run=run_dir.name,
        profile=plan.profile,
        engine=plan.engine,
        status=state.status,
        started=started.wall if started else 0.0,
        seconds=state.elapsed_s(time.monotonic_ns()),
        host=started.host if started else "",
        sweep=plan.sweep,
    )


def _of_summary(run_dir: Path, summary: Summary, remark: str = "") -> Facts:
    distinct = {flag for configuration in summary.configurations for flag in configuration.flags}
    figures = tuple(figure for found in summary.configurations if (figure := _figure(found)))
    return Facts(
        run=run_dir.name,
        profile=summary.profile,
        engine=summary.engine,
        status=summary.status,
        started=_within(summary.started, LAST_MOMENT),
        seconds=_within(summary.seconds, LAST_MOMENT),
        cause=summary.cause or remark,
        host=summary.host,
        gpus=tuple(summary.gpus),
        figures=figures,
        best=best_of(figures),
        flags=len(summary.flags) + len(distinct),
        sweep=summary.sweep,
        summary=summary.summary,
    )


def _within(value: float, limit: float) -> float:
    """A number from a file, or 0 for one beyond reason, which no clock can show."""
    return value if 0 <= value <= limit else 0.0


def _figure(configuration: SummaryConfiguration) -> Figure | None:
    tokens_per_sec = latency = None
    for row in configuration.rows:
        if row.metric in _LATENCY:
            latency = row.value
        elif row.metric in _TOKENS_PER_SEC:
            tokens_per_sec = row.value
    if latency is None and tokens_per_sec is None:
        return None
    values = msgspec.structs.astuple(configuration_of(configuration))
    return Figure(values, tokens_per_sec, latency)
