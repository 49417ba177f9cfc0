"""What is said about the chosen profile before its options: what it is for, and how its last run went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.util.formatting import duration, plural
from tui.framework.rows import Row, Span, dim, row
from tui.relative_time import when
from tui.text import measure, wrap

if TYPE_CHECKING:
    from tui.screens.home.catalogue import Item

WELCOME = (
    "Welcome. A profile says what to measure: model, ranks, batch sizes, lengths.",
    "Press Enter to run quickstart: about a minute on any machine, without a GPU.",
    "A run goes on without this terminal, and all that it measures is kept.",
)


@dataclass(frozen=True, slots=True)
class About:
    item: Item | None
    welcome: bool
    brief: bool
    """there is little room: only what changes what the user does next"""
    now: float


def draw_about(about: About, width: int, height: int) -> list[Row]:
    item = about.item
    if item is None:
        return [row(dim("no profile chosen"))]
    if item.error:
        return _broken(item, width)
    if item.profile is None:
        return [row(dim("reading the profile ..."))]
    rows: list[Row] = []
    if about.welcome:
        rows += [row(line) for sentence in WELCOME for line in wrap(sentence, width)]
    elif not about.brief:
        rows += [row(line) for line in wrap(item.profile.description or "no description", width)]
    if item.run is not None:
        rows.append(row(Span("under way: Enter shows this run; its options can no longer change", "good")))
    if item.remark:
        rows.append(row(Span(item.remark, "warn")))
    if item.last is not None and not about.brief:
        last = item.last
        text = (
            f"last run: {last.status} {when(last.started, about.now).strip()}, took {duration(last.seconds)}"
        )
        rows += [row(dim(line)) for line in wrap(f"{text}  {last.cause}".rstrip(), width)]
    if item.results and not about.brief:
        values = ", ".join(measure(value) for value in reversed(item.results))
        text = f"tokens/s of the last {plural(len(item.results), 'finished run')}, newest first: {values}"
        rows += [row(dim(line)) for line in wrap(text, width)]
    return rows


def _broken(item: Item, width: int) -> list[Row]:
    rows = [row(Span("✖ This profile cannot be used:", "bad")), row()]
    rows += [row(line) for line in wrap(item.error, width)]
    if item.remark:
        rows += [row(), row(Span(item.remark, "warn"))]
    if item.group == "mine":
        rows += [row(), row(dim("Correct the file; this screen notices by itself."))]
    return rows
