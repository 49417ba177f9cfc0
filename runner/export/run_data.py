"""The data of a run for exports, each part read when a format needs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from runner.events.journal import EventReader
from runner.export.timeline import Timeline
from runner.history.reports import load_report
from runner.plan import redaction
from runner.plan.masking import Mask, reader_mask
from runner.plan.plan import Plan
from runner.plan.repro_script import repro_script
from runner.report.environment import Environment, read_environment
from runner.report.model import Report
from runner.run import layout
from runner.state.run import RunState


@dataclass
class LogData:
    """The result of one pass over the log of a run; its size does not grow with the log."""

    state: RunState = field(default_factory=RunState)
    timeline: Timeline = field(default_factory=Timeline)


@dataclass
class RunData:
    """A run to export.

    Raises:
        UserError: the directory holds no run that this version can read.
    """

    run_dir: Path
    plan: Plan = field(init=False)
    mask: Mask = field(init=False)
    """the secrets that no export contains"""

    def __post_init__(self) -> None:
        plan = layout.load_plan(self.run_dir)
        self.mask = reader_mask(plan)
        self.plan = self.mask.masked(redaction.redact_plan(plan))

    @cached_property
    def report(self) -> Report:
        """The report, compared with the baseline of the profile if there is one."""
        from runner.compare.report_context import in_context

        return self.mask.masked(in_context(load_report(self.run_dir), self.run_dir))

    @cached_property
    def log(self) -> LogData:
        """State and timeline of the run."""
        log = LogData()
        reader = EventReader(self.run_dir / layout.EVENTS)
        while events := self.mask.masked_all(reader.read()):
            log.state.apply_all(events)
            log.timeline.apply_all(events)
        return log

    @property
    def state(self) -> RunState:
        return self.log.state

    @cached_property
    def environment(self) -> Environment:
        return read_environment(self.run_dir, self.plan, self.state)

    @property
    def repro(self) -> str:
        """`repro.sh` of the run, without secrets."""
        return repro_script(self.plan)
