"""All runs of this machine: reading them, choosing among them, and bringing to an end what got lost."""

from runner.history.reader import History, entries
from runner.history.recovery import recover
from runner.history.run_entry import Entry, Figure, entry

__all__ = ["Entry", "Figure", "History", "entries", "entry", "recover"]
