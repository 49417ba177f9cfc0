"""Parsers of what trtllm-bench prints and writes: progress, engine iterations, requests, the report.

The report has three wordings (0.14 to 0.17; latency of 0.15 and 0.16; later), with tabs or spaces after the
names. Printed names are kept verbatim; numbers of the JSON report have dotted names.
"""

from __future__ import annotations

import ast
import contextlib
import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from runner import events as ev
from runner.engines.benchmark_line import without_prefix
from runner.engines.output import FinishedStage, OutputNotice, OutputReader, ParsedEvent
from runner.engines.tensorrt_llm.memory_lines import MemoryParser
from runner.engines.trtllm_bench.applied import differences
from runner.engines.trtllm_bench.failures import KNOWN_FAILURES
from runner.run.layout import UNREADABLE
from runner.util.bounds import MOST_LATENCY, Count, Whole, as_count
from runner.util.foreign_json import decode_json

MANY = 500
"""Maximum number of requests in one event."""
MOST_ANSWERS = 3
MOST_ANSWER = 600
"""Characters of an answer that are kept."""


# --- progress ---------------------------------------------------------------------------------------------

_PHASES: tuple[tuple[str, ev.ServingPhase, str], ...] = (
    ("Preparing to run throughput benchmark", "loading", "reads the dataset"),
    ("Preparing to run latency benchmark", "loading", "reads the dataset"),
    ("Setting up throughput benchmark", "loading", "loads the model"),
    ("Setting up latency benchmark", "loading", "loads the model"),
    ("Initializing backend", "loading", "loads the engine"),
    ("WAITING ON EXECUTOR", "loading", "loads the engine"),
    ("Setting up for warmup", "warmup", "warms up"),
    ("Running warmup", "warmup", "warms up"),
    ("WARMING UP", "warmup", "warms up"),
    ("Warmup done", "timed", "measures"),
    ("Starting benchmark...", "timed", "measures"),
    ("Request serving started", "timed", "measures"),
    ("Low latency benchmark started", "timed", "measures"),
    ("Benchmark complete.", "reporting", "stops and reports"),
    ("Request serving stopped", "reporting", "stops and reports"),
    ("Low latency benchmark finished", "reporting", "stops and reports"),
    ("Benchmark done. Reporting results", "reporting", "stops and reports"),
)
_IN_WARMUP_TOO = ("Starting benchmark...", "Benchmark complete.", "Request serving started")
"""Warm-up runs the same code, so during warm-up these lines do not change the phase."""
_BAR = re.compile(r"Benchmarking:\s+\d+%\|[^|]*\|\s*(?P<done>\d{1,15})/(?P<total>\d{1,15})\b")


@dataclass(slots=True)
class ProgressParser:
    """Parses progress line by line; keeps the phase, and returns an event only when something changed."""

    phase: str = ""
    done: int = -1

    def __call__(self, line: str, t: int, stage: int) -> ParsedEvent:
        bar = _BAR.search(line.rpartition("\r")[2]) or _BAR.search(line)
        if bar is not None:
            return self._requests(int(bar["done"]), int(bar["total"]), t, stage)
        found = next((entry for entry in _PHASES if entry[0] in line), None)
        if found is None or (self.phase == "warmup" and found[0] in _IN_WARMUP_TOO):
            return None
        _, phase, text = found
        if self.phase == phase and phase != "loading":
            return None
        self.phase, self.done = phase, -1
        return ev.Serving(t=t, stage=stage, phase=phase, text=text)

    def _requests(self, done: int, total: int, t: int, stage: int) -> ParsedEvent:
        if done == self.done:
            return None
        self.done = done
        return ev.RequestsDone(t=t, stage=stage, done=done, total=total)


SHUTDOWN_MARKS = (
    b"Stopping LLM backend",
    b"Benchmark Shutdown called",
    b"Benchmark done. Reporting results",
    b"LLM Backend stopped",
)
"""Texts in the lines that `shutdown_step` knows."""


def shutdown_step(line: str) -> str | None:
    """Return what the tool must still do after a line; empty: nothing; None for any other line."""
    if "Stopping LLM backend" in line:
        return "stop its backend"
    if "Benchmark Shutdown called" in line or "Benchmark done. Reporting results" in line:
        return "report and end"
    return "" if "LLM Backend stopped" in line else None


# --- iterations of the engine -----------------------------------------------------------------------------


def parse_iteration(line: str, t: int, stage: int) -> ParsedEvent:
    """Parse a line of the iteration log; None for other or incomplete lines.

    A line is JSON in 0.15 and 0.16, and a printed Python dict from 0.19 on.
    """
    found = _dict_in(line)
    if not isinstance(found, dict):
        return None
    latency_ms = found.get("iterLatencyMS")
    if not isinstance(latency_ms, int | float) or not 0 <= latency_ms <= MOST_LATENCY:
        return None
    batching, cache = _section(found, "inflightBatchingStats"), _section(found, "kvCacheStats")
    context, generating = _count(batching, "numContextRequests"), _count(batching, "numGenRequests")
    return ev.EngineIteration(
        t=t,
        stage=stage,
        i=_count(found, "iter") or 0,
        latency_ms=float(latency_ms),
        active=_count(found, "numActiveRequests"),
        queued=_count(found, "numQueuedRequests"),
        context=context,
        generating=generating,
        tokens=_tokens(batching, generating),
        kv_used=_count(cache, "usedNumBlocks"),
        kv_total=_count(cache, "maxNumBlocks"),
        gpu_memory=_count(found, "gpuMemUsage"),
        paused=_count(batching, "numPausedRequests"),
    )


