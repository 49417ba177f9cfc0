"""GPM (GPU performance monitoring): how active the parts of a GPU were between two samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pynvml

from runner.telemetry.nvml_errors import ReadingUnavailable, ReadingValue

GPM_METRICS = (2, 5, 10)
"""SMs active, any tensor pipe active, DRAM bandwidth: percent; the last columns of `sampler.FAST`"""


class Gpm:
    """Two samples of one GPU in turn, and the structure that compares them: 19 kB, so it is reused."""

    def __init__(self, call: Callable[..., Any], handle: Any) -> None:
        self._call, self._handle = call, handle
        self._samples = [call("nvmlGpmSampleAlloc", pynvml.nvmlGpmSampleAlloc) for _ in range(2)]
        self._request = pynvml.c_nvmlGpmMetricsGet_t()
        self._request.version = pynvml.NVML_GPM_METRICS_GET_VERSION
        self._request.numMetrics = len(GPM_METRICS)
        for place, metric in enumerate(GPM_METRICS):
            self._request.metrics[place].metricId = metric
        self._first = True

    def read(self) -> tuple[ReadingValue, ...] | None:
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
            ReadingUnavailable(metric.nvmlReturn) if metric.nvmlReturn else float(metric.value)
            for metric in metrics
        )
