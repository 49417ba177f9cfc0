"""GPM: what parts of a GPU did between two samples of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pynvml

from runner.telemetry.nvml_errors import Unread, Value

GPM_METRICS = (2, 5, 10)
"""SMs active, any tensor pipe active, DRAM bandwidth: percent; the columns that end `sampler.FAST`"""


class Gpm:
    """Two samples of one GPU in turn, and the structure that compares them: 19 kB, so it is kept."""

    def __init__(self, call: Callable[..., Any], handle: Any) -> None:
        self._call, self._handle = call, handle
        self._samples = [call("nvmlGpmSampleAlloc", pynvml.nvmlGpmSampleAlloc) for _ in range(2)]
        self._request = pynvml.c_nvmlGpmMetricsGet_t()
        self._request.version = pynvml.NVML_GPM_METRICS_GET_VERSION
        self._request.numMetrics = len(GPM_METRICS)
        for place, metric in enumerate(GPM_METRICS):
            self._request.metrics[place].metricId = metric
        self._first = True

    def read(self) -> tuple[Value, ...] | None:
        old, new = self._samples
        self._call("nvmlGpmSampleGet", pynvml.nvmlGpmSampleGet, self._handle, old)
        self._samples = [new, old]
        if self._first:
            self._first = False
            return None
        self._request.sample1, self._request.sample2 = new, old
        self._call("nvmlGpmMetricsGet", pynvml.nvmlGpmMetricsGet, self._request)
        metrics = [self._request.metrics[place] for place in range(len(GPM_METRICS))]
        return tuple(
            Unread(metric.nvmlReturn) if metric.nvmlReturn else float(metric.value) for metric in metrics
        )
