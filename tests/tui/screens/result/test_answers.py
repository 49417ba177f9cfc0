"""Prompt and answer of the smoke run in one line."""

from __future__ import annotations

import pytest

from tui.framework.rows import row_text, row_width
from tui.screens.result.answers import Answers, draw_answers, one_line


def test_a_short_one_is_shown_whole() -> None:
    said = Answers((("How?", "So."),))
    assert [row_text(row) for row in draw_answers(said, 78, 0)] == ["smoke run: “How?” -> “So.”"]
    assert draw_answers(Answers(), 78, 0) == []


def test_it_says_where_it_comes_from() -> None:
    said = Answers((("request 0", "nine"),), "measured")
    assert [row_text(row) for row in draw_answers(said, 78, 0)] == ["measured: “request 0” -> “nine”"]


@pytest.mark.parametrize("width", [20, 78, 118, 198])
@pytest.mark.parametrize(
    "said", [("a", "b" * 300), ("a" * 300, "b"), ("a" * 300, "b" * 300), ("模" * 99, "型" * 99)]
)
def test_it_is_cut_to_the_width(said: tuple[str, str], width: int) -> None:
    [row] = draw_answers(Answers((said,)), width, 0)
    assert row_width(row) <= width


def test_the_prompt_gives_way_to_the_answer() -> None:
    [row] = draw_answers(Answers((("a" * 300, "b" * 40),)), 78, 0)
    assert "b" * 40 in row_text(row)


def test_no_more_than_there_are_lines_for() -> None:
    assert len(draw_answers(Answers((("a", "b"),) * 5), 78, 3)) == 3


def test_what_a_program_said_is_one_harmless_line() -> None:
    assert one_line("a\n\tb\x1b[31mc\x07") == "a bc·"
