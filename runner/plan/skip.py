"""Why a stage of a plan is not run, as `Stage.skip` in plan.json states it."""

from __future__ import annotations

from enum import Enum

import msgspec


class SkipKind(str, Enum):
    """The kinds of reasons; the value is how the text begins."""

    CACHED = "cached"
    """an earlier run made the same output; the detail is its directory"""
    GIVEN = "given"
    """the profile names an existing output; the detail is the field and its value"""
    NOT_NEEDED = "not needed"
    """no later stage uses the output; the detail says why"""
    NOT_SELECTED = "not asked for"
    """`stages` of the profile leaves it out; no detail"""


class SkipReason(msgspec.Struct, frozen=True):
    """A kind and its detail; the text form is `cached: /data/engine`."""

    kind: SkipKind
    detail: str = ""

    @classmethod
    def parse(cls, text: str) -> SkipReason | None:
        """Read the text form; return None for an empty text and for a reason of an unknown kind."""
        kind, _, detail = text.partition(": ")
        try:
            return cls(SkipKind(kind), detail)
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.detail}" if self.detail else self.kind.value
