"""Lines of the form and of its help, from rows alone."""

from __future__ import annotations

import pytest

from runner.profile.fields import Field
from tui.framework.rows import row_text, row_width
from tui.screens.home.form import FormRow
from tui.screens.home.form_rows import FieldHelp, draw_field_help, draw_form


def found(
    text: str, saved: str | None = None, *, path: str = "benchmark.duration", unit: str = "s"
) -> FormRow:
    field = Field(path, "number", text, "60", "at least this long", "a whole number, 0 or more", unit)
    return FormRow(field, text if saved is None else saved)


def line(row: FormRow, width: int = 60) -> str:
    return row_text(draw_form([row], width)[-1].row)


def test_a_value_with_its_unit() -> None:
    assert line(found("20")).rstrip() == "  duration              20 s"
    assert line(found("", unit="")).rstrip() == "  duration              not set"


def test_a_changed_value_shows_the_saved_one() -> None:
    assert line(found("20", "30")) == "◆ duration              20 s                       saved: 30"
    assert line(found("20", "")).endswith("saved: not set")
    assert line(FormRow(found("20").field, None)).endswith("new")


@pytest.mark.parametrize("width", [30, 40, 60, 200])
def test_nothing_is_wider_than_the_pane(width: int) -> None:
    for value in ("x" * 300, "模" * 90, ""):
        for drawn in draw_form([found(value, "y" * 300, path=f"launch.{'n' * 40}")], width):
            assert row_width(drawn.row) <= width


def test_sections_have_headings_that_cannot_be_chosen() -> None:
    rows = [
        found("1", path="description"),
        found("1", path="model.seed"),
        found("1", path="model.shape.layers"),
    ]
    drawn = draw_form(rows, 60)
    assert [(row_text(shown.row).strip(), shown.item) for shown in drawn if not shown.item] == [
        ("description           1 s", 0),
        ("", None),
        ("model", None),
        ("", None),
        ("model · shape", None),
    ]


def test_help_says_what_is_allowed_and_what_to_press() -> None:
    shown = [row_text(row) for row in draw_field_help(FieldHelp(found("20")), 90, 2)]
    assert shown[0] == "at least this long"
    assert shown[1].startswith("allowed: a whole number, 0 or more · default: 60")
    assert shown[1].endswith("e edit")
    editing = [row_text(row) for row in draw_field_help(FieldHelp(found("20"), editing=True), 90, 2)]
    assert editing[1].endswith("enter apply, esc cancel")


def test_a_refusal_is_all_that_is_said() -> None:
    shown = [row_text(row) for row in draw_field_help(FieldHelp(found("x"), problem="not " * 60), 40, 2)]
    assert len(shown) == 2
    assert shown[1].endswith("…")


def test_nothing_is_said_about_nothing() -> None:
    assert draw_field_help(FieldHelp(None), 40, 2) == []
