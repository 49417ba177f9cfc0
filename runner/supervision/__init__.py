"""Running a plan detached from every terminal: the supervisor, one stage at a time, and what they watch."""
