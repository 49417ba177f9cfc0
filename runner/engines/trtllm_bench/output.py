"""What trtllm-bench prints and writes: how far it is, every iteration of the engine, requests, the report.

The report comes in three wordings (0.14 to 0.17, latency of 0.15 and 0.16, later), with tabs or spaces behind
the names; a printed name stays as it is, and numbers of the JSON report have dotted names.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import msgspec

from runner import events as ev
from runner.engines.benchmark_line import without_prefix
from runner.engines.output import NO_REQUEST, Written
from runner.run.layout import UNREADABLE

MANY = 500
"""Requests in one event."""
MOST_ANSWERS = 3
MOST_ANSWER = 600
"""Characters of an answer that are kept."""


# --- how far it is ----------------------------------------------------------------------------------------

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
_OF_WARMUP_TOO = ("Starting benchmark...", "Benchmark complete.", "Request serving started")
"""Warming up runs the same code, so while it goes on these lines are about it."""
_BAR = re.compile(r"Benchmarking:\s+\d+%\|[^|]*\|\s*(?P<done>\d+)/(?P<total>\d+)\b")


@dataclass(slots=True)
class Progress:
    """Reads how far trtllm-bench is, line by line; remembers the phase, and says only what changed."""

    phase: str = ""
    done: int = -1

    def __call__(self, line: str, t: int, stage: int) -> ev.AnyEvent | None:
        bar = _BAR.search(line.rpartition("\r")[2]) or _BAR.search(line)
        if bar is not None:
            return self._requests(int(bar["done"]), int(bar["total"]), t, stage)
        found = next(((text, phase, said) for text, phase, said in _PHASES if text in line), None)
        if found is None or (self.phase == "warmup" and found[0] in _OF_WARMUP_TOO):
            return None
        _, phase, said = found
        if self.phase == phase and phase != "loading":
            return None
        self.phase, self.done = phase, -1
        return ev.Serving(t=t, stage=stage, phase=phase, text=said)

    def _requests(self, done: int, total: int, t: int, stage: int) -> ev.AnyEvent | None:
        if done == self.done:
            return None
        self.done = done
        return ev.RequestsDone(t=t, stage=stage, done=done, total=total)


def ends_after(line: str) -> str | None:
    """What the tool must come to an end with after a line; empty: it has; None for any other line."""
    if "Stopping LLM backend" in line:
        return "stop its backend"
    if "Benchmark Shutdown called" in line or "Benchmark done. Reporting results" in line:
        return "report and end"
    return "" if "LLM Backend stopped" in line else None


# --- iterations of the engine -----------------------------------------------------------------------------


def iteration_of(line: str, t: int, stage: int) -> ev.AnyEvent | None:
    """One line of the iteration log: a Python dict as Python prints it; None when it is none, or cut off."""
    found = _dict_in(line)
    if not isinstance(found, dict) or not isinstance(found.get("iterLatencyMS"), int | float):
        return None
    batching, cache = _section(found, "inflightBatchingStats"), _section(found, "kvCacheStats")
    context, generating = _count(batching, "numContextRequests"), _count(batching, "numGenRequests")
    return ev.EngineIteration(
        t=t,
        stage=stage,
        i=_count(found, "iter") or 0,
        latency_ms=float(found["iterLatencyMS"]),
        active=_count(found, "numActiveRequests"),
        queued=_count(found, "numQueuedRequests"),
        context=context,
        generating=generating,
        tokens=_tokens(batching, generating),
        kv_used=_count(cache, "usedNumBlocks"),
        kv_total=_count(cache, "maxNumBlocks"),
        gpu_memory=_count(found, "gpuMemUsage"),
    )


def _dict_in(line: str) -> object:
    """What a line spells; None when it is nothing that a dict of numbers is written as."""
    for read in (str.strip, _without_foreign):
        try:
            return ast.literal_eval(read(line))
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return None


_FOREIGN = re.compile(r"(?<=: )-?\b(?:nan|inf|NaN|Infinity|null|true|false)\b")
"""Values that Python does not read back: of a division by zero, and of JSON."""


def _without_foreign(line: str) -> str:
    return _FOREIGN.sub("None", line.strip())


def _section(found: dict[str, Any], name: str) -> dict[str, Any]:
    section = found.get(name)
    return section if isinstance(section, dict) else {}


def _count(section: dict[str, Any], name: str) -> int | None:
    value = section.get(name)
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _tokens(batching: dict[str, Any], generating: int | None) -> int | None:
    """Tokens of one iteration: of inputs, and one (with speculative decoding more) a generating request."""
    entry = _count(batching, "numCtxTokens")
    if entry is None or generating is None:
        return None
    each = batching.get("avgNumDecodedTokensPerIter")
    return entry + round(generating * (each if isinstance(each, int | float) and each > 1 else 1))


# --- what it has written when it ends ---------------------------------------------------------------------


def left_in(written: Written) -> Iterator[ev.AnyEvent]:
    """Requests, answers and the result of a finished benchmark; nothing when it reported nothing."""
    if written.stage.name != "benchmark":
        return
    values = printed_report(written.log) | json_report(written.read("report"))
    yield from requests_in(written.read("requests"), written.t, written.index)
    yield from answers_in(written.read("answers"), written.t, written.index)
    if any(values.get(name) == "0" for name in _COUNTS):
        text = f"trtllm-bench reports that it {NO_REQUEST}"
        yield ev.Notice(t=written.t, level="warning", text=text)
    elif values:
        yield ev.Result(t=written.t, stage=written.index, values=values)


_COUNTS = ("Number of requests", "request_info.num_requests")
_SECTION = re.compile(r"^= ([A-Z][A-Z +()/a-z]*?)\s*$")
_PLAIN_SECTIONS = (
    "ENGINE DETAILS", "PYTORCH BACKEND", "MACHINE DETAILS", "WORLD + RUNTIME INFORMATION", "REQUEST DETAILS",
    "PERFORMANCE OVERVIEW", "STREAMING STATISTICS", "GENERAL OVERVIEW", "LATENCY OVERVIEW",
)  # fmt: skip
"""A name means the same in each of these; in any other section it is told by the section's name before it."""
_FIRST = ("ENGINE DETAILS", "PYTORCH BACKEND")
_END = ("DATASET DETAILS",)
"""Sections that belong to no result."""


