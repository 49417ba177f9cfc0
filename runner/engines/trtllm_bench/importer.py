"""Import results of trtllm-bench: console logs and the files that it writes.

Files of the same benchmark are matched by the numbers that they state.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from runner import events as ev
from runner.engines.imported import ImportedRun, safe_name, started
from runner.engines.imported_files import SourceFile
from runner.engines.interface import Importer
from runner.engines.tensorrt_llm.versions import version_of
from runner.engines.trtllm_bench.options import FIRST_CONCURRENCY
from runner.engines.trtllm_bench.output import (
    answers_in,
    json_report,
    parse_iteration,
    printed_reports,
    report_notices,
    requests_in,
)
from runner.engines.trtllm_bench.result_files import (
    OPTIONS,
    BenchFile,
    BenchFileKind,
    classify_file,
    explain_failure,
)
from runner.metrics.metric import Metric, as_number, printed_value
from runner.metrics.serving import DURATION, MEAN_INPUT, MEAN_OUTPUT, OUTPUT_TOKENS_PER_SEC, REQUESTS
from runner.plan.plan import UNKNOWN_CONCURRENCY, Configuration
from runner.state import result_matching
from runner.state.serving import RequestLog
from runner.util.bounds import parse_count
from runner.util.errors import UserError
from runner.util.formatting import plural

MOST = 2.0**53
"""Larger values, and values that are not numbers, are invalid counts and times."""
SAME = 1e-4
"""Relative difference allowed between two values of one time: printed values are rounded."""
CLOSE = 0.05
"""Relative difference allowed between the time of requests and that of their report."""


@dataclass
class ImportedBenchmark:
    """One benchmark, as a report states it."""

    values: dict[str, str]
    reports: list[BenchFile]
    command: str = ""
    """throughput or latency; empty: not known"""
    concurrency: int = UNKNOWN_CONCURRENCY
    files: dict[BenchFileKind, BenchFile] = field(default_factory=dict)

    def number(self, metric: Metric) -> float:
        """Return a reported number; 0 for a missing or impossible one."""
        number = as_number(printed_value(metric, self.values))
        return number if 0 < number < MOST else 0.0

    @property
    def configuration(self) -> Configuration:
        return Configuration(
            batch_size=0,
            input_len=round(self.number(MEAN_INPUT)),
            output_len=round(self.number(MEAN_OUTPUT)),
            requests=round(self.number(REQUESTS)),
            concurrency=self.concurrency,
        )

    @property
    def setting(self) -> tuple[str, ...]:
        """Model, version and ranks, which are the same for all benchmarks of a run."""
        model, version = _value(self.values, _MODEL), _value(self.values, _VERSION)
        return (
            model,
            f"TensorRT-LLM {version or '?'}",
            plural(result_matching.result_ranks(self.values), "rank"),
        )

    @property
    def names(self) -> str:
        return " and ".join(file.name for file in self.reports)


_MODEL = ("Model", "engine.model")
_VERSION = ("TensorRT-LLM Version", "TensorRT LLM Version", "engine.version")


def _value(values: dict[str, str], names: Sequence[str]) -> str:
    return next((values[name] for name in names if name in values), "")


# --- benchmarks ---------------------------------------------------------------------------------------------

_CALL = re.compile(r"trtllm-bench\s[^\n]*?\b(?P<command>throughput|latency)\b(?P<words>[^\n]*)")
_CONCURRENCY = re.compile(r"--concurrency[ =]+(?P<n>-?\d+)")
_LATENCY = (
    "Preparing to run latency benchmark",
    "Setting up latency benchmark",
    "Low latency benchmark started",
)
_THROUGHPUT = ("Preparing to run throughput benchmark", "Setting up throughput benchmark")


def _benchmarks(files: Sequence[BenchFile]) -> list[ImportedBenchmark]:
    """Return the benchmark of each report; the printed and the JSON report of one are merged."""
    found: list[ImportedBenchmark] = []
    for file in files:
        if file.kind == "log":
            for report in printed_reports(file.source.text):
                found.append(ImportedBenchmark(report.values, [file], *_command_of(report.before)))
        elif file.kind == "report":
            found.append(ImportedBenchmark(json_report(file.source.content), [file]))
    for one in found:
        _reject_incomplete(one)
        _set_command_by_version(one)
    whole: list[ImportedBenchmark] = []
    for one in found:
        same = next((other for other in whole if _is_same(one, other)), None)
        if same is None:
            whole.append(one)
        else:
            same.values |= {name: value for name, value in one.values.items() if name not in same.values}
            same.reports += one.reports
            same.command = same.command or one.command
            same.concurrency = max(same.concurrency, one.concurrency)
    return whole


def _command_of(log: str) -> tuple[str, int]:
    """Return the command and its concurrency, from the command line or the phases in a log."""
    calls = list(_CALL.finditer(log.replace("\\\n", " ")))
    if calls:
        command, asked = calls[-1]["command"], _CONCURRENCY.search(calls[-1]["words"])
        if asked is not None:
            return command, parse_count(asked["n"]) or 0
        return command, 1 if command == "latency" else 0
    if any(text in log for text in _LATENCY):
        return "latency", 1
    return "throughput" if any(text in log for text in _THROUGHPUT) else "", UNKNOWN_CONCURRENCY


def _set_command_by_version(one: ImportedBenchmark) -> None:
    """Set command and concurrency for versions before `--concurrency`, whose report shows the command."""
    version = version_of(_value(one.values, _VERSION))
    if version is None or version >= FIRST_CONCURRENCY:
        return
    of_latency = any(name.startswith("THROUGHPUT OVERVIEW: ") for name in one.values)
    one.command, one.concurrency = ("latency", 1) if of_latency else ("throughput", 0)


def _reject_incomplete(one: ImportedBenchmark) -> None:
    missing = [
        metric.title
        for metric in (REQUESTS, MEAN_INPUT, MEAN_OUTPUT, OUTPUT_TOKENS_PER_SEC, DURATION)
        if not one.number(metric)
    ]
    if missing:
        raise UserError(
            f"{one.names}: the report in it is incomplete or empty: no {', no '.join(missing)}",
            hint="give the whole report, from ENGINE DETAILS or PYTORCH BACKEND on",
        )


def _is_same(one: ImportedBenchmark, other: ImportedBenchmark) -> bool:
    """Check whether two benchmarks are the printed and the JSON report of one."""
    kinds = {file.kind for benchmark in (one, other) for file in benchmark.reports}
    return (
        len(kinds) == 2
        and len(other.reports) == 1
        and one.number(REQUESTS) == other.number(REQUESTS)
        and abs(one.number(DURATION) / other.number(DURATION) - 1) < SAME
    )


# --- matching files to benchmarks ---------------------------------------------------------------------------


def _attach(file: BenchFile, benchmarks: Sequence[ImportedBenchmark]) -> None:
    """Add a file to the benchmark that it belongs to.

    Raises:
        UserError: it belongs to no benchmark, or it is not known to which.
    """
    what = f"--{OPTIONS[file.kind]}"
    if file.kind == "requests":
        of = _of_requests(file, benchmarks)
    elif len(benchmarks) > 1:
        raise UserError(
            f"{file.name}: it is not known to which of {len(benchmarks)} benchmarks this belongs",
            hint="import each benchmark with its own files",
        )
    else:
        of = benchmarks[0]
    if file.kind in of.files:
        raise UserError(
            f"{file.name}: {of.files[file.kind].name} is also what {what} wrote; give one of them"
        )
    of.files[file.kind] = file


def _of_requests(file: BenchFile, benchmarks: Sequence[ImportedBenchmark]) -> ImportedBenchmark:
    """Return the benchmark whose report has the same number of requests and the same time."""
    log = RequestLog()
    for event in requests_in(file.source.content, 0, 0):
        log.take(event)
    if not log.latency.n:
        raise UserError(f"{file.name}: has no finished request")
    finished, time = log.latency.n, log.seconds * 1000
    for one in sorted(benchmarks, key=lambda one: abs(one.number(DURATION) - time)):
        if one.number(REQUESTS) == finished and abs(time / one.number(DURATION) - 1) < CLOSE:
            return one
    reports = "; ".join(
        f"{one.names}: {one.number(REQUESTS):.0f} in {one.number(DURATION):.1f} ms" for one in benchmarks
    )
    raise UserError(
        f"{file.name}: its {finished} requests in {time:.1f} ms match none of the reports ({reports})",
        hint="give the report of the same benchmark",
    )


def _set_concurrency(benchmarks: Sequence[ImportedBenchmark], concurrency: Sequence[int]) -> None:
    """Set the concurrencies that the user states, which must not contradict the logs."""
    if concurrency and len(concurrency) != len(benchmarks):
        raise UserError(
            f"--concurrency: {plural(len(concurrency), 'number')} for"
            f" {plural(len(benchmarks), 'benchmark')} ({'; '.join(one.names for one in benchmarks)})",
            hint="give one for each, in this order, separated by commas; 0: no limit",
        )
    for one, limit in zip(benchmarks, concurrency, strict=False):
        if one.concurrency not in (UNKNOWN_CONCURRENCY, limit):
            raise UserError(f"--concurrency: {one.names} was measured with {one.concurrency}, not {limit}")
        one.concurrency = limit


def _reject_mixture(benchmarks: Sequence[ImportedBenchmark]) -> None:
    """Reject benchmarks of different models, versions or ranks, and a configuration given twice."""
    first = benchmarks[0]
    for number, one in enumerate(benchmarks):
        if one.setting != first.setting:
            ours, theirs = (", ".join(two.setting) for two in (first, one))
            raise UserError(
                f"{first.names} is of {ours}, {one.names} of {theirs}",
                hint="import them one after the other: each becomes a run",
            )
        twin = next((two for two in benchmarks[:number] if two.configuration == one.configuration), None)
        if twin is not None:
            alike = one.configuration
            raise UserError(
                f"{twin.names}, {one.names}: two benchmarks of {alike.requests} requests,"
                f" {alike.input_len} in, {alike.output_len} out, which cannot be told apart",
                hint="import repeats one after the other; for different concurrencies state them:"
                " --concurrency 4,16",
            )


# --- the run ------------------------------------------------------------------------------------------------


def make_runs(files: Sequence[BenchFile], concurrency: Sequence[int]) -> list[ImportedRun]:
    """Return one run of all files, with a configuration for each benchmark.

    Raises:
        UserError: there is no report among them, or they do not belong together.
    """
    benchmarks = _benchmarks(files)
    if not benchmarks:
        kinds = ", ".join(f"{file.name} (--{OPTIONS[file.kind]})" for file in files)
        raise UserError(
            f"{kinds}: there is no report of trtllm-bench among them",
            hint="also give its console log, or what --report_json wrote",
        )
    for file in files:
        if file.kind in OPTIONS:
            _attach(file, benchmarks)
    _set_concurrency(benchmarks, concurrency)
    _reject_mixture(benchmarks)
    run = ImportedRun(
        engine="trtllm-bench",
        name=safe_name(_model(benchmarks[0])),
        summary=_summary(benchmarks),
        events=[*_notices(files, benchmarks), *_events(benchmarks)],
        configurations=[one.configuration for one in benchmarks],
        sources=tuple(file.source for file in files),
    )
    return [run]


def _model(one: ImportedBenchmark) -> str:
    return one.setting[0].rstrip("/").rpartition("/")[2]


def _summary(benchmarks: Sequence[ImportedBenchmark]) -> str:
    first = benchmarks[0]
    commands = " and ".join(dict.fromkeys(one.command for one in benchmarks if one.command))
    words = [
        _model(first) or "model unknown",
        commands,
        _backend(first.values),
        *first.setting[1:],
        plural(len(benchmarks), "configuration"),
        "imported",
    ]
    return ", ".join(word for word in words if word)


def _backend(values: dict[str, str]) -> str:
    if "Engine Directory" in values or values.get("engine.backend", "").lower() == "trt":
        return "engine"
    return values.get("engine.backend", "").lower()


def _notices(files: Sequence[BenchFile], benchmarks: Sequence[ImportedBenchmark]) -> Iterator[ev.Notice]:
    if all("requests" in one.files for one in benchmarks):
        how = "requests are those of its request file, nothing was observed while they were measured"
    elif any("requests" in one.files for one in benchmarks):
        how = "without a request file every number is as trtllm-bench reported it"
    else:
        how = "no request was observed, every number is as trtllm-bench reported it, or derived from that"
    names = ", ".join(dict.fromkeys(file.source.path.name for file in files))
    yield _warning(f"imported from {names}: {how}; the time of the run is the files'")
    for one in benchmarks:
        yield from map(_warning, report_notices(one.values))
    if any(one.concurrency == UNKNOWN_CONCURRENCY for one in benchmarks):
        yield _warning(
            "the imported files do not state the maximum number of requests in flight, so the run is compared"
            " only with results where it is unknown, too; state it with `import --concurrency N`"
        )


def _warning(text: str) -> ev.Notice:
    return ev.Notice(t=0, level="warning", text=text)


def _events(benchmarks: Sequence[ImportedBenchmark]) -> Iterator[ev.AnyEvent]:
    for index, one in enumerate(benchmarks):
        yield started(index, one.configuration)
        for kind, read in _READERS.items():
            if kind in one.files:
                yield from read(one.files[kind].source, index)
        yield ev.Serving(t=0, stage=index, phase="reporting", text="imported")
        yield ev.Result(t=0, stage=index, values=one.values)


def _iterations(source: SourceFile, stage: int) -> Iterator[ev.AnyEvent]:
    parsed = (parse_iteration(line, 0, stage) for line in source.text.split("\n"))
    yield from (event for event in parsed if event is not None)


_READERS: dict[BenchFileKind, Callable[[SourceFile, int], Iterator[ev.AnyEvent]]] = {
    "iterations": _iterations,
    "requests": lambda source, stage: requests_in(source.content, 0, stage),
    "answers": lambda source, stage: answers_in(source.content, 0, stage),
}


IMPORTER = Importer(
    accepts="of trtllm-bench a console log, or what --report_json, --request_json, --output_json and"
    " --iteration_log wrote",
    read=classify_file,
    make_runs=make_runs,
    explain_failure=explain_failure,
    takes_concurrency=True,
)
