"""Read fields of JSON that another program wrote; messages name the file and the field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runner.metrics import request_latency as latency
from runner.metrics import serving
from runner.metrics.metric import Metric
from runner.metrics.serving import MEAN_INPUT, MEAN_OUTPUT
from runner.plan.plan import UNKNOWN_CONCURRENCY
from runner.util.errors import UserError

Data = dict[str, object]
_SAME_RATE = "compare only with results of the same rate"


@dataclass(frozen=True)
class Mapped:
    """A field with the meaning of a metric."""

    field: str
    metric: Metric
    factor: float = 1.0
    """the metric's unit in units of the field: 1000 for seconds that become milliseconds"""


RATES = (
    Mapped("completed", serving.REQUESTS),
    Mapped("duration", serving.DURATION, 1000),
    Mapped("request_throughput", serving.REQUESTS_PER_SEC),
    Mapped("output_throughput", serving.OUTPUT_TOKENS_PER_SEC),
)
TOKEN_TIMES = (
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
"""fields that vLLM and SGLang name alike, times in ms"""


def number_at(data: Mapping[str, object], field: str, place: str) -> float | None:
    """Return a number of an object; None: the field is missing or null.

    Raises:
        UserError: the field is not a number.
    """
    value = data.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UserError(f"{place}: {field} is {str(value)[:40]!r}, but must be a number")
    try:
        return float(value)
    except OverflowError:
        raise UserError(f"{place}: {field} is a number that no measurement gives") from None


def required(data: Mapping[str, object], field: str, place: str, program: str) -> float:
    """Return a number that every result of a program has.

    Raises:
        UserError: it is missing, or not a number.
    """
    value = number_at(data, field, place)
    if value is None:
        raise UserError(
            f"{place}: has no {field}, so it is not a result of {program} in a form that is known",
            hint="give the file as the program wrote it; versions that name their fields differently are not"
            " supported",
        )
    return value


def mapped_metrics(data: Mapping[str, object], fields: tuple[Mapped, ...], place: str) -> dict[Metric, float]:
    """Return the metrics that an object states; missing fields, 0 and less are no numbers.

    Raises:
        UserError: a field is not a number.
    """
    found: dict[Metric, float] = {}
    for one in fields:
        value = number_at(data, one.field, place)
        if value is not None and value > 0:
            found[one.metric] = value * one.factor
    return found


def reported_metrics(data: Data, fields: tuple[Mapped, ...], place: str, program: str) -> dict[Metric, float]:
    """Return the metrics of a result in the form that vLLM and SGLang share, with the mean lengths.

    Raises:
        UserError: it has not what every version writes, or a field is not a number.
    """
    for field in ("duration", "output_throughput"):
        required(data, field, place, program)
    requests = required(data, "completed", place, program)
    tokens_in = required(data, "total_input_tokens", place, program)
    tokens_out = required(data, "total_output_tokens", place, program)
    metrics = mapped_metrics(data, fields, place)
    if requests:
        metrics |= {MEAN_INPUT: tokens_in / requests, MEAN_OUTPUT: tokens_out / requests}
    return metrics


def names_of(fields: tuple[Mapped, ...]) -> frozenset[str]:
    """Return the fields that are mapped."""
    return frozenset(one.field for one in fields)


def text_at(data: Mapping[str, object], field: str) -> str:
    """Return a text of an object; empty if it is missing or something else."""
    value = data.get(field)
    return value if isinstance(value, str) else ""


def object_at(data: Mapping[str, object], field: str) -> Data:
    """Return an object inside an object; empty if it is missing or something else."""
    value = data.get(field)
    return value if isinstance(value, dict) else {}


def traffic(data: Mapping[str, object], place: str) -> tuple[int, tuple[str, ...]]:
    """Return the concurrency of `max_concurrency` and `request_rate`, and what to know about it.

    Raises:
        UserError: a field is not a number.
    """
    rate = data.get("request_rate")
    remarks: tuple[str, ...] = ()
    if isinstance(rate, (int, float)) and 0 < rate < float("inf"):
        remarks = (f"requests were sent at {rate:g} per second: {_SAME_RATE}",)
    elif isinstance(rate, str) and rate not in ("", "inf"):
        remarks = (f"requests were sent at the rate {rate[:40]!r}: {_SAME_RATE}",)
    limit = number_at(data, "max_concurrency", place)
    if limit is not None:
        return round(limit) if 0 < limit < 2**53 else 0, remarks
    # Without a limit of its own, the rate decides how many requests are in flight.
    return (UNKNOWN_CONCURRENCY if remarks else 0), remarks
