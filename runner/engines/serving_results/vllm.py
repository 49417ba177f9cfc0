"""Results of vLLM: the JSON of `benchmark_serving.py` and `vllm bench serve` (--save-result).

Times are milliseconds, `duration` is in seconds. `tpot` is the mean of a request, as our inter-token latency;
`itl` is of all gaps between chunks together, which is another quantity.
"""

from __future__ import annotations

from collections.abc import Sequence

from runner.engines.imported import ImportedRun
from runner.engines.imported_files import SourceFile
from runner.engines.interface import Importer
from runner.engines.serving_results import benchmark, json_fields
from runner.engines.serving_results.benchmark import ForeignBenchmark, ForeignFile
from runner.engines.serving_results.json_fields import Data, Mapped
from runner.metrics import request_latency as latency
from runner.metrics import serving
from runner.state.configuration import RESULT_PROGRAMS

ENGINE = "vllm"
PROGRAM = RESULT_PROGRAMS[ENGINE]
_FIELDS = (
    Mapped("completed", serving.REQUESTS),
    Mapped("duration", serving.DURATION, 1000),
    Mapped("request_throughput", serving.REQUESTS_PER_SEC),
    Mapped("output_throughput", serving.OUTPUT_TOKENS_PER_SEC),
    Mapped("total_token_throughput", serving.TOTAL_TOKENS_PER_SEC),
    Mapped("mean_e2el_ms", latency.REQUEST_LATENCY),
    Mapped("median_e2el_ms", latency.REQUEST_P50),
    Mapped("p90_e2el_ms", latency.REQUEST_P90),
    Mapped("p95_e2el_ms", latency.REQUEST_P95),
    Mapped("p99_e2el_ms", latency.REQUEST_P99),
    Mapped("mean_ttft_ms", latency.TTFT),
    Mapped("median_ttft_ms", latency.TTFT_P50),
    Mapped("p90_ttft_ms", latency.TTFT_P90),
    Mapped("p95_ttft_ms", latency.TTFT_P95),
    Mapped("p99_ttft_ms", latency.TTFT_P99),
    Mapped("mean_tpot_ms", latency.INTER_TOKEN),
    Mapped("median_tpot_ms", latency.INTER_TOKEN_P50),
    Mapped("p90_tpot_ms", latency.INTER_TOKEN_P90),
    Mapped("p95_tpot_ms", latency.INTER_TOKEN_P95),
    Mapped("p99_tpot_ms", latency.INTER_TOKEN_P99),
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


def _make_runs(files: Sequence[ForeignFile], _: Sequence[int]) -> list[ImportedRun]:
    return benchmark.make_runs(ENGINE, PROGRAM, files)


IMPORTER = Importer(
    accepts="of vLLM the JSON of benchmark_serving.py or `vllm bench serve --save-result`",
    read=read,
    make_runs=_make_runs,
    explain_failure=lambda _: "",
)
