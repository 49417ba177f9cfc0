"""Lines of the form and of its help, from rows alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runner.profile.fields import Field
from tui.framework.rows import row_text, row_width
from tui.screens.home.form import FormRow
from tui.screens.home.form_entries import entries_of
from tui.screens.home.form_view import FieldHelp, draw_field_help, draw_form, form_lines


def found(
    text: str, saved: str | None = None, *, path: str = "benchmark.duration", unit: str = "s"
) -> FormRow:
    field = Field(path, "number", text, "60", "at least this long", "a whole number, 0 or more", unit)
    return FormRow(field, text if saved is None else saved, first=True)


def drawn(rows: list[FormRow], width: int) -> list[str]:
    lines = draw_form(form_lines(rows, entries_of(rows, {"unfolded"})), width)
    assert all(row_width(line.row) <= width for line in lines)
    return [row_text(line.row) for line in lines]


def line(row: FormRow, width: int = 60) -> str:
    return drawn([row], width)[-1]


def test_a_value_with_its_unit() -> None:
    assert line(found("20")).rstrip() == "  benchmark.duration   20 s"
    assert line(found("", unit="")).rstrip() == "  benchmark.duration   not set"


def test_a_changed_value_shows_the_saved_one() -> None:
    assert line(found("20", "30")) == "◆ benchmark.duration   20 s                        saved: 30"
    assert line(found("20", "")).endswith("saved: not set")
    assert line(FormRow(found("20").field, None)).endswith("1 changed of 1 field   duration 20")


@pytest.mark.parametrize("width", [30, 40, 60, 200])
def test_names_are_whole_where_there_is_room(width: int) -> None:
    for value in ("x" * 300, "模" * 90, ""):
        first = found(value, "y" * 300, path=f"launch.{'n' * 40}")
        inner = replace(first, first=False, field=replace(first.field, path=f"unfolded.{'n' * 40}"))
        shown = drawn([first, inner], width)
        assert (f"launch.{'n' * 40} " in shown[0]) is (width == 200)
        assert (f"  {'n' * 40} " in shown[2]) is (width == 200)


def test_a_folded_group_shows_what_is_not_the_default() -> None:
    rows = [
        replace(found(text, path=f"build.{name}"), first=False)
        for name, text in (("a", "60"), ("b", "[1, 2]"))
    ]
    assert drawn(rows, 60) == ["▸ build  2 fields   b [1, 2]"]


def test_help_says_what_is_allowed_and_what_to_press() -> None:
    shown = [row_text(row) for row in draw_field_help(FieldHelp(found("20")), 90, 2)]
    assert shown[0] == "at least this long"
    assert shown[1].startswith("allowed: a whole number, 0 or more · default: 60")
    assert shown[1].endswith("enter edit")
    narrow = [row_text(row) for row in draw_field_help(FieldHelp(found("20")), 34, 3)]
    assert len(narrow) == 3
    assert narrow[2].endswith("enter edit")
    assert " ".join(narrow[1:]).startswith("allowed: ")
    assert "…" not in "".join(narrow[1:])
    editing = [row_text(row) for row in draw_field_help(FieldHelp(found("20"), editing=True), 90, 2)]
    assert editing[1].endswith("enter apply, esc cancel")


def test_a_refusal_is_all_that_is_said() -> None:
    shown = [row_text(row) for row in draw_field_help(FieldHelp(found("x"), problem="not " * 60), 40, 2)]
    assert len(shown) == 2
    assert shown[1].endswith("…")


def test_nothing_is_said_about_nothing() -> None:
    assert draw_field_help(FieldHelp(None), 40, 2) == []
