"""All metrics, in the order of the result table: each family's tuple, joined.

A metric that is added to the tuple of its family appears in the table, the help, `METRICS.md`, exports and
comparisons; nothing else has to be edited.
"""

from __future__ import annotations

from runner.metrics.bandwidth import BANDWIDTH_METRICS
from runner.metrics.ceiling_metrics import CEILING_METRICS, SERVING_CEILING_METRICS
from runner.metrics.energy import ENERGY_METRICS
from runner.metrics.engine_log import ENGINE_LOAD_METRICS, ENGINE_METRICS
from runner.metrics.gpu import ACTIVITY_METRICS
from runner.metrics.latency import LATENCY_METRICS
from runner.metrics.memory import ENGINE_MEMORY_METRICS, GPU_MEMORY_METRICS, MEMORY_MAP_METRICS
from runner.metrics.metric import Metric
from runner.metrics.request_latency import INTER_TOKEN_METRICS, REQUEST_METRICS
from runner.metrics.sample import SAMPLE_METRICS
from runner.metrics.serving import SERVING_SAMPLE_METRICS, SERVING_THROUGHPUT_METRICS
from runner.metrics.step_times import STEP_METRICS
from runner.metrics.throughput import THROUGHPUT_METRICS

MEMORY = MEMORY_MAP_METRICS
"""What fills the memory of a GPU: of batches of fixed size and of requests in flight."""

GPU = (*GPU_MEMORY_METRICS, *ENERGY_METRICS, *ACTIVITY_METRICS, *BANDWIDTH_METRICS)
"""Metrics of the GPUs that the ranks computed on."""

ALL = (
    *LATENCY_METRICS, *THROUGHPUT_METRICS, *STEP_METRICS, *CEILING_METRICS, *ENGINE_MEMORY_METRICS, *MEMORY,
    *GPU, *SAMPLE_METRICS,
)  # fmt: skip
"""Metrics of batches of fixed size, those of the GPUs among them."""

SERVING = (
    *REQUEST_METRICS, *SERVING_THROUGHPUT_METRICS, *INTER_TOKEN_METRICS, *ENGINE_METRICS,
    *SERVING_CEILING_METRICS, *SERVING_SAMPLE_METRICS, *ENGINE_LOAD_METRICS,
)  # fmt: skip
"""Metrics of many requests in flight (trtllm-bench); none of them has the meaning of one in `ALL`."""

BY_NAME = {metric.name: metric for metric in (*ALL, *SERVING)}


def compared_metrics() -> tuple[Metric, ...]:
    """Return the metrics that a comparison shows when a user names none."""
    shown = [metric for metric in BY_NAME.values() if metric.comparison_place is not None]
    return tuple(sorted(shown, key=lambda metric: metric.comparison_place or 0))
