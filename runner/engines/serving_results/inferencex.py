"""Rows of InferenceX (formerly InferenceMAX): `agg_*.json`, one row or a list of them.

Source: SemiAnalysisAI/InferenceX, utils/process_result.py (at 00e51cc7, at 77f3e680, and of 2026) and
utils/collect_results.py (at 1bdd4659). Times are seconds; `intvty` is 1 / tpot. Rates are per GPU:
`tput_per_gpu` of all tokens over all GPUs, `output_tput_per_gpu` over the GPUs that decode. A row has the
lengths that were asked for; it states neither the number of requests nor the duration.
"""

from __future__ import annotations

import math

from runner.engines.imported_files import SourceFile
from runner.engines.serving_results import benchmark, json_fields
from runner.engines.serving_results.benchmark import ForeignBenchmark, ForeignFile
from runner.engines.serving_results.json_fields import Data, Mapped
from runner.metrics import request_latency as latency
from runner.metrics import serving
from runner.metrics.metric import Metric
from runner.plan.plan import UNKNOWN_CONCURRENCY
from runner.state.configuration import RESULT_PROGRAMS
from runner.util.errors import UserError

ENGINE = "inferencex"
PROGRAM = RESULT_PROGRAMS[ENGINE]
_OURS = {"hw", "conc", "framework", "precision", "tput_per_gpu"}
_SAME = ("hw", "framework", "precision")
_SPLIT = (
    "spec_decoding", "mtp", "tp", "pp", "ep", "dp_attention", "dcp_size", "pcp_size",
    "prefill_tp", "prefill_ep", "prefill_dp_attention", "prefill_num_workers",
    "decode_tp", "decode_ep", "decode_dp_attention", "decode_num_workers",
    "num_prefill_gpu", "num_decode_gpu",
)  # fmt: skip
"""These, with `_SAME` and the model, are the same for all rows of a run."""
_QUANTITIES = {
    "e2el": (latency.REQUEST_LATENCY, latency.REQUEST_P50, latency.REQUEST_P90, latency.REQUEST_P95,
             latency.REQUEST_P99),
    "ttft": (latency.TTFT, latency.TTFT_P50, latency.TTFT_P90, latency.TTFT_P95, latency.TTFT_P99),
    "tpot": (latency.INTER_TOKEN, latency.INTER_TOKEN_P50, latency.INTER_TOKEN_P90, latency.INTER_TOKEN_P95,
             latency.INTER_TOKEN_P99),
}  # fmt: skip
_FIELDS = tuple(
    Mapped(f"{statistic}_{quantity}", metric, 1000)
    for quantity, metrics in _QUANTITIES.items()
    for statistic, metric in zip(("mean", "median", "p90", "p95", "p99"), metrics, strict=True)
)
_SHOWN_ELSEWHERE = json_fields.names_of(_FIELDS) | {"model", "conc", "isl", "osl", *_SAME, *_SPLIT}
_UNSTATED = (
    "the number of requests is not stated, so no interval can tell how sure a number is; the lengths are"
    " those that were asked for, requests may be shorter"
)


def read(source: SourceFile) -> ForeignFile | None:
    """Return the rows in a file; None for a file of another program.

    Raises:
        UserError: it is of InferenceX, but a row has not what every version with lengths writes.
    """
    document = source.document
    rows = document if isinstance(document, list) else [document]
    if not rows or not isinstance(rows[0], dict) or not rows[0].keys() >= _OURS:
        return None
    several = isinstance(document, list)
    found = []
    for number, row in enumerate(rows):
        place = f"{source.path}: row {number + 1}" if several else str(source.path)
        if not isinstance(row, dict):
            raise UserError(f"{place}: is not an object, but must be a row of {PROGRAM}")
        found.append(_benchmark(row, place))
    return ForeignFile(source, found)


def _benchmark(row: Data, place: str) -> ForeignBenchmark:
    input_len, output_len = (json_fields.required(row, field, place, PROGRAM) for field in ("isl", "osl"))
    if not (1 <= input_len < 2**53 and 1 <= output_len < 2**53):
        raise UserError(f"{place}: isl and osl are {input_len:g} and {output_len:g}, but must be above 0")
    total, decoding = _gpus(row, place)
    metrics = json_fields.mapped_metrics(row, _FIELDS, place)
    metrics |= _rates(row, total, decoding, place)
    limit = json_fields.required(row, "conc", place, PROGRAM)
    same = [text for field in _SAME if (text := json_fields.text_at(row, field))]
    split = benchmark.flatten({field: row[field] for field in _SPLIT if field in row})
    hardware = json_fields.text_at(row, "hw")
    return ForeignBenchmark(
        place=place,
        model=json_fields.text_at(row, "model"),
        settings=", ".join([*same, *(f"{field} {text}" for field, text in split.items())]),
        conditions={
            **({"device": hardware} if hardware else {}),
            "GPUs": str(total),
            **{field: text for field in _SAME[1:] if (text := json_fields.text_at(row, field))},
            **split,
        },
        metrics=metrics,
        others=benchmark.flatten(row, _SHOWN_ELSEWHERE),
        concurrency=round(limit) if 1 <= limit < 2**53 else UNKNOWN_CONCURRENCY,
        asked_lengths=(round(input_len), round(output_len)),
        gpus=total,
        remarks=(_UNSTATED,),
    )


def _gpus(row: Data, place: str) -> tuple[int, int]:
    """Return the number of all GPUs, and of those that its rate of output tokens is divided by.

    Raises:
        UserError: the row does not state them.
    """
    total = decoding = 0
    if row.get("is_multinode") is True or "num_prefill_gpu" in row:
        decoding = _count(row, "num_decode_gpu", place)
        total = _count(row, "num_prefill_gpu", place) + decoding
    else:
        # Only newer rows have the sizes of pipeline and context parallelism; they were 1 before.
        sizes = {"pp": 1, "pcp_size": 1} | row
        total = math.prod(_count(sizes, field, place) for field in ("tp", "pp", "pcp_size"))
    if not total:
        raise UserError(f"{place}: states 0 GPUs, so its rates per GPU say nothing")
    return total, decoding or total


def _count(row: Data, field: str, place: str) -> int:
    number = json_fields.required(row, field, place, PROGRAM)
    if not 0 <= number < 2**31:
        raise UserError(f"{place}: {field} is {number:g}, but must be a number of GPUs")
    return round(number)


def _rates(row: Data, total: int, decoding: int, place: str) -> dict[Metric, float]:
    found: dict[Metric, float] = {}
    if 0 < (tokens := json_fields.required(row, "tput_per_gpu", place, PROGRAM)) < math.inf:
        found[serving.TOTAL_TOKENS_PER_SEC] = tokens * total
    output = json_fields.number_at(row, "output_tput_per_gpu", place)
    if output is not None and 0 < output < math.inf:
        found[serving.OUTPUT_TOKENS_PER_SEC] = output * decoding
        found[serving.OUTPUT_TOKENS_PER_SEC_GPU] = output * decoding / total
    return found


IMPORTER = benchmark.make_importer(ENGINE, PROGRAM, read, "of InferenceX the rows in agg_*.json")
