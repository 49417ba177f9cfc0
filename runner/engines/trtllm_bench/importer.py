"""Results of trtllm-bench: console logs, and the files that it writes, put together by what they state."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from runner import events as ev
from runner.engines.imported import Imported, plain_name
from runner.engines.interface import Importer
from runner.engines.source import Source
from runner.engines.tensorrt_llm.versions import version_of
from runner.engines.trtllm_bench.options import FIRST_CONCURRENCY
from runner.engines.trtllm_bench.output import (
    answers_in,
    iteration_of,
    json_report,
    printed_reports,
    requests_in,
)
from runner.engines.trtllm_bench.result_files import OPTIONS, File, Kind, failure_in, file_of
from runner.errors import UserError
from runner.metrics.metric import Metric, as_number
from runner.metrics.serving import reported
from runner.metrics.serving_definitions import (
    DURATION,
    MEAN_INPUT,
    MEAN_OUTPUT,
    OUTPUT_TOKENS_PER_SEC,
    REQUESTS,
)
from runner.plan.plan import NOT_KNOWN, Configuration
from runner.state import result_matching
from runner.state.serving import RequestLog
from runner.util.formatting import plural

MOST = 2.0**53
"""Beyond it, or not a number at all, nothing was counted or timed."""
SAME = 1e-4
"""Share by which two statements of one time may differ: a printed one is rounded."""
CLOSE = 0.05
"""Share by which the time of requests may differ from that of the report that they belong to."""


@dataclass
class Benchmark:
    """One benchmark, as a report states it."""

    values: dict[str, str]
    reports: list[File]
    command: str = ""
    """throughput or latency; empty: nothing says which"""
    concurrency: int = NOT_KNOWN
    files: dict[Kind, File] = field(default_factory=dict)

    def number(self, metric: Metric) -> float:
        """What is reported; 0 where nothing is, or what no benchmark can measure."""
        number = as_number(reported(metric, self.values))
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
        """Model, version and ranks: what one run has one of."""
        model, version = _value(self.values, _MODEL), _value(self.values, _VERSION)
        return model, f"TensorRT-LLM {version or '?'}", plural(result_matching.world(self.values), "rank")

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


def _benchmarks(files: Sequence[File]) -> list[Benchmark]:
    """Every benchmark that a report states; the printed and the JSON report of one are put together."""
    found: list[Benchmark] = []
    for file in files:
        if file.kind == "log":
            for report in printed_reports(file.source.text):
                found.append(Benchmark(report.values, [file], *_called(report.before)))
        elif file.kind == "report":
            found.append(Benchmark(json_report(file.source.content), [file]))
    for one in found:
        _refuse_incomplete(one)
        _of_its_version(one)
    whole: list[Benchmark] = []
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


def _called(said: str) -> tuple[str, int]:
    """The command and its limit of concurrency, by the command line or the phases of a log."""
    calls = list(_CALL.finditer(said.replace("\\\n", " ")))
    if calls:
        command, asked = calls[-1]["command"], _CONCURRENCY.search(calls[-1]["words"])
        if asked is not None:
            return command, max(0, int(asked["n"]))
        return command, 1 if command == "latency" else 0
    if any(text in said for text in _LATENCY):
        return "latency", 1
    return "throughput" if any(text in said for text in _THROUGHPUT) else "", NOT_KNOWN


def _of_its_version(one: Benchmark) -> None:
    """Before `--concurrency` the wording of a report says which command it is of, and that says the limit."""
    version = version_of(_value(one.values, _VERSION))
    if version is None or version >= FIRST_CONCURRENCY:
        return
    of_latency = any(name.startswith("THROUGHPUT OVERVIEW: ") for name in one.values)
    one.command, one.concurrency = ("latency", 1) if of_latency else ("throughput", 0)


def _refuse_incomplete(one: Benchmark) -> None:
    missing = [
        metric.title
        for metric in (REQUESTS, MEAN_INPUT, MEAN_OUTPUT, OUTPUT_TOKENS_PER_SEC, DURATION)
        if not one.number(metric)
    ]
    if missing:
        raise UserError(
            f"{one.names}: the report in it is cut off or of nothing: no {', no '.join(missing)}",
            hint="give the whole report, from ENGINE DETAILS or PYTORCH BACKEND on",
        )


def _is_same(one: Benchmark, other: Benchmark) -> bool:
    """A printed and a JSON report of the same benchmark."""
    kinds = {file.kind for benchmark in (one, other) for file in benchmark.reports}
    return (
        len(kinds) == 2
        and len(other.reports) == 1
        and one.number(REQUESTS) == other.number(REQUESTS)
        and abs(one.number(DURATION) / other.number(DURATION) - 1) < SAME
    )


# --- what belongs to which ----------------------------------------------------------------------------------


def _attach(file: File, benchmarks: Sequence[Benchmark]) -> None:
    """Give a file to the benchmark that it is of.

    Raises:
        UserError: it is of none, or nothing says of which.
    """
    what = f"--{OPTIONS[file.kind]}"
    if file.kind == "requests":
        of = _of_requests(file, benchmarks)
    elif len(benchmarks) > 1:
        raise UserError(
            f"{file.name}: nothing says to which of {len(benchmarks)} benchmarks this belongs",
            hint="import each benchmark with its own files",
        )
    else:
        of = benchmarks[0]
    if file.kind in of.files:
        raise UserError(f"{file.name}: {of.files[file.kind].name} is what {what} wrote already; give one")
    of.files[file.kind] = file


def _of_requests(file: File, benchmarks: Sequence[Benchmark]) -> Benchmark:
    """The benchmark whose report counts as many requests in the same time."""
    log = RequestLog()
    for event in requests_in(file.source.content, 0, 0):
        log.take(event)
    if not log.latency.n:
        raise UserError(f"{file.name}: holds no request that trtllm-bench has finished")
    finished, time = log.latency.n, log.seconds * 1000
    for one in sorted(benchmarks, key=lambda one: abs(one.number(DURATION) - time)):
        if one.number(REQUESTS) == finished and abs(time / one.number(DURATION) - 1) < CLOSE:
            return one
    said = "; ".join(
        f"{one.names}: {one.number(REQUESTS):.0f} in {one.number(DURATION):.1f} ms" for one in benchmarks
    )
    raise UserError(
        f"{file.name}: its {finished} requests in {time:.1f} ms are of none of the reports ({said})",
        hint="give the report of the same benchmark",
    )


def _limit(benchmarks: Sequence[Benchmark], concurrency: Sequence[int]) -> None:
    """Set the concurrencies that were given, which must not contradict the logs."""
    if concurrency and len(concurrency) != len(benchmarks):
        raise UserError(
            f"--concurrency: {plural(len(concurrency), 'number')} for"
            f" {plural(len(benchmarks), 'benchmark')} ({'; '.join(one.names for one in benchmarks)})",
            hint="give one for each, in this order, with commas between; 0: no limit",
        )
    for one, limit in zip(benchmarks, concurrency, strict=False):
        if one.concurrency not in (NOT_KNOWN, limit):
            raise UserError(f"--concurrency: {one.names} was measured with {one.concurrency}, not {limit}")
        one.concurrency = limit


def _refuse_mixture(benchmarks: Sequence[Benchmark]) -> None:
    """One run has one model, version and number of ranks, and measures a configuration once."""
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
                f" {alike.input_len} in, {alike.output_len} out, which nothing tells apart",
                hint="repeats are imported one after the other; of other concurrencies --concurrency 4,16"
                " gives the one of each",
            )


# --- the run ------------------------------------------------------------------------------------------------


def imported(files: Sequence[File], concurrency: Sequence[int]) -> list[Imported]:
    """The run of all files together, with a configuration for every benchmark.

    Raises:
        UserError: no report is among them, or they do not belong together.
    """
    benchmarks = _benchmarks(files)
    if not benchmarks:
        kinds = ", ".join(f"{file.name} (--{OPTIONS[file.kind]})" for file in files)
        raise UserError(
            f"{kinds}: no report of trtllm-bench is among them",
            hint="give its console log, or what --report_json wrote, as well",
        )
    for file in files:
        if file.kind in OPTIONS:
            _attach(file, benchmarks)
    _limit(benchmarks, concurrency)
    _refuse_mixture(benchmarks)
    run = Imported(
        engine="trtllm-bench",
        name=plain_name(_model(benchmarks[0])),
        summary=_summary(benchmarks),
        events=[*_notices(files, benchmarks), *_events(benchmarks)],
        configurations=[one.configuration for one in benchmarks],
        sources=tuple(file.source for file in files),
    )
    return [run]


def _model(one: Benchmark) -> str:
    return one.setting[0].rstrip("/").rpartition("/")[2]


def _summary(benchmarks: Sequence[Benchmark]) -> str:
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


def _notices(files: Sequence[File], benchmarks: Sequence[Benchmark]) -> Iterator[ev.Notice]:
    if all("requests" in one.files for one in benchmarks):
        how = "requests are those of its request file, nothing was observed while they were measured"
    elif any("requests" in one.files for one in benchmarks):
        how = "where there is no request file every number is as trtllm-bench reported it"
    else:
        how = "no request was observed, every number is as trtllm-bench reported it, or derived from that"
    names = ", ".join(dict.fromkeys(file.source.path.name for file in files))
    yield _warning(f"imported from {names}: {how}; the time of the run is the files'")
    if any(one.concurrency == NOT_KNOWN for one in benchmarks):
        yield _warning(
            "nothing in what was imported says how many requests were in flight at most, so it is compared"
            " with results where that is unknown, too, and no others; `import --concurrency N` says it"
        )


def _warning(text: str) -> ev.Notice:
    return ev.Notice(t=0, level="warning", text=text)


def _events(benchmarks: Sequence[Benchmark]) -> Iterator[ev.AnyEvent]:
    for index, one in enumerate(benchmarks):
        wanted = one.configuration
        yield ev.ConfigurationStarted(
            t=0, stage=index, index=index, num_runs=0, duration=0.0, warm_up=0,
            batch_size=0, input_len=wanted.input_len, output_len=wanted.output_len,
            requests=wanted.requests, concurrency=wanted.concurrency,
        )  # fmt: skip
        for kind, read in _READERS.items():
            if kind in one.files:
                yield from read(one.files[kind].source, index)
        yield ev.Serving(t=0, stage=index, phase="reporting", text="imported")
        yield ev.Result(t=0, stage=index, values=one.values)


def _iterations(source: Source, stage: int) -> Iterator[ev.AnyEvent]:
    said = (iteration_of(line, 0, stage) for line in source.text.split("\n"))
    yield from (event for event in said if event is not None)


_READERS: dict[Kind, Callable[[Source, int], Iterator[ev.AnyEvent]]] = {
    "iterations": _iterations,
    "requests": lambda source, stage: requests_in(source.content, 0, stage),
    "answers": lambda source, stage: answers_in(source.content, 0, stage),
}


IMPORTER = Importer(
    wanted="of trtllm-bench a console log, or what --report_json, --request_json, --output_json and"
    " --iteration_log wrote",
    read=file_of,
    imported=imported,
    failure_in=failure_in,
    takes_concurrency=True,
)
