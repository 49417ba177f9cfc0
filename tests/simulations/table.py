"""One result of a simulation, its target, and tables of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """A share of trials; without a target it is for comparison."""

    table: str
    where: str
    share: float
    most: float | None = None
    least: float | None = None

    def holds(self, trials: int) -> bool:
        """Whether the target is met, up to 3 standard errors of the simulation itself."""
        target = self.most if self.most is not None else self.least
        if target is None:
            return True
        slack = 3 * math.sqrt(target * (1 - target) / trials)
        return self.share <= target + slack if self.most is not None else self.share >= target - slack

    @property
    def target(self) -> str:
        if self.most is not None:
            return f"at most {self.most:.1%}"
        return f"at least {self.least:.0%}" if self.least is not None else ""


def as_markdown(cells: Iterable[Cell], trials: int) -> Iterator[str]:
    """Yield the lines of one table for each name of a table."""
    tables: dict[str, list[Cell]] = {}
    for cell in cells:
        tables.setdefault(cell.table, []).append(cell)
    for name, rows in tables.items():
        yield f"### {name}"
        yield ""
        yield "| case | share | target | |"
        yield "|---|---|---|---|"
        for row in rows:
            mark = "" if row.holds(trials) else "**missed**"
            yield f"| {row.where} | {row.share:.1%} | {row.target} | {mark} |"
        yield ""
