"""Numbers as programs print them: what counts as one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.util.bounds import as_count, is_reading, parse_count, parse_number
from tests.support import characters


@pytest.mark.parametrize("text", ["inf", "-inf", "nan", "1e308", "1e-310", "", "n/a", "9" * 5000])
def test_text_without_a_usable_number_gives_none(text: str) -> None:
    assert parse_number(text) is None
    assert parse_count(text) is None


def test_usual_printed_numbers_are_read() -> None:
    assert (parse_number("0.0"), parse_number("-3.5"), parse_number("1e6")) == (0.0, -3.5, 1e6)
    assert (parse_count("16"), parse_count("-1"), parse_count("1.5")) == (16, None, None)
    assert (as_count(3.0), as_count(True), as_count(float("nan")), as_count(10**400)) == (3, None, None, None)


@settings(deadline=None)
@given(st.text(characters.ANY) | st.floats().map(str) | st.integers().map(str))
def test_every_parsed_number_can_be_stored(text: str) -> None:
    number = parse_number(text)
    assert number is None or is_reading(number)
    count = parse_count(text)
    assert count is None or 0 <= count <= 2**53
