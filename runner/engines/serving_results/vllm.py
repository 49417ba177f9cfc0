"""Results of vLLM: the JSON of `benchmark_serving.py` and `vllm bench serve` (--save-result).

Times are milliseconds, `duration` is in seconds. `tpot` is the mean of a request, as our inter-token latency;
`itl` is of all gaps between chunks together, which is another quantity.
"""

from __future__ import annotations

from runner.engines.imported_files import SourceFile
from runner.engines.serving_results import benchmark, json_fields
from runner.engines.serving_results.benchmark import ForeignBenchmark, ForeignFile
from runner.engines.serving_results.json_fields import Data, Mapped
from runner.metrics import request_latency as latency
from runner.metrics import serving
from runner.state.configuration import RESULT_PROGRAMS

ENGINE = "vllm"
PROGRAM = RESULT_PROGRAMS[ENGINE]
_FIELDS = (
    *json_fields.RATES,
    Mapped("total_token_throughput", serving.TOTAL_TOKENS_PER_SEC),
    Mapped("mean_e2el_ms", latency.REQUEST_LATENCY),
    Mapped("median_e2el_ms", latency.REQUEST_P50),
    Mapped("p90_e2el_ms", latency.REQUEST_P90),
    Mapped("p95_e2el_ms", latency.REQUEST_P95),
    Mapped("p99_e2el_ms", latency.REQUEST_P99),
    *json_fields.TOKEN_TIMES,
)
_SHOWN_ELSEWHERE = json_fields.names_of(_FIELDS) | {
    "model_id", "max_concurrency", "total_input_tokens", "total_output_tokens",
}  # fmt: skip


def read(source: SourceFile) -> ForeignFile | None:
    """Return the benchmark in a file; None for a file of another program.

    Raises:
        UserError: it is of vLLM, but has not what every version writes.
    """
    data = source.document
    if not isinstance(data, dict) or not {"model_id", "request_throughput"} <= data.keys():
        return None
    return ForeignFile(source, [_benchmark(data, str(source.path))])


def _benchmark(data: Data, place: str) -> ForeignBenchmark:
    metrics = json_fields.reported_metrics(data, _FIELDS, place, PROGRAM)
    concurrency, remarks = json_fields.traffic(data, place)
    backend = _backend(data)
    asked = json_fields.number_at(data, "num_prompts", place)
    completed = metrics.get(serving.REQUESTS, 0.0)
    if asked is not None and asked > completed:
        remarks += (f"only {completed:.0f} of {asked:.0f} requests were completed",)
    one = ForeignBenchmark(
        place=place,
        model=json_fields.text_at(data, "model_id"),
        settings=f"backend {backend}" if backend else "",
        conditions={"backend": backend} if backend else {},
        metrics=metrics,
        others=benchmark.flatten(data, _SHOWN_ELSEWHERE),
        concurrency=concurrency,
        remarks=remarks,
    )
    return benchmark.reject_incomplete(one, PROGRAM)


def _backend(data: Data) -> str:
    return json_fields.text_at(data, "backend") or json_fields.text_at(data, "endpoint_type")


IMPORTER = benchmark.make_importer(
    ENGINE, PROGRAM, read, "of vLLM the JSON of benchmark_serving.py or `vllm bench serve --save-result`"
)
