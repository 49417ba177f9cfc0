"""Lines of the list of profiles, from items alone."""

from __future__ import annotations

from pathlib import Path

from runner.history.run_entry import RunEntry
from runner.state.run import LiveStatus
from tui.framework.rows import row_text, row_width
from tui.screens.home.catalogue import ProfileGroup, ProfileItem, filter_items
from tui.screens.home.profile_list import draw_profiles

NOW = 1_767_276_000.0


def entry(status: LiveStatus) -> RunEntry:
    return RunEntry(
        run_dir=Path("/run"), run="20260101T000000Z_a_0001", profile="a", engine="torch", status=status,
        started=NOW - 120, seconds=5,
    )  # fmt: skip


def item(
    name: str, group: ProfileGroup = "built in", *, run: RunEntry | None = None, last: RunEntry | None = None
) -> ProfileItem:
    return ProfileItem(group=group, name=name, path=Path("/p"), error="broken", run=run, last=last)


def lines(items: list[ProfileItem], width: int, changed: set[str] | None = None) -> list[str]:
    drawn = draw_profiles(items, changed or set(), NOW, width, "nothing")
    assert all(row_width(line.row) <= width for line in drawn)
    return [row_text(line.row).rstrip() for line in drawn]


def test_nothing_to_show() -> None:
    assert lines([], 30) == ["nothing"]


def test_two_lines_in_a_narrow_pane_and_one_in_a_wide_one() -> None:
    last = item("a", last=entry("failed"))
    assert lines([last], 30) == ["built in", "✖ a                ✖ 2 min ago", "  invalid"]
    assert lines([last], 70)[1].split() == ["✖", "a", "invalid", "✖", "2", "min", "ago"]


def test_groups_are_apart_and_lines_know_their_item() -> None:
    items = [item("a", "running now", run=entry("queued")), item("b", "mine")]
    drawn = draw_profiles(items, set(), NOW, 70, "nothing")
    assert [line.item for line in drawn] == [None, 0, None, None, 1]
    assert row_text(drawn[1].row).split()[-1] == "queued"


def test_a_name_longer_than_the_pane_is_cut() -> None:
    assert lines([item("n" * 64, last=entry("finished"))], 30)[1].endswith("… ✔ 2 min ago")
    assert lines([item("模" * 40)], 30)[1].endswith("…")


def test_filtering_wants_every_word() -> None:
    items = [item("llama-8b"), item("llama-70b"), item("qwen")]
    assert [found.name for found in filter_items(items, "LLA 70")] == ["llama-70b"]
    assert filter_items(items, "") == items
