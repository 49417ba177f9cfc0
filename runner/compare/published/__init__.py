"""Numbers that others published, and those that a run matches."""
