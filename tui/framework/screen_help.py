"""The text about a screen on its help page (`?`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ScreenHelp:
    """The help of a screen, without its keys."""

    name: str
    """name of the screen in the title of the page"""
    about: str
    """purpose of the screen, in one or two sentences"""
    terms: tuple[tuple[str, str], ...]
    """terms that the screen uses, each with its meaning"""
