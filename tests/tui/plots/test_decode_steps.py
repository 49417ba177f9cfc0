from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui.framework.rows import row_text
from tui.plots.decode_steps import StepPlotData, draw_steps
from tui.text import width_of

GROWING = StepPlotData(
    n=3,
    p50=4.1,
    slowest="9.000 ms: step 3 of iteration 2",
    points=tuple((4.0 + 0.01 * step, 9.0 if step == 2 else 4.1 + 0.01 * step) for step in range(40)),
)


def lines(data: StepPlotData, width: int = 90, height: int = 12) -> list[str]:
    return [row_text(row) for row in draw_steps(data, width, height)]


def test_a_slow_step_is_a_stroke_above_the_mean() -> None:
    *body, numbers, legend = lines(GROWING)
    drawn = [line[9:].strip() for line in body]
    assert {len(line) for line in drawn[1:-2]} == {1}, "one column reaches the maximum"
    assert len(drawn[-1]) > 60, "the means are a line over the whole width"
    assert numbers.split() == ["1", "7", "13", "19", "25", "31", "37"]
    assert " ".join(legend.split()) == "mean to max p50 4.100 ms slowest 9.000 ms: step 3 of iteration 2"


@given(
    st.lists(st.tuples(st.floats(0, 1e9), st.floats(0, 1e9)), max_size=300),
    st.integers(1, 120),
    st.integers(1, 30),
)
def test_no_data_and_no_size_breaks_it(points: list[tuple[float, float]], width: int, height: int) -> None:
    ordered = tuple((min(pair), max(pair)) for pair in points)
    rows = draw_steps(StepPlotData(n=1, points=ordered), width, height)
    assert len(rows) <= max(1, height)
    assert all(width_of(row_text(row)) <= max(width, 60) for row in rows)
