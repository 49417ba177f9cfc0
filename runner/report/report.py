"""The final table of a run: derived from its log, written once beside it, and rebuilt from it at any time."""

from __future__ import annotations

from pathlib import Path

import msgspec

from runner import metrics
from runner.events.journal import EventReader
from runner.metrics import gpu_metrics
from runner.plan.plan import Membership, Plan
from runner.run import layout
from runner.state.run import RunState, Status
from runner.telemetry.nvml_errors import alone
from runner.util.files import read, write_atomically

SCHEMA = 1
"""Version of `report.json`; raised when a reader of an older one would misread it. New fields are optional
and do not raise it: readers pass over what they do not know, and what is missing has its default."""


class Versus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A number beside that of the baseline; in a report that is shown, never in `report.json`."""

    value: float
    """of the baseline"""
    change: float
    """share: 0.02 is 2 % more than the baseline"""
    low: float | None = None
    high: float | None = None
    """95 % interval of the change; None: not known"""
    verdict: str = ""
    """FASTER, SLOWER, BETTER, WORSE, SAME, INCONCLUSIVE or NOT JUDGED"""
    why: str = ""
    """why it is one of the last two"""


class VersusRuns(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The baseline that a report was held against."""

    runs: tuple[str, ...]
    """ids"""
    method: str = ""
    """how the intervals were made, in a sentence"""
    why_not: tuple[str, ...] = ()
    """why it would not be fair, or cannot be done; then no row has a `versus`"""


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One metric of one configuration; `value` is missing when there is no number, `note` says why."""

    metric: str
    unit: str
    n: int
    value: float | None = None
    printed: str = ""
    """the engine's own number, as it printed it"""
    note: str = ""
    low: float | None = None
    high: float | None = None
    """95 % interval from the iterations of this run, in `unit`; it knows nothing of how another run of the
    same would come out. None: no bound is known on that side"""
    versus: Versus | None = None


class ConfigurationReport(msgspec.Struct, frozen=True, kw_only=True):
    batch_size: int
    input_len: int
    output_len: int
    rows: list[Row]
    flags: list[str]
    gpu_weights_percent: float = 1.0
    """share of the weights that stayed on the GPU, 0 to 1"""
    requests: int = 0
    """how many requests were batched in flight (`batch_size` is 0 then); 0: batches of fixed size"""
    concurrency: int = 0
    """how many of them were in flight at most; 0: no limit; -1: not known"""


