"""Statistics in pure Python: samples that grow with a run, and conclusions from them.

- `moments`: count, mean and standard deviation of values that arrive one by one.
- `percentiles`: the same with percentiles, including upstream's, and a histogram.
- `series`: the values over time in bounded memory.
- `changes`: whether a series changes along a line, by a step, or towards a level.
- `autocorrelation`: how much correlation of neighbours widens an error.
- `steady_state`: the verdict WARMING / STEADY / DRIFTING / STEP, of a report and of a live screen.
- `modes`, `dip`: whether latencies have two modes.
- `intervals`: 95 % intervals of means (block bootstrap, AR(1)) and percentiles (order statistics).
- `repeats`: one number from several runs, geometric mean and spread.
- `variation`: how much a number varies from run to run and from session to session.
- `student`: quantiles of Student's t and of the binomial distribution.

Only `moments`, `percentiles` and `series` are imported with the state of a run; the others are imported where
they are used.
"""

from runner.stats.moments import Mean, Moments
from runner.stats.percentiles import EXACT_LIMIT, Bin, Sample, interpolated
from runner.stats.series import Batches, Series, SeriesBucket

__all__ = [
    "EXACT_LIMIT",
    "Batches",
    "Bin",
    "Mean",
    "Moments",
    "Sample",
    "Series",
    "SeriesBucket",
    "interpolated",
]
