"""The data of one configuration that metrics are computed from."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from runner.stats.intervals import MeanEstimate, inefficiency, mean_of
from runner.stats.steady_state import Steadiness, assess_steadiness
from runner.util.bounds import parse_count

if TYPE_CHECKING:
    from runner.metrics.gpu_peaks import GpuPeak
    from runner.metrics.memory_map import MemoryMap
    from runner.plan.plan import DecodeReads
    from runner.state.configuration import ConfigurationState
    from runner.state.gpu_window import GpuWindow
    from runner.stats import Batches, Sample

LOGGED_ITERATIONS = "iterations"
"""Key of a printed result under which an import puts the number of timed iterations that the log states."""


def effective_number(sample: Sample, batches: Batches) -> float:
    """Return how many independent values the correlated ones of a sample are worth."""
    if math.isnan(sample.deviation):
        return float(sample.n)
    # The batches are means of `width` values.
    return sample.n / inefficiency(batches.means, independent=sample.deviation**2 / batches.width)


class GpuContext(msgspec.Struct, frozen=True):
    """The GPU readings of one configuration."""

    window: GpuWindow | None
    """readings of the measured phase; None: nothing was read in it"""
    decode_reads: DecodeReads | str
    """bytes that a decode step reads, from the plan; a string: why they are not known"""
    unknown_gpu: str = ""
    """which rank computes on a GPU that is not known, so that sums over GPUs are incomplete; empty: none"""
    too_short: str = ""
    """why there are too few samples; empty: there are enough"""


class CeilingInputs(msgspec.Struct, frozen=True):
    """What the ceiling of a run is computed from; a string: why it is not known."""

    reads: DecodeReads | str
    """what a decode step reads and computes, from the plan"""
    peak: GpuPeak | str
    """what the GPUs can do at most"""


class MetricContext(msgspec.Struct, frozen=True, dict=True):
    """One configuration, and what several of its metrics share, computed once."""

    configuration: ConfigurationState
    ranks: int = 1
    """how many processes measured together"""
    gpus: GpuContext | None = None
    """None: a run without GPU readings"""
    ceiling: CeilingInputs | None = None
    """None: a run that is not known to compute on GPUs"""
    memory: MemoryMap | None = None
    """None: nothing is known of what fills the memory of the GPUs"""

    @property
    def logged_iterations(self) -> int:
        """Number of iterations that the log of an imported result states; 0: not stated."""
        return parse_count((self.configuration.result or {}).get(LOGGED_ITERATIONS, "")) or 0

    @cached_property
    def steadiness(self) -> Steadiness:
        """Warm-up and drift of the latencies."""
        return assess_steadiness(self.configuration.batches)

    @cached_property
    def latency_estimate(self) -> MeanEstimate:
        """The mean latency, milliseconds."""
        configuration = self.configuration
        return mean_of(configuration.batches.means, value=configuration.latency.mean)

    @cached_property
    def generation_estimate(self) -> MeanEstimate:
        """The mean generation time, milliseconds."""
        configuration = self.configuration
        return mean_of(configuration.generation_batches.means, value=configuration.generation.mean)

    @cached_property
    def effective_iterations(self) -> float:
        """The effective sample size: the number of independent iterations with the same standard error."""
        return effective_number(self.configuration.latency, self.configuration.batches)
