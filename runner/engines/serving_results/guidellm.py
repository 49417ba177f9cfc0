"""Results of GuideLLM: `benchmarks.json`, versions 1 (0.4 to 0.6) and 2 (0.7 and later) of the report.

Request latencies are in seconds, times to the first token in milliseconds; numbers are those of the requests
that succeeded. Not mapped, because they are other quantities: `inter_token_latency_ms` is weighted by tokens,
`time_per_output_token_ms` includes the first token, and rates are means over time of a window that can leave
out warm-up and cool-down.
"""

from __future__ import annotations

from collections.abc import Iterator

from runner.engines.imported_files import SourceFile
from runner.engines.serving_results import benchmark, json_fields
from runner.engines.serving_results.benchmark import ForeignBenchmark, ForeignFile
from runner.engines.serving_results.json_fields import Data
from runner.metrics import request_latency as latency
from runner.metrics import serving
from runner.metrics.metric import Metric
from runner.plan.plan import UNKNOWN_CONCURRENCY
from runner.state.configuration import RESULT_PROGRAMS
from runner.util.errors import UserError

ENGINE = "guidellm"
PROGRAM = RESULT_PROGRAMS[ENGINE]
_VERSIONS = (1, 2)
_FIELDS: dict[str, tuple[float, dict[str, Metric]]] = {
    "prompt_token_count": (1, {"mean": serving.MEAN_INPUT}),
    "output_token_count": (1, {"mean": serving.MEAN_OUTPUT}),
    "request_latency": (
        1000,
        {
            "mean": latency.REQUEST_LATENCY,
            "median": latency.REQUEST_P50,
            "percentiles.p90": latency.REQUEST_P90,
            "percentiles.p95": latency.REQUEST_P95,
            "percentiles.p99": latency.REQUEST_P99,
            "min": latency.REQUEST_MIN,
            "max": latency.REQUEST_MAX,
        },
    ),
    "time_to_first_token_ms": (
        1,
        {
            "mean": latency.TTFT,
            "median": latency.TTFT_P50,
            "percentiles.p90": latency.TTFT_P90,
            "percentiles.p95": latency.TTFT_P95,
            "percentiles.p99": latency.TTFT_P99,
        },
    ),
}
"""distribution -> factor to the unit of the metrics, and the metric of each statistic"""
_OTHERS = (
    "requests_per_second",
    "request_concurrency",
    "output_tokens_per_second",
    "tokens_per_second",
    "time_per_output_token_ms",
    "inter_token_latency_ms",
)


_MOST_WARNINGS = 10
_MOST_CHARS = 200
"""of a warning of the program"""


def read(source: SourceFile) -> ForeignFile | None:
    """Return the benchmarks in a file; None for a file of another program.

    Raises:
        UserError: it is of GuideLLM, but of another version, or has not what version 1 has.
    """
    data = source.document
    if not isinstance(data, dict) or not isinstance(data.get("benchmarks"), list):
        return None
    about = json_fields.object_at(data, "metadata")
    if "guidellm_version" not in about and "args" not in data:
        return None
    if about.get("version") not in _VERSIONS:
        known = " and ".join(map(str, _VERSIONS))
        raise UserError(
            f"{source.path}: has {_stated(about)}; of GuideLLM reports of version {known} are known",
            hint="give the benchmarks.json of GuideLLM 0.4 or later",
        )
    found = data["benchmarks"]
    if not found:
        raise UserError(f"{source.path}: its list of benchmarks is empty")
    return ForeignFile(
        source,
        [_benchmark(data, one, f"{source.path}: benchmarks[{number}]") for number, one in enumerate(found)],
    )


def _stated(about: Data) -> str:
    version = about.get("version")
    return "no metadata.version" if version is None else f"metadata.version {str(version)[:20]}"


