"""The fold: the state of a run, computed from its events one by one."""
