"""Every metric of the result table: one entry with its definition and its computation.

`registry` lists the entries; `compute` makes the values of one configuration; `flags`, `gpu_flags`,
`node_flags` and `serving_flags` give reasons to doubt them; `explain` writes the documentation. A new metric
is one entry in the tuple of its family (`latency`, `throughput`, `energy`, ...). Other packages import only
those entries by name that they treat specially.
"""

from runner.metrics.bandwidth import GPU_DRAM_MODELLED
from runner.metrics.caveats import caveats
from runner.metrics.ceiling import Bound, Ceiling, ceiling_flags, find_ceiling
from runner.metrics.ceiling_metrics import DECODE_CEILING, PREFILL_UTILISATION, REQUESTS_CEILING
from runner.metrics.compute import compute_all, compute_metric, values
from runner.metrics.context import LOGGED_ITERATIONS, CeilingInputs, GpuContext, MetricContext
from runner.metrics.energy import (
    GPU_ENERGY,
    GPU_POWER,
    GPU_POWER_PEAK,
    JOULES_PER_TOKEN,
    TOKENS_PER_SEC_PER_W,
)
from runner.metrics.flags import flags
from runner.metrics.gpu import GPU_DRAM_ACTIVE, GPU_THROTTLED
from runner.metrics.latency import LATENCY, P50, P95, P99, VARIATION
from runner.metrics.memory import GPU_MEMORY
from runner.metrics.metric import Computed, Metric, MetricGroup, MetricValue, printed_value
from runner.metrics.registry import ALL, BY_NAME, GPU, SERVING, compared_metrics
from runner.metrics.request_latency import REQUEST_LATENCY
from runner.metrics.serving import OUTPUT_TOKENS_PER_SEC
from runner.metrics.throughput import (
    GENERATION_TIME,
    GENERATION_TOKENS_PER_SEC,
    PREFILL_TIME,
    TIME_PER_OUTPUT_TOKEN,
    TOKENS_PER_SEC,
)

__all__ = [
    "ALL",
    "BY_NAME",
    "DECODE_CEILING",
    "GENERATION_TIME",
    "GENERATION_TOKENS_PER_SEC",
    "GPU",
    "GPU_DRAM_ACTIVE",
    "GPU_DRAM_MODELLED",
    "GPU_ENERGY",
    "GPU_MEMORY",
    "GPU_POWER",
    "GPU_POWER_PEAK",
    "GPU_THROTTLED",
    "JOULES_PER_TOKEN",
    "LATENCY",
    "LOGGED_ITERATIONS",
    "OUTPUT_TOKENS_PER_SEC",
    "P50",
    "P95",
    "P99",
    "PREFILL_TIME",
    "PREFILL_UTILISATION",
    "REQUESTS_CEILING",
    "REQUEST_LATENCY",
    "SERVING",
    "TIME_PER_OUTPUT_TOKEN",
    "TOKENS_PER_SEC",
    "TOKENS_PER_SEC_PER_W",
    "VARIATION",
    "Bound",
    "Ceiling",
    "CeilingInputs",
    "Computed",
    "GpuContext",
    "Metric",
    "MetricContext",
    "MetricGroup",
    "MetricValue",
    "caveats",
    "ceiling_flags",
    "compared_metrics",
    "compute_all",
    "compute_metric",
    "find_ceiling",
    "flags",
    "printed_value",
    "values",
]
