"""Sweeps: one profile measured with many combinations of values, in runs of their own.

- On disk: `spec` (axes, cells, order; frozen in `sweep.json`), `directory` (the directory and its log).
- Process: `control` starts, stops and resumes a sweep; `sweep_runner` is the detached process that starts one
  run after the other and writes the log, `job_runner` the same in jobs of Slurm; `progress` folds the log;
  `out_of_memory` and `known_failures` prune.
- Output: `sweep_feed` follows a sweep, `board` and `matrix` arrange its numbers, `intervals` and `pareto`
  judge them, `board_text` prints them.
"""
