"""GPU lines at any width: unknown values are never drawn as zero or as healthy."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tui.framework.rows import row_text, row_width
from tui.screens.live.gpu_panel import GpuLine, draw_gpus
from tui.text import to_ascii, width_of

GIB = 2**30
HEALTHY = GpuLine(
    index=3,
    ranks="3",
    memory_used=71 * GIB,
    memory_total=140 * GIB,
    baseline=1 * GIB,
    busy=97.0,
    power=512.4,
    power_limit=700.0,
    sm_clock=1755.0,
    temperature=61.0,
    sm_active=52.0,
    dram_active=60.0,
    throttled_by=(),
    busy_history=tuple(float(v) for v in range(0, 100, 5)),
    power_history=tuple(float(v) for v in range(100, 700, 30)),
)


def line_of(gpu: GpuLine, width: int = 160) -> str:
    return row_text(draw_gpus((gpu,), width, 10)[1])


@pytest.mark.parametrize("width", [78, 80, 95, 96, 100, 118, 120, 149, 150, 160, 200])
@pytest.mark.parametrize(
    "gpu",
    [
        HEALTHY,
        GpuLine(0),
        replace(HEALTHY, trouble="GPU lost"),
        replace(HEALTHY, throttled_by=("power cap", "hw thermal", "power brake")),
    ],
)
def test_a_row_fits_at_every_width(gpu: GpuLine, width: int) -> None:
    for row in draw_gpus((gpu,) * 8, width, 10):
        assert row_width(row) <= width


@pytest.mark.parametrize("width", [78, 100, 120, 160, 200])
def test_headings_are_aligned_with_their_numbers(width: int) -> None:
    heading, line = (row_text(row) for row in draw_gpus((HEALTHY,), width, 10))
    for name, value in (("busy %", "97"), ("MHz", "1755"), ("°C", "61")):
        assert heading.index(name) + len(name) == line.index(value) + len(value)


def test_a_line_shows_numbers_with_their_limits() -> None:
    line = line_of(HEALTHY)
    assert "71.0/140.0" in line
    assert "512/700" in line
    assert "none" in line


def test_unknown_values_are_not_drawn_as_zero() -> None:
    line = line_of(GpuLine(0, memory_total=140 * GIB))
    assert "0" not in line.replace("140.0", "")[4:]
    assert "–" in line
    assert "none" not in line
    assert "─" not in line


def test_an_unsupported_reading_is_shown_as_n_a() -> None:
    line = line_of(replace(HEALTHY, busy=None, missing=frozenset({"busy"})))
    assert "n/a" in line


@pytest.mark.parametrize("trouble", ["GPU lost", "stale"])
def test_a_lost_or_stale_gpu_shows_no_number(trouble: str) -> None:
    line = line_of(replace(HEALTHY, trouble=trouble))
    assert trouble in line
    assert "71.0" not in line
    assert "512" not in line


def test_throttle_reasons_are_letters_and_names_on_wide_screens() -> None:
    hot = replace(HEALTHY, throttled_by=("power cap", "hw thermal"))
    assert line_of(hot, 160).endswith("P power cap, H hw thermal")
    assert line_of(hot, 80).endswith("PH")
    styles = [span.style for span in draw_gpus((hot,), 80, 10)[1]]
    assert styles[-1] == "bad"


def test_a_power_cap_alone_is_not_drawn_as_a_problem() -> None:
    capped = replace(HEALTHY, throttled_by=("power cap",))
    assert draw_gpus((capped,), 80, 10)[1][-1].style == "dim"


def test_a_gap_in_the_history_stays_a_gap() -> None:
    with_gap = replace(HEALTHY, busy_history=(50.0, 50.0, None, None, 50.0, 50.0), power_history=())
    line = line_of(with_gap, 118)
    cells = [char for char in line if "\u2800" <= char <= "\u28ff"]
    assert len(cells) == 2
    first, last = line.index(cells[0]), line.rindex(cells[1])
    assert last - first == 2


def test_a_spike_in_the_history_is_visible() -> None:
    flat = replace(HEALTHY, busy_history=(10.0,) * 20)
    spiked = replace(HEALTHY, busy_history=(*(10.0,) * 10, 100.0, *(10.0,) * 9))
    assert line_of(flat) != line_of(spiked)


def test_ascii_keeps_the_columns() -> None:
    for gpu in (HEALTHY, GpuLine(0)):
        text = line_of(gpu)
        assert to_ascii(text).isascii()
        assert len(to_ascii(text)) == width_of(text)


def test_before_the_first_reading_the_panel_says_so() -> None:
    assert row_text(draw_gpus((), 80, 3)[0]) == "no GPU reading yet"