class Printed(NamedTuple):
    """A report in an output."""

    values: dict[str, str]
    before: str
    """what was printed before it, from the heading of the report before that on"""


def printed_report(log: str) -> dict[str, str]:
    """Names and values of the last report in an output; empty when there is none."""
    found = printed_reports(log)
    return found[-1].values if found else {}


def printed_reports(log: str) -> list[Printed]:
    """Every report in an output, in their order; what never came to a throughput is none."""
    lines = [without_prefix(line) for line in log.split("\n")]
    begins = [number for number, line in enumerate(lines) if _section_of(line) in _FIRST]
    found: list[Printed] = []
    before = 0
    for first, end in pairwise([*begins, len(lines)]):
        values = _values(lines[first:end])
        if any("hroughput" in name for name in values):
            found.append(Printed(values, "\n".join(lines[before:first])))
            before = first
    return found


def _section_of(line: str) -> str:
    head = _SECTION.match(line.strip())
    return head[1] if head is not None else ""


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
    """The JSON report, flat: `performance.total_latency_ms` -> `1234.5`."""
    flat: dict[str, str] = {}
    try:
        _flatten(as_json(content), "", flat)
    except RecursionError:
        return {}
    return flat


def as_json(content: bytes | None) -> Any:
    """JSON as Python writes it, with its NaN and Infinity; None when it is none."""
    try:
        return json.loads(content or b"")
    except (ValueError, RecursionError):
        return None


def _flatten(value: Any, name: str, flat: dict[str, str]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _flatten(inner, f"{name}.{key}" if name else str(key), flat)
    elif isinstance(value, int | float | str) and name.count(".") and value not in (math.inf, -math.inf):
        flat[name] = str(value)


class _Request(msgspec.Struct):
    """What counts of one entry of the request file; times in nanoseconds of one clock."""

    start_timestamp: int
    end_timestamp: int
    num_input_tokens: int = 0
    output_tokens: int = 0
    first_token_timestamp: int | None = None


_requests = msgspec.json.Decoder(list[_Request])


def requests_in(content: bytes | None, t: int, stage: int) -> Iterator[ev.Requests]:
    """Every finished request of the request file, many in one event; none when the file cannot be read."""
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
    return _ms(first - request.start_timestamp) if first is not None and first > 0 else None


def _per_token(request: _Request) -> float | None:
    first = request.first_token_timestamp
    if first is None or first <= 0 or request.output_tokens < 2:
        return None
    return _ms(request.end_timestamp - first) / (request.output_tokens - 1)


def _ms(nanoseconds: int) -> float:
    return nanoseconds / 1e6


def answers_in(content: bytes | None, t: int, stage: int) -> Iterator[ev.Answer]:
    """The first answers of the output file, for a person to read."""
    try:
        answers = msgspec.json.decode(content or b"", type=dict[str, str])
    except UNREADABLE:
        return
    for number, answer in list(answers.items())[:MOST_ANSWERS]:
        yield ev.Answer(t=t, stage=stage, prompt=f"request {number}", answer=answer[:MOST_ANSWER])
