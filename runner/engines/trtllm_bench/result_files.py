"""Classify result files of trtllm-bench by their content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from runner.engines.diagnosis import find_failure
from runner.engines.imported_files import SourceFile
from runner.engines.trtllm_bench.failures import KNOWN_FAILURES
from runner.engines.trtllm_bench.output import as_json, parse_iteration, printed_reports
from runner.util.errors import UserError

BenchFileKind = Literal["log", "report", "requests", "answers", "iterations"]
OPTIONS: dict[BenchFileKind, str] = {
    "requests": "request_json", "answers": "output_json", "iterations": "iteration_log",
}  # fmt: skip
"""Kinds of files that belong to a report -> the option that writes each."""


@dataclass(frozen=True)
class BenchFile:
    """A result file of trtllm-bench, and its kind."""

    source: SourceFile
    kind: BenchFileKind

    @property
    def name(self) -> str:
        return str(self.source.path)


def classify_file(source: SourceFile) -> BenchFile | None:
    """Classify a file; return None for a file of another program.

    Raises:
        UserError: it is JSON, but incomplete or made by this program.
    """
    first = source.text[:100_000].lstrip().split("\n", 1)[0]
    if parse_iteration(first, 0, 0) is not None:
        return BenchFile(source, "iterations")
    if source.is_json:
        kind = _json_kind(source, first)
        return BenchFile(source, kind) if kind is not None else None
    return BenchFile(source, "log") if printed_reports(source.text) else None


def _json_kind(source: SourceFile, first_line: str) -> BenchFileKind | None:
    found = as_json(source.content)
    if found is None and as_json(first_line) is not None:
        return None  # a list of JSON lines of another program
    if found is None:
        raise UserError(f"{source.path}: is not complete JSON; copy it again from its source")
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
            hint="`trtbench-tui archive RUN` makes one file of the whole run, which import reads",
        )
    return None


def explain_failure(text: str) -> str:
    """Return why a log of the tool has no report, in one sentence; empty without a known failure."""
    if "trtllm-bench" not in text and "Preparing to run" not in text:
        return ""
    return find_failure(text, KNOWN_FAILURES)
