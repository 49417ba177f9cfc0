"""Profiles as files, forms and axes of sweeps. The struct of each engine's profiles lies with the engine."""
