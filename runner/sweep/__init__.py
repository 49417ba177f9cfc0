"""Sweeps: one profile measured with many combinations of values, in runs of their own.

- On disk: `spec` (axes, cells, order; frozen in `sweep.json`), `directory` (the directory and its log).
- Process: `control` starts, stops and resumes a sweep; `sweep_runner` is the detached process that starts one
  run after the other and writes the log; `progress` folds the log; `memory` and `known_failures` prune.
- Output: `sweep_feed` follows a sweep, `board` and `matrix` arrange its numbers, `board_text` prints them.
"""
