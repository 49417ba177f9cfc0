"""The upper part of a comparison: the answer, the sides, bars with intervals, and what differs."""

from __future__ import annotations

from typing import NamedTuple

from runner.compare.answer import (
    Outcome,
    answer_pair,
    bar_labels,
    bar_limit,
    bar_lines,
    draw_bar,
    scale_line,
    warning_sentences,
)
from runner.metrics import BY_NAME
from tui.framework.rows import Row, Span, cut, dim, row
from tui.screens.compare.compare_table import VERDICTS, WIDE, CompareView, format_share
from tui.text import align_right, fit, format_measurement, plain_text, shorten_middle, width_of, wrap

_SIGNS: dict[Outcome, Span] = {
    "better": Span("▲ ", "good"),
    "worse": Span("▼ ", "bad"),
    "same": Span("= ", "good"),
    "mixed": Span("▲▼ ", "warn"),
    "inconclusive": Span("? ", "warn"),
    "none": Span("✖ ", "bad"),
}
BAR, MOST_BAR = 21, 61
"""cells of a bar"""
VALUES, CHANGE, VERDICT, SIGN = 26, 9, 16, 4
ENOUGH_LABEL = 24
"""cells of a name that tell it from others"""


def draw_answer(view: CompareView, width: int, height: int) -> list[Row]:
    """Draw the answer for the selected pair in one sentence, and what limits it."""
    pair = view.comparison.pairs[view.pair]
    answer = answer_pair(view.comparison, pair)
    sign = _SIGNS[answer.outcome]
    indent = width_of(sign.text)
    drawn: list[Row] = []
    for number, line in enumerate(wrap(plain_text(answer.sentence), max(10, width - indent))):
        drawn.append(row(" " * indent if number else sign, Span(line, "strong")))
    for sentence in warning_sentences(view.comparison, pair):
        drawn.append(cut(row(Span("! ", "warn"), plain_text(sentence)), width))
    for reason in pair.unfair_because[1:]:
        for number, line in enumerate(wrap(plain_text(reason), max(10, width - 4))):
            drawn.append(row("  ", Span("  " if number else "▸ ", "warn"), line))
    for note in pair.notes:
        drawn += [row(dim(f"  {line}")) for line in wrap(plain_text(note), max(10, width - 2))]
    return drawn


def draw_sides(view: CompareView, width: int, height: int) -> list[Row]:
    """Draw a line a side; the selected one is highlighted."""
    drawn = []
    for index, side in enumerate(view.comparison.sides):
        style = "accent" if index == view.side else "dim"
        several = f"{len(side.runs)} runs: " if len(side.runs) > 1 else ""
        label = Span(f"{'▸' if index == view.side else ' '} {side.label}  ", style)
        about = dim(f"  {several}{plain_text(', '.join(side.runs))}  {plain_text(side.summary)}")
        drawn.append(cut(row(label, Span(plain_text(side.profile), "strong"), about), width))
    return drawn


class _BarWidths(NamedTuple):
    """Cells of the parts of a bar's line."""

    label: int
    bar: int
    """0: no bar"""
    verdict: int
    """`SIGN`: only the sign of the verdict"""


def _bar_widths(longest: int, width: int) -> _BarWidths:
    """Return the parts that fit: a name that cannot be told from others is worse than a missing bar."""
    name = min(longest, ENOUGH_LABEL)
    parts = ((VERDICT, BAR), (SIGN, BAR), (VERDICT, 0), (SIGN, 0))
    verdict, bar = next((part for part in parts if name + sum(part) + CHANGE <= width), parts[-1])
    label = max(1, min(max(longest, 12), width - CHANGE - verdict - bar))
    if bar:
        bar = min(MOST_BAR, width - CHANGE - verdict - label)
        bar -= 1 - bar % 2
    return _BarWidths(label, bar, verdict)


def draw_bars(view: CompareView, width: int, height: int) -> list[Row]:
    """Draw the changes of the selected pair as bars with their intervals, on one scale."""
    pair = view.comparison.pairs[view.pair]
    lines = bar_lines(pair)
    if not lines:
        return [row(dim("no change to draw"))]
    shown = lines[: height - 1] if height and len(lines) > height - 1 else lines
    labels = bar_labels(lines)
    values = VALUES + 2 if width >= WIDE else 0
    label, size, room = _bar_widths(max(map(width_of, labels)) + 1, width - values)
    limit = bar_limit(lines)
    drawn = []
    for line, name in zip(shown, labels, strict=False):
        change = line.change
        verdict = VERDICTS[change.verdict] if change.verdict else dim("")
        word = verdict.text if room == VERDICT else verdict.text[:1]
        before, after = format_measurement(change.first), format_measurement(change.second)
        numbers = f"{before} → {after} {BY_NAME[line.metric].unit}" if values else ""
        drawn.append(
            cut(
                row(
                    fit(shorten_middle(name, label - 1), label),
                    Span(draw_bar(line, limit, size) if size else "", verdict.style),
                    Span(align_right(format_share(change.change), CHANGE), "strong"),
                    Span(fit(f"  {word}", room), verdict.style),
                    dim(f"  {numbers}" if numbers else ""),
                ),
                width,
            )
        )
    more = len(lines) - len(shown)
    note = f" and {more} more in the table" if more else ""
    scale = " " * label + scale_line(limit, size) if size else ""
    return [*drawn, cut(row(dim(scale + note)), width)] if scale or note else drawn


def draw_method(view: CompareView, width: int, height: int) -> list[Row]:
    """Draw how the intervals were computed; on narrow terminals `?` shows it."""
    method = view.comparison.pairs[view.pair].method
    return [row(dim(line)) for line in wrap(method, width)] if method and width >= WIDE else []


def draw_differences(view: CompareView, width: int, height: int) -> list[Row]:
    """Draw what differs between the sides, a column a side; unfair differences first."""
    differences = view.comparison.differences
    if not differences:
        return [cut(row(dim("no known difference: same machine, software and profile")), width)]
    name = min(max(len(one.name) for one in differences), max(12, width // 3))
    share = max(4, (width - name - 4) // len(view.comparison.sides) - 2)
    drawn = []
    for one in differences:
        mark = Span("✖ ", "bad") if one.kind == "unfair" else dim("· ")
        values = [fit(plain_text(" ".join(value.split())), share) for value in one.values]
        drawn.append(cut(row(mark, dim(fit(one.name, name)), "  ", "  ".join(values)), width))
    return drawn


def differences_title(view: CompareView) -> str:
    """Return how many differences there are, and how many of them make the sides not comparable."""
    differences = view.comparison.differences
    unfair = sum(one.kind == "unfair" for one in differences)
    if not differences:
        return "differences"
    if not unfair:
        return f"differences: {len(differences)}"
    return f"differences: {len(differences)}, not comparable because of {unfair}"


def draw_difference_count(view: CompareView, width: int, height: int) -> list[Row]:
    """Draw the number of differences, for screens without room for their list."""
    if not view.comparison.differences:
        return [row(dim("no known difference"))]
    return [cut(row(dim(differences_title(view)), "  ", Span("d", "key"), dim(" shows them")), width)]
