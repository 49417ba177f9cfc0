"""Lines of the list of profiles, and their order, from items alone."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from runner.history.run_entry import RunEntry
from runner.preflight.fit import Fit
from runner.profile.yaml_file import load_text
from runner.state.run import LiveStatus
from tests.support import world
from tui.framework.rows import row_text, row_width
from tui.screens.home.arrangement import SORTS, Arrangement, SortBy, arrange
from tui.screens.home.catalogue import ProfileGroup, ProfileItem
from tui.screens.home.profile_list import WITH_DESCRIPTION, ProfileLines, draw_profiles

NOW = 1_767_276_000.0


def entry(status: LiveStatus, ago: float = 120) -> RunEntry:
    return RunEntry(
        run_dir=Path("/run"), run="20260101T000000Z_a_0001", profile="a", engine="torch", status=status,
        started=NOW - ago, seconds=5,
    )  # fmt: skip


def item(name: str, group: ProfileGroup = "others", based_on: str = "", **more: object) -> ProfileItem:
    """An item; without a profile to base it on, that of an invalid file."""
    profile = load_text(world.BUILT_IN[based_on], based_on) if based_on else None
    profile = profile and msgspec.structs.replace(profile, name=name)
    error = "" if profile else "broken"
    return ProfileItem(group, name, Path("/p"), profile, error, **more)  # type: ignore[arg-type]


def lines(items: list[ProfileItem], width: int, arrangement: Arrangement | None = None) -> list[str]:
    arrangement = arrangement or Arrangement()
    shown = tuple(arrange(items, arrangement))
    content = ProfileLines(shown, tuple(items), arrangement, {"changed"}, NOW, "nothing")
    drawn = draw_profiles(content, width)
    assert all(row_width(line.row) <= width for line in drawn)
    return [row_text(line.row).rstrip() for line in drawn]


BIG = item(
    "llama-70b", based_on="torch-1gpu", fit=Fit("does not fit", "4 of 8 GPUs"), last=entry("failed"),
    results=(10.0,),
)  # fmt: skip
SMALL = item(
    "llama-8b", "fits here", "quickstart", fit=Fit("fits"), results=(20.0, 30.0), last=entry("lost", 9000)
)
UNKNOWN = item("changed", "mine", "quickstart", fit=Fit("unknown", "runs in a container"))
PARTLY = item("partly", "fits here", "quickstart", fit=Fit("fits", "1 of 2 sizes do not fit"))
ALL = [UNKNOWN, SMALL, PARTLY, BIG]


def test_nothing_to_show() -> None:
    assert lines([], 30) == ["nothing"]


def test_the_columns_that_fit_show_what_a_profile_needs_and_did() -> None:
    items = [*ALL, item("broken")]
    assert lines(items, 120) == [
        "mine         engine  model  GPUs  this machine                   last result       when",
        "◆ changed    torch   56 M    CPU  ? runs in a container",
        "fits here    engine  model  GPUs  this machine                   last result       when",
        "  llama-8b   torch   56 M    CPU  ✓ fits                     ▁▇       ? lost    2 h ago",
        "  partly     torch   56 M    CPU  ! 1 of 2 sizes do not fit",
        "others       engine  model  GPUs  this machine                   last result       when",
        "  llama-70b  torch   7.5 B     1  – 4 of 8 GPUs                     ✖ failed  2 min ago",
        "✖ broken                          invalid",
    ]
    narrow = ["llama-70b", "1", "–", "4", "of", "8", "GPUs", "✖", "failed", "2", "min", "ago"]
    assert lines(items, 60)[6].split() == narrow
    assert lines(items, 24)[6].split() == ["llama-70b", "✖", "failed"]


def test_a_very_wide_list_has_descriptions_if_there_is_room() -> None:
    assert BIG.profile is not None
    heading, line = lines([BIG], WITH_DESCRIPTION)
    assert heading.endswith("  when  description")
    assert line.endswith(BIG.profile.description)
    assert "description" not in lines([BIG], WITH_DESCRIPTION - 1)[0]
    assert "description" not in lines([item("n" * 90, based_on="torch-1gpu")], WITH_DESCRIPTION)[0]


def test_groups_are_apart_and_lines_know_their_item() -> None:
    items = (item("a", "running now", run=entry("queued")), item("b", "mine"))
    drawn = draw_profiles(ProfileLines(items, items), 70)
    assert [line.item for line in drawn] == [None, 0, None, 1]
    assert "queued" in row_text(drawn[1].row)


def test_a_long_name_is_cut_in_its_middle() -> None:
    assert lines([item(f"{'n' * 60}-tp8")], 30)[1].split()[1].endswith("n-tp8")
    assert "…" in lines([item("模" * 40)], 30)[1]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", ["changed", "llama-8b", "partly", "llama-70b"]),
        ("LLA 70", ["llama-70b"]),
        ("1 gpu", ["llama-70b"]),
        ("not fit", ["partly", "llama-70b"]),
        ("a", ["changed", "llama-8b", "partly", "llama-70b"]),
        ("ll", ["llama-8b", "llama-70b"]),
        ("failed", ["llama-70b"]),
        ("p", ["partly", "changed", "llama-8b", "llama-70b"]),
    ],
)
def test_a_filter_wants_every_word_and_puts_best_matches_first(typed: str, found: list[str]) -> None:
    assert [one.name for one in arrange(ALL, Arrangement(filter=typed))] == found


@pytest.mark.parametrize(
    ("sort", "names", "without_value"),
    [
        ("name", ["changed", "llama-70b", "llama-8b", "partly"], []),
        ("this machine", ["llama-8b", "partly", "changed", "llama-70b"], []),
        ("last result", ["llama-8b", "llama-70b"], ["changed", "partly"]),
        ("when", ["llama-70b", "llama-8b"], ["changed", "partly"]),
    ],
)
def test_sorting_puts_the_best_first_and_what_has_no_value_last(
    sort: SortBy, names: list[str], without_value: list[str]
) -> None:
    assert [one.name for one in arrange(ALL, Arrangement(sort))] == [*names, *without_value]
    back = [one.name for one in arrange(ALL, Arrangement(sort, reverse=True))]
    assert (back[0], back[len(names) :]) == (names[-1], without_value)


def test_the_sorted_column_is_marked_and_groups_follow_the_last() -> None:
    assert "GPU▼" in lines([BIG, SMALL], 120, Arrangement("GPUs"))[0]
    arrangement = Arrangement()
    for _ in SORTS:
        arrangement = arrangement.with_next_sort()
    assert arrangement == Arrangement()
