"""What the model answered, one line each: a person reads whether it makes sense."""

from __future__ import annotations

import msgspec

from tui.framework.rows import Row, dim, row
from tui.text import plain, shorten, width_of

ARROW = " -> "


class Answers(msgspec.Struct, frozen=True):
    said: tuple[tuple[str, str], ...] = ()
    """prompt and answer, each on one line"""
    source: str = "smoke run"
    """where they come from"""


def one_line(text: str) -> str:
    """Program output as one line."""
    return plain(" ".join(text.split()))


def draw_answers(answers: Answers, width: int, height: int) -> list[Row]:
    """The answers, or as many as there are lines for; nothing where there are none."""
    shown = answers.said[:height] if height else answers.said
    return [_answer(f"{answers.source}: ", prompt, answer, width) for prompt, answer in shown]


def _answer(label: str, prompt: str, answer: str, width: int) -> Row:
    """The prompt gives way to the answer, which is what there is to judge."""
    room = max(0, width - len(label) - len(ARROW) - 4)
    asked = shorten(prompt, max(room // 3, room - width_of(answer)))
    answered = shorten(answer, room - width_of(asked))
    return row(dim(label), dim(f"“{asked}”"), dim(ARROW), f"“{answered}”")
