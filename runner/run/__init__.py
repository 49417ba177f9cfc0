"""A run directory: its layout, locks, stop request and liveness."""
