"""Errors of the measured processes."""

from __future__ import annotations


class StartError(Exception):
    """A rank cannot start; the message is one sentence for the user."""


class CheckpointError(StartError):
    """The weights in a folder cannot be used; the message is one sentence with the file or tensor."""


class MemoryLackError(Exception):
    """A configuration does not fit into the memory of a GPU; every rank raises it at the same place."""