class StageReport(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    status: str
    seconds: float
    exit_code: int | None = None


class SmokeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    prompt: str
    answer: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of `report.json`."""

    schema: int
    run: str
    profile: str
    engine: str
    summary: str
    status: Status
    started: float
    """seconds since 1970"""
    seconds: float
    host: str
    ranks: int
    stages: list[StageReport]
    configurations: list[ConfigurationReport]
    flags: list[str]
    answers: list[SmokeAnswer] = []
    """what the model answered: in the smoke run, or to the first requests that trtllm-bench measured"""
    cause: str = ""
    remedy: str = ""
    log: str = ""
    """name of the raw log that holds the cause"""
    gpus: list[str] = []
    """names of the GPUs that the ranks computed on, in the order of the ranks"""
    sweep: Membership | None = None
    """the sweep that the run belongs to; None: a run of its own"""
    baseline: VersusRuns | None = None
    """what the rows' `versus` is about; None: nothing was asked for, or there is no baseline"""


class SummaryRow(msgspec.Struct, frozen=True):
    metric: str
    value: float | None = None


class SummaryConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    batch_size: int
    input_len: int
    output_len: int
    rows: list[SummaryRow]
    flags: list[str]
    gpu_weights_percent: float = 1.0
    requests: int = 0
    concurrency: int = 0


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a report that the list of runs shows."""

    run: str
    profile: str
    engine: str
    summary: str
    status: Status
    started: float
    seconds: float
    configurations: list[SummaryConfiguration]
    flags: list[str]
    host: str = ""
    gpus: list[str] = []
    cause: str = ""
    sweep: Membership | None = None


def build(plan: Plan, state: RunState, run: str = "") -> Report:
    """The table of a run as its events stand now; also for a run that has not ended.

    Args:
        plan: of the run.
        state: what its events say.
        run: its id, for a log that does not say it.
    """
    ranks = state.world
    started = state.started
    return Report(
        schema=SCHEMA,
        run=started.run if started else run,
        profile=plan.profile,
        engine=plan.engine,
        summary=plan.summary,
        status=state.status,
        started=started.wall if started else 0.0,
        seconds=state.elapsed_s(state.last_t),
        host=started.host if started else "",
        ranks=ranks,
        stages=[
            StageReport(
                name=stage.name,
                status=stage.status,
                seconds=((stage.ended or state.last_t) - stage.started) / 1e9,
                exit_code=stage.exit_code,
            )
            for stage in state.stages
        ],
        configurations=[
            ConfigurationReport(
                batch_size=configuration.start.batch_size,
                input_len=configuration.start.input_len,
                output_len=configuration.start.output_len,
                gpu_weights_percent=configuration.start.gpu_weights_percent,
                requests=configuration.start.requests,
                concurrency=configuration.start.concurrency,
                rows=[
                    Row(
                        metric=value.metric.name,
                        unit=value.metric.unit,
                        value=value.value,
                        n=value.n,
                        printed=value.printed,
                        note=value.note,
                        low=value.low,
                        high=value.high,
                    )
                    for value in metrics.values(
                        configuration, ranks, gpu_metrics.numbers(state, number, plan.decode_reads)
                    )
                ],
                flags=metrics.flags(configuration, ranks) + gpu_metrics.flags(state, number),
            )
            for number, configuration in enumerate(state.configurations)
        ],
        flags=_run_flags(plan, state),
        answers=[SmokeAnswer(prompt=said.prompt, answer=said.answer) for said in state.answers],
        cause=state.failure.cause if state.failure else "",
        remedy=state.failure.remedy if state.failure else "",
        log=state.failure.log if state.failure else "",
        gpus=[gpu.identity.name for gpu in gpu_metrics.used(state)],
        sweep=plan.sweep,
    )


def _run_flags(plan: Plan, state: RunState) -> list[str]:
    flags = [notice.text for notice in state.notices if notice.level == "warning"]
    flags += gpu_metrics.run_flags(state)
    on_gpus = bool(plan.devices) and "cpu" not in plan.devices
    if state.no_gpu is not None and plan.gpu_hz > 0 and on_gpus:
        flags.append(f"GPUs were not read: {alone(state.no_gpu)}")
    done = sum(1 for configuration in state.configurations if configuration.done)
    if not state.running and done < len(plan.configurations):
        flags.append(f"only {done} of {len(plan.configurations)} configurations were measured to the end")
    if state.lost_events:
        flags.append(f"{state.lost_events} events of the log could not be written")
    return flags


def read_head(run_dir: Path) -> RunState:
    """The state after the first part of a log: enough to tell when a run started, cheap for a long one."""
    state = RunState()
    state.apply_all(EventReader(run_dir / layout.EVENTS, limit=4096).read())
    return state


def read_state(run_dir: Path) -> RunState:
    """The state of a run from its whole log."""
    state = RunState()
    reader = EventReader(run_dir / layout.EVENTS)
    while events := reader.read():
        state.apply_all(events)
    return state


def write(run_dir: Path, report: Report) -> None:
    write_atomically(run_dir / layout.REPORT, msgspec.json.format(msgspec.json.encode(report)))


_report_decoder = msgspec.json.Decoder(Report)
_summary_decoder = msgspec.json.Decoder(Summary)


def load(run_dir: Path) -> Report:
    """The report of a run: as written when it ended, else rebuilt from the log.

    A run that lost its supervisor is ended first.

    Raises:
        UserError: the directory is no run that this version can read.
    """
    try:
        return _report_decoder.decode(read(run_dir / layout.REPORT))
    except (OSError, *layout.UNREADABLE):
        from runner.history.recovery import recover  # which builds a report, too

        plan, state = layout.load_plan(run_dir), read_state(run_dir)
        if state.running and (closing := recover(run_dir)) is not None:
            state = read_state(run_dir)
            state.apply_all(closing if state.running else ())
        return build(plan, state, run_dir.name)


def read_summary(run_dir: Path) -> Summary | None:
    """What the list of runs needs of an ended run; None when it has no (readable) report yet."""
    try:
        return _summary_decoder.decode(read(f"{run_dir}/{layout.REPORT}"))
    except (OSError, *layout.UNREADABLE):
        return None


def summary_of(report: Report) -> Summary:
    """The part of a report that the list of runs shows, of a report that is not on disk."""
    return _summary_decoder.decode(msgspec.json.encode(report))
