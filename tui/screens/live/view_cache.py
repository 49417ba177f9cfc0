"""Results that the live screen and its health page share: expensive to compute, and rarely different."""

from __future__ import annotations

from runner.history.run_feed import Feed
from runner.metrics.current_ceiling import CurrentCeiling, find_current_ceiling
from runner.report.baseline_numbers import BaselineNumbers
from runner.report.eta import EarlierTimes
from runner.state.configuration import ConfigurationState
from runner.stats import Sample
from runner.stats.steady_state import Steadiness, last_look
from tui.screens.live.configuration_view import ConfigurationLines
from tui.screens.live.gpu_lanes import GpuLaneCache, latest_look
from tui.screens.live.gpu_view import NodeLineCache
from tui.screens.live.plot_view import LatencySpread, spread_of
from tui.screens.live.steady_badge import find_steadiness

RECOMPUTED_AFTER = 1.1
"""growth of a sample after which its spread is computed again; less would redraw the band in every frame"""


class LiveViewCache:
    """Caches results that are expensive to compute and rarely change."""

    def __init__(self) -> None:
        self.lanes = GpuLaneCache()
        self.gpus = NodeLineCache()
        self.earlier = EarlierTimes()
        self.configurations = ConfigurationLines()
        self.baseline: BaselineNumbers | None = None
        """the baseline of the profile; None: there is none, or it is not read yet"""
        self._steadiness: tuple[ConfigurationState, tuple[int, bool], Steadiness | None] | None = None
        self._spread: tuple[Sample, tuple[int, float, float], LatencySpread] | None = None
        self._ceiling: tuple[tuple[int, int], CurrentCeiling] | None = None

    def ceiling(self, feed: Feed) -> CurrentCeiling:
        """Return the ceiling of the current configuration; computed again with each reading of the GPUs."""
        state, last = feed.state, feed.state.telemetry.last
        key = len(state.configurations), latest_look(state, last.t) if last is not None else state.events
        if self._ceiling is None or self._ceiling[0] != key:
            self._ceiling = key, find_current_ceiling(state, feed.plan)
        return self._ceiling[1]

    def steadiness(self, configuration: ConfigurationState | None) -> Steadiness | None:
        """Assess the steadiness of the latencies, again after its next look and at the end."""
        if configuration is None:
            return None
        look = last_look(configuration.latency.n), configuration.done
        if self._steadiness is not None:
            assessed, looked, found = self._steadiness
            if assessed is configuration and looked == look:
                return found
        found = find_steadiness(configuration)
        self._steadiness = (configuration, look, found)
        return found

    def spread(self, latency: Sample) -> LatencySpread:
        """Return `plot_view.spread_of`; again after 10 % more values, or a new extreme one."""
        if self._spread is not None:
            sample, (n, low, high), found = self._spread
            same = (low, high) == (latency.minimum, latency.maximum)
            if sample is latency and same and latency.n <= n * RECOMPUTED_AFTER:
                return found
        found = spread_of(latency)
        self._spread = latency, (latency.n, latency.minimum, latency.maximum), found
        return found
