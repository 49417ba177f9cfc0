"""The text about the selected profile above its options: purpose and last runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from runner.state.job import state_word
from runner.util.formatting import duration, plural
from tui.framework.rows import Row, Span, dim, row
from tui.relative_time import format_timestamp
from tui.text import format_measurement, plain_text, wrap

if TYPE_CHECKING:
    from tui.screens.home.catalogue import ProfileItem

WELCOME = (
    "Welcome. A profile says what to measure: model, ranks, batch sizes, lengths.",
    "Press Enter to run quickstart: about a minute on any machine, without a GPU.",
    "A run continues without this terminal, and all its results are kept.",
)


@dataclass(frozen=True, slots=True)
class ProfileSummary:
    """What the panel above the options shows."""

    item: ProfileItem | None
    welcome: bool
    brief: bool
    """show only what affects the next step, on a low terminal"""
    now: float


def draw_profile_summary(about: ProfileSummary, width: int, height: int) -> list[Row]:
    item = about.item
    if item is None:
        return [row(dim("no profile selected"))]
    if item.error:
        return _broken(item, width)
    if item.profile is None:
        return [row(dim("reading the profile ..."))]
    rows: list[Row] = []
    if about.welcome:
        rows += [row(line) for sentence in WELCOME for line in wrap(sentence, width)]
    elif not about.brief:
        rows += [row(line) for line in wrap(item.profile.description or "no description", width)]
    fit = item.fit
    if item.checked is None and fit is not None and fit.verdict != "fits":
        unfit = "not known whether it fits this machine" if fit.verdict == "unknown" else "does not fit"
        rows += [row(Span(line, "warn")) for line in wrap(f"{unfit}: {fit.text}", width)]
    if item.profile.sweep is not None and item.profile.sweep.axes:
        axes = ", ".join(item.profile.sweep.axes)
        rows += [row(line) for line in wrap(f"Enter offers its sweep over {axes}.", width)]
    if item.run is not None:
        rows.append(row(Span("running: Enter shows this run; its options are read-only", "good")))
        rows += [row(Span(line, "warn")) for line in wrap(plain_text(item.run.waiting), width) if line]
    if item.remark:
        rows.append(row(Span(item.remark, "warn")))
    if item.last is not None and not about.brief:
        last = item.last
        started = format_timestamp(last.started, about.now).strip()
        text = f"last run: {state_word(last.status, last.job_end)} {started}, took {duration(last.seconds)}"
        rows += [row(dim(line)) for line in wrap(f"{text}  {last.cause}".rstrip(), width)]
    if item.results and not about.brief:
        values = ", ".join(format_measurement(value) for value in reversed(item.results))
        text = f"tokens/s of the last {plural(len(item.results), 'finished run')}, newest first: {values}"
        rows += [row(dim(line)) for line in wrap(text, width)]
    return rows


def _broken(item: ProfileItem, width: int) -> list[Row]:
    rows = [row(Span("✖ This profile is invalid:", "bad")), row()]
    rows += [row(line) for line in wrap(item.error, width)]
    if item.remark:
        rows += [row(), row(Span(item.remark, "warn"))]
    if item.mine:
        rows += [row(), row(dim("Correct the file; this screen reloads it."))]
    return rows
