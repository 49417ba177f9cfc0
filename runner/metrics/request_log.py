"""The finished requests of trtllm-bench: what the metrics of many requests in flight share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from runner.metrics.context import MetricContext
from runner.metrics.metric import Computed

if TYPE_CHECKING:
    from runner.state.serving import RequestLog

REQUESTS_SOURCE = "every request of trtllm-bench's request file, else its report"
MEASURED = "requests that were measured"
FILED = "From the request file (1.0 and later) where there is one, else as trtllm-bench reports it."


def request_log(context: MetricContext) -> RequestLog | None:
    """Return the finished requests; None: there is no request file."""
    serving = context.configuration.serving
    log = serving.requests if serving is not None else None
    return log if log is not None and log.latency.n and log.seconds > 0 else None


def of_requests(number: Callable[[RequestLog], float]) -> Callable[[MetricContext], Computed | None]:
    """Compute a metric by a function of the finished requests."""

    def compute(context: MetricContext) -> Computed | None:
        log = request_log(context)
        return None if log is None else Computed(number(log), log.latency.n)

    return compute
