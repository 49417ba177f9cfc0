"""Every size of a terminal: nothing overlaps, nothing sticks out, and what matters most is there."""

from __future__ import annotations

import itertools

import pytest
from textual.geometry import Region

from tui.screens.live.layout import PANELS, Wants, arranged

WIDTHS = (20, 40, 60, 80, 99, 100, 120, 160, 200, 250)
HEIGHTS = (*range(3, 50), 60, 70)
CASES = [
    Wants(),
    Wants(ranks=2, gpus=1),
    Wants(ranks=8, gpus=8, answers=True),
    Wants(ranks=64, gpus=16, host=2, health=3),
    Wants(ranks=8, gpus=8, hidden=frozenset({"plot"})),
    Wants(ranks=8, gpus=8, hidden=frozenset({"plot", "log"})),
    Wants(ranks=8, gpus=8, hidden=frozenset(PANELS)),
    *(Wants(ranks=8, gpus=8, answers=True, maximised=panel) for panel in PANELS),
]


@pytest.mark.parametrize("wants", CASES, ids=range(len(CASES)))
def test_nothing_overlaps_and_nothing_sticks_out(wants: Wants) -> None:
    for width, height in itertools.product(WIDTHS, HEIGHTS):
        places = arranged(width, height, wants)
        screen = Region(0, 0, width, height)
        for (one, place), (other, second) in itertools.combinations(places.items(), 2):
            if height >= 4:
                assert not place.overlaps(second), (width, height, one, other)
        assert all(screen.contains_region(place) and place.area for place in places.values()), (width, height)
        assert {"header", "health", "footer"} <= places.keys()


@pytest.mark.parametrize("wants", [case for case in CASES if not case.hidden], ids=str)
def test_no_row_is_left_empty_but_for_air(wants: Wants) -> None:
    for width, height in itertools.product(WIDTHS, HEIGHTS):
        rows = {y for place in arranged(width, height, wants).values() for y in range(place.y, place.bottom)}
        empty = height - len(rows)
        assert empty <= (2 if height >= 44 else 0), (width, height)


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((80, 24), {"plot", "gpus", "log", "stages", "progress"}),
        ((60, 20), {"plot", "gpus", "log", "stages", "progress"}),
        ((100, 16), {"plot", "ranks", "gpus", "stages", "progress"}),
        ((120, 40), {"plot", "ranks", "gpus", "log", "host", "answers"}),
        ((40, 10), {"plot", "progress"}),
    ],
)
def test_what_matters_most_is_there(size: tuple[int, int], shown: set[str]) -> None:
    assert shown <= arranged(*size, Wants(ranks=8, gpus=8, answers=True)).keys()


def test_eight_gpus_have_a_row_each_where_there_is_room() -> None:
    for width, height in ((120, 40), (160, 50), (200, 50), (250, 70)):
        assert arranged(width, height, Wants(ranks=8, gpus=8))["gpus"].height == 11


def test_a_panel_that_is_not_there_leaves_its_room_to_the_others() -> None:
    with_log = arranged(120, 40, Wants(ranks=8, gpus=8))
    without = arranged(120, 40, Wants(ranks=8, gpus=8, hidden=frozenset({"log"})))
    assert without["plot"].height == with_log["plot"].height + with_log["log"].height
