"""Simulations with a known truth: false calls, power and coverage as tables with their targets.

`make simulate` runs all of them in full; `tests/simulations/test_simulations.py` runs a short form.
"""
