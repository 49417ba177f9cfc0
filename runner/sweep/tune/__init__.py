"""Tuning: find the options of a profile that are best for an objective, within constraints.

A tuning is a sweep whose cells are chosen one after the other: same directory, log, process and commands.

- Before: `space` has the points that may be measured, `constraints` what is wanted of them, `definition`
  makes the frozen sweep (its part of a tuning: `runner.sweep.tune_terms`).
- Decisions, pure: `observations` are what a sweep has measured, which `measured` reads, `surrogate` predicts
  what was not, `judgement` says what is known about every point, `search` chooses the next run.
- Process: `tune_runner` is the detached process, `strategy` its steps, `winner` its end; `study` keeps the
  trials in Optuna's storage.
- Output: `view` is a tuning at one moment, `importance` says which options matter, `tune_text` prints both.
"""
