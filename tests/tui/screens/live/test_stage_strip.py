"""The line of the stages: the running stage and the throughput are visible at any width."""

from __future__ import annotations

import pytest

from tui.framework.rows import row_text, row_width
from tui.screens.live.stage_strip import StageItem, StageLine, draw_stage_line

RUNNING = (
    StageItem("convert", "ok", 842),
    StageItem("quantize", "skipped", note="the checkpoint exists"),
    StageItem("build", "ok", 2470),
    StageItem("smoke", "ok", 63),
    StageItem("benchmark", "running", 192),
)


def line(stages: tuple[StageItem, ...], width: int) -> str:
    [row] = draw_stage_line(StageLine(stages, 1234.5), width, 1)
    assert row_width(row) <= width
    return row_text(row)


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_the_running_stage_and_the_headline_are_visible(width: int) -> None:
    drawn = line(RUNNING, width)
    assert "▶ benchmark 3:12" in drawn
    assert drawn.endswith("1 234 tokens/s")


def test_the_best_configuration_is_named_where_there_is_room() -> None:
    best = StageLine(RUNNING, 1234.5, of="best: batch 16 64→24")
    wide, narrow = (row_text(draw_stage_line(best, width, 1)[0]) for width in (160, 80))
    assert wide.endswith("  best: batch 16 64→24  1 234 tokens/s")
    assert "best" not in narrow
    assert narrow.endswith("1 234 tokens/s")


def test_other_stages_are_shortened_step_by_step() -> None:
    assert "the checkpoint exists" in line(RUNNING, 140)
    assert "✓ convert 14:02  · quantize skipped  ✓ build 41:10" in line(RUNNING, 100)
    assert "✓ convert  · quantize  ✓ build  ✓ smoke  ▶ benchmark 3:12" in line(RUNNING, 80)
    assert line(RUNNING, 50).startswith("✓ 3  ▶ benchmark 3:12 ")
    building = (*RUNNING[:2], StageItem("build", "running", 9), *(StageItem(x, "planned") for x in "ab"))
    assert line(building, 40).startswith("✓ 1  ▶ build 0:09  +2 ")


def test_a_failed_stage_stays_with_its_exit_code() -> None:
    failed = (*RUNNING[:4], StageItem("benchmark", "failed", 5, exit_code=1))
    assert "✖ benchmark 0:05 exit code 1" in line(failed, 60)
