from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runner.stats import EXACT_LIMIT, Sample
from tui.framework.rows import row_text
from tui.plots.histogram import HistogramData, draw_histogram
from tui.text import to_ascii, width_of


def data_of(values: list[float], high: float | None = None) -> HistogramData:
    sample = Sample()
    for value in values:
        sample.add(value)
    return HistogramData(n=sample.n, low=sample.minimum, high=high or sample.maximum, latency=sample,
                         lines=(("p50", sample.percentile(50)),) if values else ())  # fmt: skip


def lines(data: HistogramData, width: int = 80, height: int = 12) -> list[str]:
    return [row_text(row) for row in draw_histogram(data, width, height)]


def test_one_iteration_is_no_histogram() -> None:
    assert "a histogram needs two timed iterations" in "".join(lines(data_of([5.0])))


def test_bars_are_as_high_as_their_counts() -> None:
    drawn = lines(data_of([*[100.0] * 30, *[110.0] * 10, 130.0]))
    columns = zip(*(line.ljust(80) for line in drawn[:-2]), strict=True)
    full = [sum(char in "▁▂▃▄▅▆▇█" for char in column) for column in columns]
    heights = [height for height in full[9:] if height]
    assert max(heights) == heights[0] == len(drawn) - 2
    assert min(heights) == 1, "what occurred once is seen"


def test_the_median_is_marked_below_its_bar() -> None:
    drawn = lines(data_of([*[100.0] * 10, *[200.0] * 30]))
    arrow = drawn[-1].index("↑p50")
    assert drawn[-3][arrow] in "▁▂▃▄▅▆▇█"


def test_what_lies_far_beyond_is_counted_and_not_drawn() -> None:
    drawn = lines(data_of([*[100.0 + i / 10 for i in range(50)], 900.0, 950.0], high=106.0))
    assert "2 slower than 107 ms" in drawn[-1] or "2 slower than 106" in drawn[-1]


def test_counts_add_up_and_stay_close_past_the_exact_limit() -> None:
    sample = Sample()
    for i in range(EXACT_LIMIT + 50_000):
        sample.add(100.0 + i % 100)
    counts = sample.counts([100.0, 150.0, 200.0])
    assert sum(counts) == sample.n
    assert abs(counts[0] - counts[1]) < 0.03 * sample.n


@given(st.lists(st.floats(0, 1e9), max_size=60), st.integers(1, 120), st.integers(1, 30))
def test_no_data_and_no_size_breaks_it(values: list[float], width: int, height: int) -> None:
    rows = draw_histogram(data_of(values), width, height)
    if width >= 40 and height >= 3:
        assert len(rows) <= height
        assert all(width_of(row_text(row)) <= width for row in rows)


def test_bars_have_an_ascii_likeness() -> None:
    assert "?" not in to_ascii("".join(lines(data_of([1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 3.0]))))
