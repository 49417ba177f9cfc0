"""Layout at all terminal sizes: no overlap, no overflow, the most important panels visible."""

from __future__ import annotations

import itertools

import pytest
from textual.geometry import Region

from tui.screens.live.layout import PANELS, LayoutRequest, arrange_panels

WIDTHS = (20, 40, 60, 80, 99, 100, 120, 160, 200, 250)
HEIGHTS = (*range(3, 50), 60, 70)
CASES = [
    LayoutRequest(),
    LayoutRequest(ranks=2, gpus=1),
    LayoutRequest(ranks=8, gpus=8, answers=True),
    LayoutRequest(ranks=64, gpus=16, host=2, health=3),
    LayoutRequest(ranks=2, configurations=4, gpus=8),
    LayoutRequest(ranks=8, gpus=8, hidden=frozenset({"plot"})),
    LayoutRequest(ranks=8, gpus=8, hidden=frozenset({"plot", "log"})),
    LayoutRequest(ranks=8, gpus=8, hidden=frozenset(PANELS)),
    *(LayoutRequest(ranks=8, gpus=8, answers=True, maximised=panel) for panel in PANELS),
]


@pytest.mark.parametrize("parts", CASES, ids=range(len(CASES)))
def test_parts_do_not_overlap_or_overflow(parts: LayoutRequest) -> None:
    for width, height in itertools.product(WIDTHS, HEIGHTS):
        places = arrange_panels(width, height, parts)
        screen = Region(0, 0, width, height)
        for (one, place), (other, second) in itertools.combinations(places.items(), 2):
            if height >= 4:
                assert not place.overlaps(second), (width, height, one, other)
        assert all(screen.contains_region(place) and place.area for place in places.values()), (width, height)
        assert {"header", "health", "footer"} <= places.keys()


@pytest.mark.parametrize("parts", [case for case in CASES if not case.hidden], ids=str)
def test_only_spacing_rows_are_empty(parts: LayoutRequest) -> None:
    for width, height in itertools.product(WIDTHS, HEIGHTS):
        rows = {
            y for place in arrange_panels(width, height, parts).values() for y in range(place.y, place.bottom)
        }
        empty = height - len(rows)
        assert empty <= (2 if height >= 44 else 0), (width, height)


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((80, 24), {"plot", "gpus", "log", "stages", "progress"}),
        ((60, 20), {"plot", "gpus", "log", "stages", "progress"}),
        ((20, 6), {"stages"}),
        ((100, 16), {"plot", "ranks", "gpus", "stages", "progress"}),
        ((120, 40), {"plot", "ranks", "gpus", "log", "host", "answers"}),
        ((40, 10), {"plot", "progress"}),
    ],
)
def test_the_most_important_panels_are_visible(size: tuple[int, int], shown: set[str]) -> None:
    assert shown <= arrange_panels(*size, LayoutRequest(ranks=8, gpus=8, answers=True)).keys()


def test_eight_gpus_have_a_row_each_on_large_terminals() -> None:
    for width, height in ((120, 40), (160, 50), (200, 50), (250, 70)):
        assert arrange_panels(width, height, LayoutRequest(ranks=8, gpus=8))["gpus"].height == 11


def test_eight_gpus_have_a_row_each_in_80x24() -> None:
    places = arrange_panels(80, 24, LayoutRequest(ranks=8, gpus=8, answers=True))
    assert places["gpus"].height == 1 + 1 + 8
    assert {"stages", "progress", "plot", "log"} <= places.keys()


def test_a_hidden_panel_gives_its_rows_to_the_others() -> None:
    with_log = arrange_panels(120, 40, LayoutRequest(ranks=8, gpus=8))
    without = arrange_panels(120, 40, LayoutRequest(ranks=8, gpus=8, hidden=frozenset({"log"})))
    assert without["plot"].height == with_log["plot"].height + with_log["log"].height


def test_configurations_take_the_room_that_the_ranks_leave() -> None:
    places = arrange_panels(120, 40, LayoutRequest(ranks=2, configurations=4))
    assert places["ranks"].height + places["configurations"].height == places["plot"].height
    assert places["configurations"].height == 2 + 1 + 4
    assert places["ranks"].height >= 2 + 1 + 2
    many = arrange_panels(120, 40, LayoutRequest(ranks=2, configurations=40))
    assert many["ranks"].height == 2 + 1 + 2
    assert "configurations" not in arrange_panels(120, 40, LayoutRequest(ranks=64, configurations=4))
    assert "configurations" not in arrange_panels(80, 24, LayoutRequest(ranks=2, configurations=4))
    assert "configurations" in arrange_panels(80, 40, LayoutRequest(ranks=2, configurations=4))
