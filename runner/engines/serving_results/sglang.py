"""Results of SGLang's `bench_serving`: a line of JSON for each benchmark (--output-file).

Times are milliseconds, `duration` is in seconds. `tpot` is the mean of a request, as our inter-token latency.
`concurrency` is the sum of all request latencies / the duration.
"""

from __future__ import annotations

from runner.engines.imported_files import SourceFile
from runner.engines.serving_results import benchmark, json_fields
from runner.engines.serving_results.benchmark import ForeignBenchmark, ForeignFile
from runner.engines.serving_results.json_fields import Data, Mapped
from runner.metrics import request_latency as latency
from runner.metrics import serving
from runner.state.configuration import RESULT_PROGRAMS
from runner.util.errors import UserError
from runner.util.foreign_json import decode_json

ENGINE = "sglang"
PROGRAM = RESULT_PROGRAMS[ENGINE]
_FIELDS = (
    *json_fields.RATES,
    Mapped("total_throughput", serving.TOTAL_TOKENS_PER_SEC),
    Mapped("concurrency", serving.MEAN_CONCURRENCY),
    Mapped("mean_e2e_latency_ms", latency.REQUEST_LATENCY),
    Mapped("median_e2e_latency_ms", latency.REQUEST_P50),
    Mapped("p90_e2e_latency_ms", latency.REQUEST_P90),
    Mapped("p95_e2e_latency_ms", latency.REQUEST_P95),
    Mapped("p99_e2e_latency_ms", latency.REQUEST_P99),
    *json_fields.TOKEN_TIMES,
)
_SHOWN_ELSEWHERE = json_fields.names_of(_FIELDS) | {
    "max_concurrency", "server_info", "total_input_tokens", "total_output_tokens",
}  # fmt: skip


def read(source: SourceFile) -> ForeignFile | None:
    """Return the benchmarks in a file; None for a file of another program.

    Raises:
        UserError: it is of SGLang, but a line is damaged or has not what every version writes.
    """
    lines = [line for line in enumerate(source.text.split("\n"), 1) if line[1].strip()]
    if not source.is_json or not lines or not _is_ours(_parse(lines[0][1])):
        return None
    found = []
    for number, line in lines:
        data = _parse(line)
        place = f"{source.path}:{number}"
        if not isinstance(data, dict):
            raise UserError(
                f"{place}: the line is not a complete JSON object; each line must be one result of {PROGRAM}",
                hint="copy the file again from its source, or remove the line",
            )
        found.append(_benchmark(data, place))
    return ForeignFile(source, found)


def _parse(line: str) -> object | None:
    try:
        found: object = decode_json(line)
    except ValueError:
        return None
    return found


def _is_ours(data: object) -> bool:
    return isinstance(data, dict) and {"backend", "dataset_name", "request_rate"} <= data.keys()


def _benchmark(data: Data, place: str) -> ForeignBenchmark:
    metrics = json_fields.reported_metrics(data, _FIELDS, place, PROGRAM)
    into = json_fields.number_at(data, "input_throughput", place)
    if into is not None and serving.TOTAL_TOKENS_PER_SEC not in metrics:
        # Versions up to 0.4 print this sum, and write only its parts.
        metrics[serving.TOTAL_TOKENS_PER_SEC] = into + metrics.get(serving.OUTPUT_TOKENS_PER_SEC, 0.0)
    concurrency, remarks = json_fields.traffic(data, place)
    backend = json_fields.text_at(data, "backend")
    server = json_fields.object_at(data, "server_info")
    one = ForeignBenchmark(
        place=place,
        model=json_fields.text_at(server, "model_path"),
        settings=f"backend {backend}",
        conditions={"backend": backend} if backend else {},
        metrics=metrics,
        others=benchmark.flatten(data, _SHOWN_ELSEWHERE),
        concurrency=concurrency,
        remarks=remarks,
    )
    return benchmark.reject_incomplete(one, PROGRAM)


IMPORTER = benchmark.make_importer(
    ENGINE, PROGRAM, read, "of SGLang the lines of JSON that `bench_serving --output-file` wrote"
)
