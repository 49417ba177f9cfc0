"""The finished requests of trtllm-bench: what the metrics of many requests in flight share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from runner.metrics.context import MetricContext, effective_number
from runner.metrics.metric import Computed
from runner.stats.intervals import Estimate, PercentileEstimate, mean_of

if TYPE_CHECKING:
    from runner.state.serving import OrderedSample, RequestLog

T = TypeVar("T")
REQUESTS_SOURCE = "every request of trtllm-bench's request file, else its report"
MEASURED = "requests that were measured"
FILED = "From the request file (1.0 and later) where there is one, else as reported by trtllm-bench."


def request_log(context: MetricContext) -> RequestLog | None:
    """Return the finished requests; None: there is no request file."""
    serving = context.configuration.serving
    log = serving.requests if serving is not None else None
    return log if log is not None and log.latency.n and log.seconds > 0 else None


def of_log(compute: Callable[[RequestLog], T | None]) -> Callable[[MetricContext], T | None]:
    """Compute from the finished requests; None without a request file."""

    def computed(context: MetricContext) -> T | None:
        log = request_log(context)
        return None if log is None else compute(log)

    return computed


def of_requests(number: Callable[[RequestLog], float]) -> Callable[[MetricContext], Computed | None]:
    """Compute a metric by a function of the finished requests."""
    return of_log(lambda log: Computed(number(log), log.latency.n))


def streamed_mean(
    sample_of: Callable[[RequestLog], OrderedSample],
) -> Callable[[MetricContext], Computed | None]:
    """Compute the mean of a number that exists only when tokens are streamed."""

    def mean(log: RequestLog) -> Computed:
        sample = sample_of(log)
        return Computed(sample.mean, sample.n) if sample.n else Computed(None, 0, "tokens were not streamed")

    return of_log(mean)


def mean_estimate(
    sample_of: Callable[[RequestLog], OrderedSample],
) -> Callable[[MetricContext], Estimate | None]:
    """Estimate the mean of a time over requests; neighbours in the request file are correlated."""
    return of_log(lambda log: sample_mean(sample_of(log)))


def percentile_estimate(
    sample_of: Callable[[RequestLog], OrderedSample], q: float
) -> Callable[[MetricContext], Estimate | None]:
    """Estimate a percentile of a time over requests."""
    return of_log(lambda log: sample_percentile(sample_of(log), q))


def sample_mean(sample: OrderedSample) -> Estimate | None:
    """Return the mean of correlated values with its error; None: there is no value."""
    return mean_of(sample.batches.means, value=sample.mean) if sample.n else None


def sample_percentile(sample: OrderedSample, q: float) -> Estimate | None:
    """Return a percentile of correlated values with its bounds; None: there is no value."""
    if not sample.n:
        return None
    effective = effective_number(sample, sample.batches)
    return PercentileEstimate(sample.percentile(q), q, effective, sample.percentile)
