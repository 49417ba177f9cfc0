"""Profiles as YAML files, forms and axes of sweeps. The profile struct of an engine is in its folder."""
