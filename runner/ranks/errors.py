"""Errors of the measured processes."""

from __future__ import annotations


class StartError(Exception):
    """A rank cannot start; the message is one sentence for the user."""