def _dict_in(line: str) -> object:
    """Return the JSON value or the Python literal in a line; None for any other text."""
    if not line.lstrip().startswith("{"):
        return None
    decoded = as_json(line)
    if decoded is not None:
        return decoded
    with warnings.catch_warnings():
        # Python warns of text that only looks like a literal, on the standard error of this process.
        warnings.simplefilter("ignore", SyntaxWarning)
        for read in (str.strip, _without_foreign):
            with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
                return ast.literal_eval(read(line))
    return None


_FOREIGN = re.compile(r"(?<=: )-?\b(?:nan|inf|NaN|Infinity|null|true|false)\b")
"""Values that Python does not parse: of a division by zero, and those that JSON has."""


def _without_foreign(line: str) -> str:
    return _FOREIGN.sub("None", line.strip())


def _section(found: dict[str, Any], name: str) -> dict[str, Any]:
    section = found.get(name)
    return section if isinstance(section, dict) else {}


def _count(section: dict[str, Any], name: str) -> int | None:
    return as_count(section.get(name))


def _tokens(batching: dict[str, Any], generating: int | None) -> int | None:
    """Return the tokens of an iteration: input tokens, and one or more for each generating request."""
    entry = _count(batching, "numCtxTokens")
    if entry is None or generating is None:
        return None
    each = batching.get("avgNumDecodedTokensPerIter")
    return as_count(entry + generating * (each if isinstance(each, int | float) and each > 1 else 1))


# --- results when it has ended ----------------------------------------------------------------------------


def collect_results(finished: FinishedStage) -> Iterator[ev.AnyEvent | OutputNotice]:
    """Yield requests, answers and the result of a finished benchmark; nothing when there is no report."""
    if finished.stage.name != "benchmark":
        return
    values = printed_report(finished.log) | json_report(finished.read("report"))
    yield from requests_in(finished.read("requests"), finished.t, finished.index)
    yield from answers_in(finished.read("answers"), finished.t, finished.index)
    if any(values.get(name) == "0" for name in _COUNTS):
        yield OutputNotice("trtllm-bench reports that it measured no request", explains_missing_result=True)
    elif values:
        yield from (OutputNotice(text) for text in report_notices(values))
        said = differences(finished.stage.argv, values, finished.log)
        yield from (OutputNotice(text) for text in said)
        yield ev.Result(t=finished.t, stage=finished.index, values=values)


_P90_IS_MEDIAN = "GENERATION LATENCY BREAKDOWN: P90 (ms)"


def report_notices(values: dict[str, str]) -> list[str]:
    """Return what a reader of a report must know: latency of 0.14 to 0.18 prints the median as P90."""
    if _P90_IS_MEDIAN not in values:
        return []
    return [
        f"trtllm-bench latency of this version prints the median as P90: {values[_P90_IS_MEDIAN]} ms of its"
        " generation latency breakdown is the 50th percentile"
    ]


_COUNTS = ("Number of requests", "request_info.num_requests")
_SECTION = re.compile(r"^= _?([A-Z][A-Z +()/a-z]*?)\s*$")
_PLAIN_SECTIONS = (
    "ENGINE DETAILS", "PYTORCH BACKEND", "AUTODEPLOY BACKEND", "MACHINE DETAILS",
    "WORLD + RUNTIME INFORMATION", "REQUEST DETAILS", "PERFORMANCE OVERVIEW",
    "STREAMING STATISTICS", "GENERAL OVERVIEW", "LATENCY OVERVIEW",
)  # fmt: skip
"""Sections whose names are unambiguous; in other sections, the name of the section is the prefix."""
_FIRST = ("ENGINE DETAILS", "PYTORCH BACKEND", "AUTODEPLOY BACKEND")
"""Headings of the first section, which names the backend: `PyTorch backend` in 0.17 and 0.18,
`PYTORCH BACKEND` later, `_AUTODEPLOY BACKEND` without engine."""
_END = ("DATASET DETAILS",)
"""Sections after the result."""


class PrintedReport(NamedTuple):
    """A report in the output."""

    values: dict[str, str]
    before: str
    """the output before it, from the heading of the previous report"""


def printed_report(log: str) -> dict[str, str]:
    """Return names and values of the last report in an output; empty without a report."""
    found = printed_reports(log)
    return found[-1].values if found else {}


