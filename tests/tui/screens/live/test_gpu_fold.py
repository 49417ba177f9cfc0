"""GPUs in a low panel: the summary line names the worst of those that do not fit."""

from __future__ import annotations

from msgspec.structs import replace

from tests.tui.screens.live.test_gpu_panel import HEALTHY
from tui.framework.rows import row_text
from tui.screens.live.gpu_fold import draw_folded_gpus
from tui.screens.live.gpu_panel import GpuLine


def last(lines: tuple[GpuLine, ...], height: int = 5) -> str:
    rows = draw_folded_gpus(lines, 80, height)
    assert len(rows) <= height
    return row_text(rows[-1])


EIGHT = tuple(replace(HEALTHY, index=index) for index in range(8))


def test_all_gpus_are_shown_if_they_fit() -> None:
    assert len(draw_folded_gpus(EIGHT, 80, 9)) == 9
    assert len(draw_folded_gpus(EIGHT, 80, 0)) == 9, "height 0: all rows"
    assert last(EIGHT, 9).split()[0] == "7"


def test_other_gpus_are_counted() -> None:
    assert last(EIGHT) == "+5 more, none hot or throttled"
    assert last(EIGHT, 1) == "8 GPUs, none hot or throttled"


def test_the_worst_gpu_is_named_with_the_reason() -> None:
    hot = replace(EIGHT[5], temperature=86.0)
    slowed = replace(EIGHT[6], temperature=84.0, throttled_by=("power cap", "hw thermal"))
    lost = replace(EIGHT[7], trouble="GPU lost")
    assert last((*EIGHT[:5], hot)) == "+3 more, worst: GPU 5 86 °C"
    assert last((*EIGHT[:5], hot, slowed)) == "+4 more, worst: GPU 6 hw thermal, 84 °C"
    assert last((*EIGHT[:5], hot, slowed, lost)) == "+5 more, worst: GPU 7 GPU lost"


def test_a_power_cap_is_no_problem() -> None:
    capped = tuple(replace(line, throttled_by=("power cap",)) for line in EIGHT)
    assert last(capped) == "+5 more, none hot or throttled"


def test_a_missing_reading_is_reported() -> None:
    unread = replace(EIGHT[6], throttled_by=None)
    assert last((*EIGHT[:6], unread, EIGHT[7])) == "+5 more, GPU 6 has no full reading"
