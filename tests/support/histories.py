"""Runs that ended, for tests of what lists them: entries, and directories with a report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import astuple

from runner import events as ev
from runner.history.run_entry import Figure, RunEntry, best_figure
from runner.plan.plan import Configuration, SweepMembership
from runner.report.files import write_report
from runner.report.model import SCHEMA, ConfigurationReport, MetricCell, Report
from runner.run import layout
from runner.state.run import LiveStatus
from runner.util import paths
from tests.support.runs import plan_of

DAY = 86400.0
NOW = 1_767_276_000.0  # 2026-01-01 14:00 UTC


def figure(tokens_per_sec: float | None = 100.0, latency_ms: float = 40.0, *, batch_size: int = 1) -> Figure:
    return Figure(astuple(Configuration(batch_size, 128, 64)), tokens_per_sec, latency_ms)


def entry(
    letters: str = "0001",
    profile: str = "quickstart",
    status: LiveStatus = "finished",
    *,
    ago: float = 60.0,
    seconds: float = 62.0,
    figures: Sequence[Figure] = (),
    **more: object,
) -> RunEntry:
    """A row of the list that no directory stands behind."""
    run = run_id(letters, profile, ago)
    fields: dict[str, object] = {
        "run": run,
        "profile": profile,
        "engine": "torch",
        "status": status,
        "started": NOW - ago,
        "seconds": seconds,
        "figures": tuple(figures),
        "best": best_figure(figures),
        "run_dir": Path("/runs") / run,
    }
    return RunEntry(**{**fields, **more})  # type: ignore[arg-type]


def run_id(letters: str, profile: str, ago: float) -> str:
    return time.strftime(f"%Y%m%dT%H%M%SZ_{profile}_{letters}", time.gmtime(NOW - ago))


def ended(
    letters: str = "0001",
    profile: str = "quickstart",
    status: LiveStatus = "finished",
    *,
    ago: float = 60.0,
    seconds: float = 62.0,
    figures: Sequence[Figure] = (),
    flags: Sequence[str] = (),
    gpus: Sequence[str] = (),
    cause: str = "",
    engine: str = "torch",
    host: str = "bench01",
    sweep: SweepMembership | None = None,
    settings: str = "name: quickstart\n",
) -> Path:
    """The directory of a run that ended: its plan, the two ends of its log, and its report."""
    run_dir = paths.runs_dir() / run_id(letters, profile, ago)
    plan = plan_of(["/bin/true"])
    with layout.create_run_dir(run_dir, plan, settings):
        pass
    second = 10**9
    log = [
        ev.RunStarted(t=second, run=run_dir.name, schema=1, wall=NOW - ago, host=host, boot_id="b",
                      pid=1, cores=8, version="1"),
        ev.RunEnded(t=round((1 + seconds) * second), status="finished", wall=NOW - ago + seconds),
    ]  # fmt: skip
    (run_dir / layout.EVENTS).write_bytes(b"".join(map(ev.encode, log)))
    written = Report(
        schema=SCHEMA,
        run=run_dir.name,
        profile=profile,
        engine=engine,
        summary="a test run",
        status=status,
        started=NOW - ago,
        seconds=seconds,
        host=host,
        ranks=1,
        stages=[],
        configurations=[_configuration(shown) for shown in figures],
        flags=list(flags),
        gpus=list(gpus),
        cause=cause,
        sweep=sweep,
    )
    write_report(run_dir, written)
    return run_dir


def _configuration(shown: Figure) -> ConfigurationReport:
    return ConfigurationReport(
        batch_size=shown.shape.batch_size,
        input_len=shown.shape.input_len,
        output_len=shown.shape.output_len,
        rows=[
            MetricCell(metric="latency_ms", unit="ms", n=10, value=shown.latency_ms),
            MetricCell(metric="tokens_per_sec", unit="tokens/s", n=10, value=shown.tokens_per_sec),
        ],
        flags=[],
    )
