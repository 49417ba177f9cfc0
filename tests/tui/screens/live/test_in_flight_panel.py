from __future__ import annotations

import pytest

from tui.framework.rows import row_text, row_width
from tui.screens.live.in_flight_panel import MAX_ROWS, InFlightView, draw_in_flight

FULL = InFlightView(
    done=150, total=1000, active=64, active_mean=61.5, queued=12, queued_most=936, iteration_ms=21.5,
    iteration_mean=20.25, tokens=1064, tokens_mean=130.5, kv_share=0.42, kv_peak=0.61, kv_blocks=2048,
    gpu_memory=70 << 30,
)  # fmt: skip


def text(flight: InFlightView, width: int = 60, height: int = 10) -> str:
    return "\n".join(row_text(drawn) for drawn in draw_in_flight(flight, width, height))


def test_every_value_of_the_engine_has_a_row() -> None:
    drawn = text(FULL)
    for part in (
        "150 of 1 000",
        "64",
        "mean 61.50",
        "12",
        "max 936.0",
        "21.50 ms",
        "1 064",
        "42 %",
        "peak 61 %",
    ):
        assert part in drawn
    assert "70.0 GiB" in drawn
    assert len(draw_in_flight(FULL, 60, 20)) == MAX_ROWS


def test_a_low_panel_shows_the_main_values() -> None:
    drawn = text(FULL, 78, 2)
    assert drawn.splitlines() == [
        "requests 150/1 000   in flight 64   queued 12",
        "iteration 21.50 ms   tokens 1 064   KV cache 42 %",
    ]


@pytest.mark.parametrize("width", [20, 40, 78])
@pytest.mark.parametrize("height", [1, 2, 5, 9])
def test_rows_fit_into_the_panel(width: int, height: int) -> None:
    drawn = draw_in_flight(FULL, width, height)
    assert len(drawn) <= height
    assert all(row_width(line) <= width for line in drawn)


def test_unknown_values_are_dashes_and_a_note_gives_the_reason() -> None:
    assert text(InFlightView(active=3, iteration_ms=2.0)).count("–") == 2
    assert text(InFlightView(note="no log")) == "no log"
    assert "4 of 9" in text(InFlightView(done=4, total=9, note="no log"))
