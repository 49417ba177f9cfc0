"""The ranks in a panel of any height: those that do not fit are counted, with the worst of them."""

from __future__ import annotations

from msgspec.structs import replace

from tui.framework.rows import row_text
from tui.screens.live.rank_panel import RankLine, draw_ranks

RANKS = tuple(
    RankLine(number, "timing", last_ms=100.0 + number, mean_ms=100.0 + number, i=7) for number in range(8)
)


def text(ranks: tuple[RankLine, ...], width: int, height: int) -> list[str]:
    return [" ".join(row_text(row).split()) for row in draw_ranks(ranks, width, height)]


def test_ranks_without_room_are_counted_with_the_slowest() -> None:
    assert text(RANKS, 42, 9)[1:] == [f"{n} 10{n}.0 10{n}.0 7 timing" for n in range(8)]
    assert text(RANKS, 42, 5)[3:] == ["2 102.0 102.0 7 timing", "+5 more, slowest rank 7: 107.0 ms"]
    in_two_columns = text(RANKS, 78, 4)
    assert in_two_columns[1] == "0 100.0 100.0 7 timing 2 102.0 102.0 7 timing"
    assert in_two_columns[-1] == "+4 more, slowest rank 7: 107.0 ms"
    assert text(RANKS, 42, 2) == ["8 ranks, slowest rank 7: 107.0 ms"]


def test_a_crashed_rank_without_room_is_named() -> None:
    crashed = (*RANKS[:6], replace(RANKS[6], state="crashed", broken=True), RANKS[7])
    assert text(crashed, 42, 5)[-1] == "+5 more, worst: rank 6 crashed"
    waiting = tuple(RankLine(number, "waiting") for number in range(8))
    assert text(waiting, 42, 5)[-1] == "+5 more, none has measured"
