"""What a screen says about itself on the page behind `?`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ScreenHelp:
    """The help of a screen, besides its keys."""

    name: str
    """of the screen, as the title of the page has it"""
    about: str
    """what the screen is for, in a sentence or two"""
    terms: tuple[tuple[str, str], ...]
    """words that the screen uses, each with its meaning"""