def _benchmark(report: Data, data: object, place: str) -> ForeignBenchmark:
    if not isinstance(data, dict):
        raise UserError(f"{place}: is not an object, but must be a benchmark of {PROGRAM}")
    measured = json_fields.object_at(data, "metrics")
    totals = json_fields.object_at(measured, "request_totals")
    requests = json_fields.required(totals, "successful", f"{place}: metrics.request_totals", PROGRAM)
    metrics: dict[Metric, float] = {serving.REQUESTS: requests}
    for field, (factor, statistics) in _FIELDS.items():
        found = _successful(measured, field)
        json_fields.required(found, "mean", f"{place}: metrics.{field}.successful", PROGRAM)
        for path, metric in statistics.items():
            outer, _, inner = path.rpartition(".")
            numbers = json_fields.object_at(found, outer) if outer else found
            value = json_fields.number_at(numbers, inner, f"{place}: metrics.{field}.successful")
            if value is not None and value > 0:
                metrics[metric] = value * factor
    setup = json_fields.object_at(data, "config")
    strategy = json_fields.object_at(setup, "strategy")
    kind = json_fields.text_at(strategy, "type_")
    concurrency = _concurrency(strategy, kind, place)
    version = json_fields.text_at(json_fields.object_at(report, "metadata"), "guidellm_version")
    one = ForeignBenchmark(
        place=place,
        model=_model(report, setup),
        settings=f"version {version}" if version else "",
        conditions={PROGRAM: version} if version else {},
        metrics=metrics,
        others={**benchmark.flatten({"strategy": strategy}), **_others(data, measured)},
        concurrency=concurrency,
        remarks=(*_remarks(totals, kind, concurrency, place), *_own_warnings(data)),
    )
    return benchmark.reject_incomplete(one, PROGRAM)


def _model(report: Data, setup: Data) -> str:
    """Return the model, which every version states for the back end, and the older ones also among `args`."""
    stated = json_fields.text_at(json_fields.object_at(setup, "backend"), "model")
    return stated or json_fields.text_at(json_fields.object_at(report, "args"), "model")


def _own_warnings(data: Data) -> Iterator[str]:
    """Yield what the program itself warns of: 0.7 and later say when the client was the bottleneck."""
    found = data.get("warnings")
    for one in found[:_MOST_WARNINGS] if isinstance(found, list) else ():
        if isinstance(one, dict) and (text := json_fields.text_at(one, "message")):
            yield f"{PROGRAM} warns: {text[:_MOST_CHARS]}"


def _successful(measured: Data, field: str) -> Data:
    return json_fields.object_at(json_fields.object_at(measured, field), "successful")


def _others(data: Data, measured: Data) -> dict[str, str]:
    found = {"duration": f"{data['duration']} s"} if isinstance(data.get("duration"), float) else {}
    for field in _OTHERS:
        for statistic in ("mean", "median"):
            value = _successful(measured, field).get(statistic)
            if isinstance(value, (int, float)):
                found[f"{field}.{statistic}"] = str(value)
    return found


def _concurrency(strategy: Data, kind: str, place: str) -> int:
    """Return the most requests in flight: one, as many as streams, or not known where a rate decides."""
    if kind == "synchronous":
        return 1
    if kind == "concurrent":
        streams = json_fields.required(strategy, "streams", f"{place}: config.strategy", PROGRAM)
        return round(streams) if 0 < streams < 2**53 else UNKNOWN_CONCURRENCY
    return UNKNOWN_CONCURRENCY


def _remarks(totals: Data, kind: str, concurrency: int, place: str) -> list[str]:
    found = []
    for status in ("incomplete", "errored"):
        if number := json_fields.number_at(totals, status, f"{place}: metrics.request_totals"):
            found.append(f"{number:.0f} further requests were {status} and are in no number")
    if concurrency == UNKNOWN_CONCURRENCY:
        found.append(
            f"the strategy {kind or 'is not stated and'} sets no number of requests in flight: compare only"
            " with results of the same strategy and rate"
        )
    return found


IMPORTER = benchmark.make_importer(ENGINE, PROGRAM, read, "of GuideLLM benchmarks.json")
