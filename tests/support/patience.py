"""How long tests wait: for a state, never for a time."""

PATIENCE_S = 120.0
"""Ends only a wait that is in vain; what takes a second on an idle machine takes many on a busy one."""
