"""Files of trtllm-bench: what each one is, by its content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runner.engines.diagnosis import failure_told_in
from runner.engines.source import Source
from runner.engines.trtllm_bench.failures import KNOWN
from runner.engines.trtllm_bench.output import as_json, iteration_of, printed_reports
from runner.errors import UserError

Kind = Literal["log", "report", "requests", "answers", "iterations"]
OPTIONS: dict[Kind, str] = {
    "requests": "request_json", "answers": "output_json", "iterations": "iteration_log",
}  # fmt: skip
"""What belongs to a report, and the option that writes it."""


@dataclass(frozen=True)
class File:
    """A file of trtllm-bench, and what it is."""

    source: Source
    kind: Kind

    @property
    def name(self) -> str:
        return str(self.source.path)


def file_of(source: Source) -> File | None:
    """What of trtllm-bench's a file is; None when it is nothing of its.

    Raises:
        UserError: it is JSON, but torn or of something else.
    """
    first = source.text[:100_000].lstrip().split("\n", 1)[0]
    if iteration_of(first, 0, 0) is not None:
        return File(source, "iterations")
    if source.is_json:
        return File(source, _json_kind(source))
    return File(source, "log") if printed_reports(source.text) else None


def _json_kind(source: Source) -> Kind:
    found = as_json(source.content)
    if found is None:
        raise UserError(f"{source.path}: is not whole JSON; copy it again from where it was made")
    if isinstance(found, dict) and isinstance(found.get("performance"), dict):
        return "report"
    if isinstance(found, list) and found and all(isinstance(one, dict) for one in found):
        if all("start_timestamp" in one for one in found):
            return "requests"
    elif isinstance(found, dict) and found and all(isinstance(one, str) for one in found.values()):
        return "answers"
    if isinstance(found, dict) and {"schema", "run", "configurations"} <= found.keys():
        raise UserError(
            f"{source.path}: is the table of a run of trtbench-tui",
            hint="`trtbench-tui archive RUN` there makes one file of the whole run, which import takes",
        )
    raise UserError(
        f"{source.path}: is JSON, but not what trtllm-bench writes",
        hint="wanted: what its --report_json, --request_json or --output_json wrote",
    )


def failure_in(text: str) -> str:
    """Why a log of the tool holds no report, in one sentence; empty when it names no known failure."""
    if "trtllm-bench" not in text and "Preparing to run" not in text:
        return ""
    return failure_told_in(text, KNOWN)
