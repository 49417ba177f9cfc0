"""Results of AIPerf: `profile_export_aiperf.json`, schema 1.x.

Each metric is an object with its unit, its mean `avg` and percentiles; the unit decides, not the name.
"""

from __future__ import annotations

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

ENGINE = "aiperf"
PROGRAM = RESULT_PROGRAMS[ENGINE]
_SCHEMA = "1"
"""the first number of `schema_version` that is known; the second one counts additions"""

_MILLISECONDS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3, "sec": 1e3, "seconds": 1e3}
_FACTORS: dict[str, dict[str, float]] = {
    "ms": _MILLISECONDS,
    "1/s": {"requests/sec": 1.0},
    "tokens/s": {"tokens/sec": 1.0, "tokens/sec/user": 1.0},
    "tokens": {"tokens": 1.0},
    "": {"requests": 1.0},
}
"""unit of a metric -> units of AIPerf and their factor"""
_FIELDS: dict[str, dict[str, Metric]] = {
    "request_count": {"avg": serving.REQUESTS},
    "benchmark_duration": {"avg": serving.DURATION},
    "request_throughput": {"avg": serving.REQUESTS_PER_SEC},
    "output_token_throughput": {"avg": serving.OUTPUT_TOKENS_PER_SEC},
    "total_token_throughput": {"avg": serving.TOTAL_TOKENS_PER_SEC},
    "output_token_throughput_per_user": {"avg": serving.OUTPUT_SPEED},
    "e2e_output_token_throughput": {"avg": serving.PER_USER, "p5": serving.SLOW_USERS},
    "input_sequence_length": {"avg": serving.MEAN_INPUT},
    "output_sequence_length": {"avg": serving.MEAN_OUTPUT},
    "request_latency": {
        "avg": latency.REQUEST_LATENCY,
        "p50": latency.REQUEST_P50,
        "p90": latency.REQUEST_P90,
        "p95": latency.REQUEST_P95,
        "p99": latency.REQUEST_P99,
        "min": latency.REQUEST_MIN,
        "max": latency.REQUEST_MAX,
    },
    "time_to_first_token": {
        "avg": latency.TTFT,
        "p50": latency.TTFT_P50,
        "p90": latency.TTFT_P90,
        "p95": latency.TTFT_P95,
        "p99": latency.TTFT_P99,
    },
    "inter_token_latency": {
        "avg": latency.INTER_TOKEN,
        "p50": latency.INTER_TOKEN_P50,
        "p90": latency.INTER_TOKEN_P90,
        "p95": latency.INTER_TOKEN_P95,
        "p99": latency.INTER_TOKEN_P99,
    },
}


def read(source: SourceFile) -> ForeignFile | None:
    """Return the benchmark in a file; None for a file of another program.

    Raises:
        UserError: it is of AIPerf, but of another schema, or has not what schema 1 has.
    """
    data = source.document
    if not isinstance(data, dict) or "aiperf_version" not in data:
        return None
    place = str(source.path)
    schema = json_fields.text_at(data, "schema_version")
    if schema.partition(".")[0] != _SCHEMA:
        stated = f"schema_version {schema!r}" if schema else "no schema_version"
        raise UserError(
            f"{place}: has {stated}; of AIPerf schema 1 is known (profile_export_aiperf.json)",
            hint="give the profile_export_aiperf.json of the run",
        )
    return ForeignFile(source, [_benchmark(data, place)])


def _benchmark(data: Data, place: str) -> ForeignBenchmark:
    for field in ("request_count", "request_latency", "input_sequence_length", "output_sequence_length"):
        json_fields.required(json_fields.object_at(data, field), "avg", f"{place}: {field}", PROGRAM)
    metrics: dict[Metric, float] = {}
    for field, statistics in _FIELDS.items():
        block = json_fields.object_at(data, field)
        for statistic, metric in statistics.items():
            value = json_fields.number_at(block, statistic, f"{place}: {field}")
            if value is not None and value > 0:
                metrics[metric] = value * _factor(block, metric, f"{place}: {field}")
    version = json_fields.text_at(data, "aiperf_version")
    one = ForeignBenchmark(
        place=place,
        model=_model(data),
        settings=f"version {version}",
        conditions={PROGRAM: version} if version else {},
        metrics=metrics,
        others=_others(data),
        concurrency=_concurrency(data, place),
        remarks=tuple(_remarks(data, place)),
    )
    return benchmark.reject_incomplete(one, PROGRAM)


def _factor(block: Data, metric: Metric, place: str) -> float:
    unit = json_fields.text_at(block, "unit")
    known = _FACTORS[metric.unit]
    if unit not in known:
        raise UserError(f"{place}: the unit {unit!r} is not known; known: {', '.join(known)}")
    return known[unit]


def _others(data: Data) -> dict[str, str]:
    """Return the statistics that are not mapped, with their units."""
    found: dict[str, str] = {}
    for field, value in data.items():
        if not isinstance(value, dict) or not isinstance(value.get("unit"), str):
            continue
        mapped = _FIELDS.get(field, {})
        for statistic in ("avg", "p50", "p90", "p95", "p99"):
            number = value.get(statistic)
            if statistic not in mapped and isinstance(number, (int, float)):
                found[f"{field}.{statistic}"] = f"{number} {value['unit']}"
    return found


def _settings(data: Data) -> Data:
    return json_fields.object_at(data, "input_config")


def _model(data: Data) -> str:
    names = json_fields.object_at(_settings(data), "endpoint").get("model_names")
    if isinstance(names, list) and names and isinstance(names[0], str):
        return names[0]
    items = json_fields.object_at(_settings(data), "models").get("items")  # schema 1.2 and later
    first = items[0] if isinstance(items, list) and items else None
    return json_fields.text_at(first, "name") if isinstance(first, dict) else ""


def _load(data: Data) -> Data:
    """Return how requests were sent; empty if it is not stated."""
    phases = _settings(data).get("phases")  # schema 1.2 and later
    for phase in phases if isinstance(phases, list) else []:
        if isinstance(phase, dict) and phase.get("name") == "profiling":
            return phase
    return json_fields.object_at(_settings(data), "loadgen")


def _concurrency(data: Data, place: str) -> int:
    limit = json_fields.number_at(_load(data), "concurrency", f"{place}: input_config")
    return round(limit) if limit is not None and 0 < limit < 2**53 else UNKNOWN_CONCURRENCY


def _remarks(data: Data, place: str) -> list[str]:
    found = []
    errors = json_fields.object_at(data, "error_request_count")
    if failed := json_fields.number_at(errors, "avg", f"{place}: error_request_count"):
        found.append(f"{failed:.0f} further requests failed and are in no number")
    if data.get("was_cancelled") is True:
        found.append("the benchmark was cancelled before its end")
    rate = _load(data).get("request_rate")
    if isinstance(rate, (int, float)) and rate:
        found.append(f"requests were sent at {rate:g} per second: compare only with results of the same rate")
    return found


IMPORTER = benchmark.make_importer(ENGINE, PROGRAM, read, "of AIPerf profile_export_aiperf.json")
