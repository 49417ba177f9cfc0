"""Answers of the model, one line each, so that the user can check whether they make sense."""

from __future__ import annotations

import msgspec

from tui.framework.rows import Row, dim, row
from tui.text import plain_text, shorten, width_of

ARROW = " -> "


class Answers(msgspec.Struct, frozen=True):
    pairs: tuple[tuple[str, str], ...] = ()
    """prompt and answer, each on one line"""
    source: str = "smoke run"
    """origin of the answers"""


def one_line(text: str) -> str:
    """Join program output into one line."""
    return plain_text(" ".join(text.split()))


def draw_answers(answers: Answers, width: int, height: int) -> list[Row]:
    """Draw the answers that fit; nothing without answers."""
    shown = answers.pairs[:height] if height else answers.pairs
    return [_answer(f"{answers.source}: ", prompt, answer, width) for prompt, answer in shown]


def _answer(label: str, prompt: str, answer: str, width: int) -> Row:
    """Draw prompt and answer; the prompt is cut first."""
    room = max(0, width - len(label) - len(ARROW) - 4)
    asked = shorten(prompt, max(room // 3, room - width_of(answer)))
    answered = shorten(answer, room - width_of(asked))
    return row(dim(label), dim(f"“{asked}”"), dim(ARROW), f"“{answered}”")