def printed_reports(log: str) -> list[PrintedReport]:
    """Return the reports in an output, in order; a report without a throughput is incomplete and left out."""
    lines = [without_prefix(line) for line in log.split("\n")]
    begins = [number for number, line in enumerate(lines) if _section_of(line) in _FIRST]
    found: list[PrintedReport] = []
    before = 0
    for first, end in pairwise([*begins, len(lines)]):
        values = _values(lines[first:end])
        if any("hroughput" in name for name in values):
            found.append(PrintedReport(values, "\n".join(lines[before:first])))
            before = first
    return found


def _section_of(line: str) -> str:
    head = _SECTION.match(line.strip())
    if head is None:
        return ""
    return head[1].upper() if head[1].upper() in _FIRST else head[1]


def _values(lines: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    section = ""
    for line in lines:
        if head := _section_of(line):
            section = head
            continue
        if not section or section in _END:
            continue
        if line.startswith("["):
            # A line of the logger ends the report; "[Latency] P50 : 1.2" is a part of it.
            named = re.match(r"^\[[A-Za-z]+\] ", line)
            if named is None:
                section = ""
                continue
        name, _, value = line.partition(":")
        if name.strip() and value[:1].isspace() and value.strip():
            place = "" if section in _PLAIN_SECTIONS else f"{section}: "
            values[place + " ".join(name.split())] = value.strip()
    return values


def json_report(content: bytes | None) -> dict[str, str]:
    """Return the JSON report, flattened: `performance.total_latency_ms` -> `1234.5`."""
    flat: dict[str, str] = {}
    try:
        _flatten(as_json(content), "", flat)
    except RecursionError:
        return {}
    share = as_share(flat.get(_KV_PERCENTAGE, ""))
    return flat | ({_KV_PERCENTAGE: share} if share else {})


_KV_PERCENTAGE = "world_info.kv_cache_percentage"


def as_share(text: str) -> str:
    """Return the share of memory for the KV cache, which some versions report as 0.9 and others as 90.0."""
    try:
        value = float(text)
    except ValueError:
        return ""
    return str(value / 100) if value > 1 else text


def as_json(content: bytes | str | None) -> Any:
    """Decode JSON as Python writes it, with NaN and Infinity; None for invalid JSON."""
    try:
        return decode_json(content or b"")
    except ValueError:
        return None


def _flatten(value: Any, name: str, flat: dict[str, str]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _flatten(inner, f"{name}.{key}" if name else str(key), flat)
    elif isinstance(value, int | float | str) and name.count(".") and value not in (math.inf, -math.inf):
        flat[name] = str(value)


class _Request(msgspec.Struct):
    """The fields of interest of an entry of the request file; times in nanoseconds of one clock."""

    start_timestamp: Whole
    end_timestamp: Whole
    num_input_tokens: Count = 0
    output_tokens: Count = 0
    first_token_timestamp: Whole | None = None


_requests = msgspec.json.Decoder(list[_Request])


def requests_in(content: bytes | None, t: int, stage: int) -> Iterator[ev.Requests]:
    """Yield the finished requests of the request file, many in one event; none for an unreadable file."""
    try:
        found = _requests.decode(content or b"")
    except UNREADABLE:
        return
    found = [request for request in found if request.end_timestamp > request.start_timestamp > 0]
    first = min((request.start_timestamp for request in found), default=0)
    for begin in range(0, len(found), MANY):
        some = found[begin : begin + MANY]
        yield ev.Requests(
            t=t,
            stage=stage,
            start_ms=[_ms(request.start_timestamp - first) for request in some],
            latency_ms=[_ms(request.end_timestamp - request.start_timestamp) for request in some],
            ttft_ms=[_ttft(request) for request in some],
            per_token_ms=[_per_token(request) for request in some],
            input_tokens=[request.num_input_tokens for request in some],
            output_tokens=[request.output_tokens for request in some],
        )


def _ttft(request: _Request) -> float | None:
    first = request.first_token_timestamp
    if first is None or first <= 0:
        return None
    return _ms(first - request.start_timestamp) if first >= request.start_timestamp else None


def _per_token(request: _Request) -> float | None:
    first = request.first_token_timestamp
    if first is None or not 0 < first <= request.end_timestamp or request.output_tokens < 2:
        return None
    return _ms(request.end_timestamp - first) / (request.output_tokens - 1)


def _ms(nanoseconds: int) -> float:
    return nanoseconds / 1e6


def answers_in(content: bytes | None, t: int, stage: int) -> Iterator[ev.Answer]:
    """Yield the first answers of the output file, for the user to read."""
    try:
        answers = msgspec.json.decode(content or b"", type=dict[str, str])
    except UNREADABLE:
        return
    for number, answer in list(answers.items())[:MOST_ANSWERS]:
        yield ev.Answer(t=t, stage=stage, prompt=f"request {number}", answer=answer[:MOST_ANSWER])


OUTPUT = OutputReader(
    parse_result=lambda _: None,
    progress_parser=ProgressParser,
    memory_parser=MemoryParser,
    parse_iteration=parse_iteration,
    shutdown_step=shutdown_step,
    collect_results=collect_results,
    marks=SHUTDOWN_MARKS,
    known_failures=KNOWN_FAILURES,
)
