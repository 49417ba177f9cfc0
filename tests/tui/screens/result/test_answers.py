"""Prompt and answer of the smoke run in one line."""

from __future__ import annotations

import pytest

from tui.framework.rows import row_text, row_width
from tui.screens.result.answers import Answers, draw_answers, one_line


def test_a_short_answer_is_shown_in_full() -> None:
    answers = Answers((("How?", "So."),))
    assert [row_text(row) for row in draw_answers(answers, 78, 0)] == ["smoke run: “How?” -> “So.”"]
    assert draw_answers(Answers(), 78, 0) == []


def test_the_label_names_the_source() -> None:
    answers = Answers((("request 0", "nine"),), "measured")
    assert [row_text(row) for row in draw_answers(answers, 78, 0)] == ["measured: “request 0” -> “nine”"]


@pytest.mark.parametrize("width", [20, 78, 118, 198])
@pytest.mark.parametrize(
    "pair", [("a", "b" * 300), ("a" * 300, "b"), ("a" * 300, "b" * 300), ("模" * 99, "型" * 99)]
)
def test_an_answer_is_cut_to_the_width(pair: tuple[str, str], width: int) -> None:
    [row] = draw_answers(Answers((pair,)), width, 0)
    assert row_width(row) <= width


def test_the_prompt_is_cut_before_the_answer() -> None:
    [row] = draw_answers(Answers((("a" * 300, "b" * 40),)), 78, 0)
    assert "b" * 40 in row_text(row)


def test_only_answers_that_fit_are_drawn() -> None:
    assert len(draw_answers(Answers((("a", "b"),) * 5), 78, 3)) == 3


def test_program_output_becomes_one_plain_line() -> None:
    assert one_line("a\n\tb\x1b[31mc\x07") == "a bc·"
