"""What a benchmark says: a ratio or figure against a stated bound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    name: str
    bound: str
    holds: Callable[[float], bool]


@dataclass(frozen=True)
class Measured:
    claim: Claim
    value: float
    detail: str

    def line(self) -> str:
        verdict = "holds" if self.claim.holds(self.value) else "MISSED"
        return f"{verdict:<7} {self.claim.name:<62} {self.value:>9.4f}  ({self.claim.bound})  {self.detail}"
