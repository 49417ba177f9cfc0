"""Points of a search space, and their coordinates."""

from __future__ import annotations

from runner.sweep.tune.space import CODES, INACTIVE, Axis, Space

SPACE = Space(
    (
        Axis("batch", (1, 4, 16), {}),
        Axis("plugin", ("a", "b"), {}),
        Axis("chunk", (64, 128), {"plugin": ["b"]}),
    )
)


def test_an_axis_varies_only_where_its_condition_holds() -> None:
    points = SPACE.points()
    assert len(points) == len(set(points)) == 3 * (1 + 2)
    assert SPACE.values_at((0, 0, None)) == {"batch": 1, "plugin": "a"}
    assert SPACE.values_at((2, 1, 1)) == {"batch": 16, "plugin": "b", "chunk": 128}


def test_numbers_have_ranks_and_others_codes() -> None:
    first, last = SPACE.coordinates([(1, 0, None), (2, 1, 0)])
    assert first == [0.5, CODES, INACTIVE]
    assert last == [1.0, CODES + 1, 0.0]


def test_null_among_numbers_is_no_number() -> None:
    space = Space((Axis("share", (None, 0.8, 0.9), {}),))
    assert space.coordinates(space.points()) == [[CODES], [0.0], [1.0]]
