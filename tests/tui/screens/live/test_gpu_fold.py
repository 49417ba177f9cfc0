"""GPUs in fewer lines than there are: the worst of those left out is named."""

from __future__ import annotations

from dataclasses import replace

from tests.tui.screens.live.test_gpu_panel import WELL
from tui.framework.rows import row_text
from tui.screens.live.gpu_fold import draw_folded
from tui.screens.live.gpu_panel import GpuLine


def last(lines: tuple[GpuLine, ...], height: int = 5) -> str:
    rows = draw_folded(lines, 80, height)
    assert len(rows) <= height
    return row_text(rows[-1])


EIGHT = tuple(replace(WELL, index=index) for index in range(8))


def test_everything_is_shown_where_there_is_room() -> None:
    assert len(draw_folded(EIGHT, 80, 9)) == 9
    assert len(draw_folded(EIGHT, 80, 0)) == 9, "how much room it wants"
    assert last(EIGHT, 9).split()[0] == "7"


def test_the_others_are_counted() -> None:
    assert last(EIGHT) == "+5 more, all well"
    assert last(EIGHT, 1) == "8 GPUs, all well"


def test_the_worst_is_named_and_why() -> None:
    hot = replace(EIGHT[5], temperature=86.0)
    slowed = replace(EIGHT[6], temperature=84.0, throttled_by=("power cap", "hw thermal"))
    lost = replace(EIGHT[7], trouble="GPU lost")
    assert last((*EIGHT[:5], hot)) == "+3 more, worst: GPU 5 86 °C"
    assert last((*EIGHT[:5], hot, slowed)) == "+4 more, worst: GPU 6 hw thermal, 84 °C"
    assert last((*EIGHT[:5], hot, slowed, lost)) == "+5 more, worst: GPU 7 GPU lost"


def test_a_power_cap_is_no_alarm() -> None:
    assert last(tuple(replace(line, throttled_by=("power cap",)) for line in EIGHT)) == "+5 more, all well"


def test_what_is_not_known_is_not_called_well() -> None:
    unread = replace(EIGHT[6], throttled_by=None)
    assert last((*EIGHT[:6], unread, EIGHT[7])) == "+5 more, GPU 6 does not say all"
