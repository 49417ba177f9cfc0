"""Statistics, all in pure Python: what grows with a run, and what is concluded from it.

- `sample`: moments and percentiles of values that arrive one by one, upstream's percentile among them.
- `series`: their course in bounded memory.
- `course`: warm-up, drift and the verdict WARMING / STEADY / DRIFTING; cheap enough for every frame.
- `intervals`: 95 % intervals of means (block bootstrap) and percentiles (order statistics).
- `repeats`: one number of several runs, geometric mean and spread.
- `student`: quantiles of Student's t and of the binomial distribution.

Only `sample` and `series` are loaded with the state of a run; the others are imported where they are used.
"""

from runner.stats.samples import EXACT_LIMIT, Bin, Mean, Moments, Sample, interpolated
from runner.stats.series import Batches, Bucket, Series

__all__ = ["EXACT_LIMIT", "Batches", "Bin", "Bucket", "Mean", "Moments", "Sample", "Series", "interpolated"]
