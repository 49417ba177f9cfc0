from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui.framework.rows import row_text
from tui.plots.prefill_generation import SplitData, draw_split
from tui.text import to_ascii, width_of


def data_of(*points: tuple[float, float]) -> SplitData:
    n = len(points)
    generation = sum(point[1] for point in points) / n if n else 0.0
    latency = sum(point[0] for point in points) / n if n else 0.0
    return SplitData(n=n, points=points, prefill=latency - generation, generation=generation)


def lines(data: SplitData, width: int = 80, height: int = 14) -> list[str]:
    return [row_text(row) for row in draw_split(data, width, height)]


def test_says_why_there_is_nothing() -> None:
    drawn = lines(SplitData(empty="this engine does not tell generation time apart"))
    assert "this engine does not tell generation time apart" in "".join(drawn)


def test_prefill_stands_on_generation_in_their_proportion() -> None:
    drawn = lines(data_of(*[(1000.0, 750.0)] * 10))
    column = [line[12] for line in drawn[:-2]]
    assert column.count("█") == 9
    assert column.count("▒") == 3
    assert column == sorted(column, key=" ▒█".index)


def test_the_means_are_said_with_their_share() -> None:
    assert "▒ prefill 250.0 ms (25 %)   █ generation 750.0 ms" in lines(data_of((1000.0, 750.0)))[-1]


@given(
    st.lists(st.tuples(st.floats(0.001, 1e9), st.floats(0, 1)), max_size=200),
    st.integers(1, 120),
    st.integers(1, 30),
)
def test_no_data_and_no_size_breaks_it(points: list[tuple[float, float]], width: int, height: int) -> None:
    rows = draw_split(data_of(*((latency, latency * share) for latency, share in points)), width, height)
    if width >= 40 and height >= 3:
        assert len(rows) <= height
        assert all(width_of(row_text(row)) <= width for row in rows)


def test_it_has_an_ascii_likeness() -> None:
    assert "?" not in to_ascii("".join(lines(data_of((3.0, 2.0)))))
