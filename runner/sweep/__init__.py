"""Sweeps: many runs of one profile with different values, as one thing that survives its terminal.

A sweep is a directory below the state folder: `sweep.json` is frozen (axes, cells, order), `log.jsonl` grows.
One detached process, the conductor, starts one run after the other (`supervision.launch`) and writes the
log; the board, the headless command and `sweeps show` only read. Runs are ordinary runs: each has its own
supervisor, is in the history, and knows its place in the sweep (`runner.plan.plan.Membership`).
"""
