"""Warnings above the final table."""

from __future__ import annotations

from tui.framework.rows import row_text
from tui.screens.result.notices import draw_flags

FLAGS = ("short", "a warning of two lines here", "another one of two lines")


def text(height: int) -> list[str]:
    return [row_text(row) for row in draw_flags(FLAGS, 20, height)]


def test_warnings_are_cut_only_as_far_as_the_height_asks() -> None:
    whole = ["▸ short", "▸ a warning of two", "  lines here", "▸ another one of two", "  lines"]
    assert text(0) == text(5) == whole
    assert text(4) == [*whole[:3], "▸ another one of tw…"]
    assert text(3) == text(2) == [whole[0], "▸ a warning of two …", "▸ another one of tw…"]
