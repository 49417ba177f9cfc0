"""One entry of the list of runs, read from any directory."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from runner import metrics
from runner.events import AnyEvent, JobEnd
from runner.history.job_watch import waiting_job
from runner.history.recovery import recover
from runner.plan.masking import LOOKS
from runner.plan.plan import Configuration, ConfigurationValues, Plan, SweepMembership, configuration_of
from runner.report.build import build_report
from runner.report.files import read_head, read_state, read_summary, summary_of
from runner.report.model import Summary, SummaryConfiguration
from runner.report.result_table import configuration_name
from runner.run import layout
from runner.state.job import job_waiting_text
from runner.state.run import ENDED_STATUSES, LiveStatus
from runner.util.bounds import LAST_WALL
from runner.util.errors import UserError

_LATENCY = (metrics.LATENCY.name, metrics.REQUEST_LATENCY.name)
_TOKENS_PER_SEC = (metrics.TOKENS_PER_SEC.name, metrics.OUTPUT_TOKENS_PER_SEC.name)


class Figure(msgspec.Struct, frozen=True, array_like=True):
    """Throughput and latency of one configuration, for lists; at least one of them is not None."""

    values: ConfigurationValues
    tokens_per_sec: float | None
    """serving: output tokens per second"""
    latency_ms: float | None
    """mean; serving: of one request"""

    @property
    def shape(self) -> Configuration:
        return Configuration(*self.values)

    @property
    def title(self) -> str:
        """`batch 16 1024→1024`"""
        return configuration_name(self.shape)


class RunFacts(msgspec.Struct, frozen=True, array_like=True):
    """The contents of a run directory, for lists; they never change for an ended run."""

    run: str
    """name of the directory"""
    profile: str
    engine: str
    """empty: not a run, or one that this version cannot read; `cause` has the reason"""
    status: LiveStatus
    started: float
    """seconds since 1970; 0.0: unknown"""
    seconds: float
    cause: str = ""
    host: str = ""
    gpus: tuple[str, ...] = ()
    """names of its GPUs, in the order of ranks"""
    figures: tuple[Figure, ...] = ()
    """of the measured configurations, in the order of measuring"""
    best: Figure | None = None
    """of the best configuration: most tokens/s; without tokens/s, the lowest latency"""
    flags: int = 0
    """number of warnings about its numbers"""
    sweep: SweepMembership | None = None
    summary: str = ""
    """model, data type and parallelism in short; it changes with the fields of the profile"""
    job_end: JobEnd | None = None
    """how Slurm ended its job; None: it did not, or the run is no job"""
    waiting: str = ""
    """what its job waits for; empty: it does not wait in the queue of Slurm"""


class RunEntry(RunFacts, frozen=True, kw_only=True, array_like=False):
    """One row of the list of runs: the contents of its directory, and its labels."""

    run_dir: Path
    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    disk: int | None = None
    """disk usage of its directory, bytes; None: not measured"""

    @property
    def ended(self) -> bool:
        return self.status in ENDED_STATUSES

    @property
    def ranked(self) -> Figure | None:
        """The figure that takes part in sorting: what a failed or active run measured is only a part."""
        return self.best if self.status == "finished" else None

    @property
    def foreign(self) -> bool:
        """Whether the directory is not a run, or one of an unknown version."""
        return not self.engine


def best_figure(figures: Iterable[Figure]) -> Figure | None:
    """Return the figure with most tokens/s; without tokens/s (encoder), that with lowest latency."""

    def worth(figure: Figure) -> tuple[float, float]:
        return figure.tokens_per_sec or 0.0, -(figure.latency_ms or 0.0)

    return max(figures, key=worth, default=None)


def read_entry(run_dir: Path) -> RunEntry:
    """Return the entry of any directory; a run whose supervisor died is finalised first."""
    return entry_of(run_dir, read_facts(run_dir))


def entry_of(run_dir: Path, facts: RunFacts) -> RunEntry:
    if facts.cause:  # a program may have printed a secret that its supervisor did not know
        facts = msgspec.structs.replace(facts, cause=LOOKS.apply_text(facts.cause))
    return RunEntry(*msgspec.structs.astuple(facts), run_dir=run_dir)


def read_facts(run_dir: Path) -> RunFacts:
    """Read a run directory; no content of it raises an error."""
    found = read_summary(run_dir)
    if found is not None:
        return _of_summary(run_dir, found)
    try:
        # Check this first: in a directory that is not a run not even a lock file is written.
        plan = layout.load_plan(run_dir)
    except UserError as error:
        return RunFacts(run_dir.name, run_dir.name, "", "lost", 0.0, 0.0, cause=str(error))
    closing = recover(run_dir)
    if (found := read_summary(run_dir)) is not None:
        return _of_summary(run_dir, found)
    is_corrupt = (run_dir / layout.REPORT).exists()
    if closing is None and not is_corrupt:
        return _of_log(run_dir, plan)
    remark = f"{layout.REPORT} cannot be read; these numbers were rebuilt from the log" if is_corrupt else ""
    return _of_whole_log(run_dir, plan, closing or [], remark)


def _of_whole_log(run_dir: Path, plan: Plan, closing: Sequence[AnyEvent], remark: str) -> RunFacts:
    """Return an ended run whose report is corrupt or could not be written."""
    state = read_state(run_dir)
    if state.running:
        state.apply_all(closing)
    return _of_summary(run_dir, summary_of(build_report(plan, state, run_dir.name)), remark=remark)


def _of_log(run_dir: Path, plan: Plan) -> RunFacts:
    """Return a running run."""
    state = read_head(run_dir)
    started = state.started
    waiting = None if started else waiting_job(run_dir, wait=True)
    if waiting is not None:
        state.apply(waiting)
    queued = state.job_queued if state.status == "queued" else None
    return RunFacts(
        run=run_dir.name,
        profile=plan.profile,
        engine=plan.engine,
        status=state.status,
        started=started.wall if started else layout.creation_time(run_dir.name),
        seconds=state.elapsed_s(time.monotonic_ns()),
        host=started.host if started else "",
        sweep=plan.sweep,
        waiting=job_waiting_text(queued) if queued is not None else "",
    )


def _of_summary(run_dir: Path, summary: Summary, remark: str = "") -> RunFacts:
    distinct = {flag for configuration in summary.configurations for flag in configuration.flags}
    figures = tuple(figure for found in summary.configurations if (figure := _figure(found)))
    return RunFacts(
        run=run_dir.name,
        profile=summary.profile,
        engine=summary.engine,
        status=summary.status,
        started=summary.started or layout.creation_time(run_dir.name),
        seconds=_within(summary.seconds, LAST_WALL),
        cause=summary.cause or remark,
        host=summary.host,
        gpus=tuple(summary.gpus),
        figures=figures,
        best=best_figure(figures),
        flags=len(summary.flags) + len(distinct),
        sweep=summary.sweep,
        summary=summary.summary,
        job_end=summary.job_end,
    )


def _within(value: float, limit: float) -> float:
    """Return a number from a file, or 0 if it is out of range and cannot be displayed as a time."""
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
