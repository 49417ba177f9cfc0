"""The second line of the result: the stages, and the throughput that the run is about."""

from __future__ import annotations

from runner.metrics import OUTPUT_TOKENS_PER_SEC, TOKENS_PER_SEC
from runner.report.model import ConfigurationReport, Report
from runner.report.result_table import configuration_name
from tui.screens.live.stage_strip import StageItem, StageLine, StageMark

_MARKS: dict[str, StageMark] = {"ok": "ok", "failed": "failed", "stopped": "stopped", "skipped": "skipped"}
_UNITS = {TOKENS_PER_SEC.name: "tokens/s", OUTPUT_TOKENS_PER_SEC.name: "output tokens/s"}


def stage_line(report: Report) -> StageLine:
    """Return the stages with the most tokens/s of a finished run, and the configuration that has them."""
    # A report of a lost run does not say how its last stage ended.
    other: StageMark = "stopped" if report.status == "lost" else "running"
    stages = tuple(
        StageItem(stage.name, _MARKS.get(stage.status, other), int(stage.seconds), stage.exit_code)
        for stage in report.stages
    )
    found = [(*rate, one) for one in report.configurations if (rate := _throughput(one)) is not None]
    if report.status != "finished" or not found:
        return StageLine(stages)
    value, unit, best = max(found, key=lambda rate: rate[0])
    of = f"best: {configuration_name(best)}" if len(report.configurations) > 1 else ""
    return StageLine(stages, value, unit, of)


def _throughput(one: ConfigurationReport) -> tuple[float, str] | None:
    cells = (row for row in one.rows if row.metric in _UNITS and row.value is not None)
    return next(((cell.value, _UNITS[cell.metric]) for cell in cells if cell.value is not None), None)
