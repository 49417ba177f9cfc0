"""The live screen of a run on several nodes, from a recorded log of 64 GPUs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.node_logs import NodeRun, recorded_feed
from tests.tui.cockpit import text_of
from tests.tui.screens.live.support import Cockpit
from tui.framework.rows import row_text, row_width
from tui.screens.live.gpu_box import draw_gpu_box
from tui.screens.live.health_view import health_sections
from tui.screens.live.node_pages import FOLDED, NodeRankPage, draw_rank_nodes
from tui.screens.live.rank_box import draw_ranks_or_requests
from tui.screens.live.view import LiveView, make_live_view
from tui.screens.live.view_cache import LiveViewCache


@pytest.fixture
def view(tmp_path: Path) -> LiveView:
    feed = recorded_feed(tmp_path, after_s=5)
    feed.drain(1.0)
    return make_live_view(feed)


def gpu_rows(view: LiveView, width: int, height: int) -> list[str]:
    return [row_text(row) for row in draw_gpu_box(view.gpus, width, height)]


@pytest.mark.parametrize("width", [78, 118, 198])
def test_eight_nodes_of_eight_gpus_are_a_line_each(width: int, view: LiveView) -> None:
    heading, *nodes = gpu_rows(view, width, 9)
    assert heading.split()[:3] == ["node", "rank", "GPUs"]
    assert [line.split()[:2] for line in nodes] == [
        [f"node{number + 1}", f"{8 * number}-{8 * number + 7}"] for number in range(8)
    ]
    assert all(row_width(row) <= width for row in draw_gpu_box(view.gpus, width, 9))
    assert "GPU 3 H" in nodes[2]
    assert nodes[5].endswith("slowest +4.2 %")
    assert nodes[0].split()[2] == "████████"


def test_values_of_a_silent_node_are_dimmed_with_their_age(view: LiveView) -> None:
    row = draw_gpu_box(view.gpus, 78, 9)[8]
    assert row[-2].text.strip().startswith("silent 0:")
    assert {span.style for span in row[2:-3] if span.text.strip()} == {"dim"}
    assert view.health.kind == "bad"
    assert view.health.lines[0].startswith("node8: no message for 0:")
    assert view.host.reporting == 7


def test_nodes_that_do_not_fit_are_summarised_by_the_worst(view: LiveView) -> None:
    rows = gpu_rows(view, 78, 5)
    assert len(rows) == 5
    assert rows[-1].startswith("+5 more nodes, worst: node8 silent 0:")


def test_slowest_node_and_rank_are_named(view: LiveView) -> None:
    assert view.rank_title.startswith("slowest: node6 +4.2 %, rank 47 +4.")
    assert view.nodes is not None
    rows = [row_text(row) for row in draw_ranks_or_requests(view.nodes, 42, 12)]
    assert rows[6].split() == ["node6", "40-47", "3", "963", "+4.2", "%", "timing"]
    assert all(len(row) <= 42 for row in rows)


def test_unfolded_node_lists_its_gpus_and_ranks(tmp_path: Path) -> None:
    feed = recorded_feed(tmp_path)
    feed.drain(1.0)
    folding = FOLDED.moved(2, 8).with_node("node3", unfold=True)
    box = make_live_view(feed, full="gpus", folding=folding).gpus
    rows = [row_text(row) for row in draw_gpu_box(box, 78, 40)]
    assert [row[:7] for row in rows[4:7]] == ["▾ node3", "    GPU", "      0"]
    assert len(rows) == 2 + 8 + 9 + 2
    page = make_live_view(feed, full="ranks", folding=folding).nodes
    assert isinstance(page, NodeRankPage)
    ranks = [row_text(row) for row in draw_rank_nodes(page, 78)]
    assert [row.split()[0] for row in ranks[6:14]] == [str(rank) for rank in range(16, 24)]


def test_diagnostics_have_a_line_a_node(tmp_path: Path) -> None:
    feed = recorded_feed(tmp_path, after_s=5)
    feed.drain(1.0)
    nodes = dict(dict(health_sections(feed, LiveViewCache()))["nodes"])
    assert nodes["node1"].startswith("first node, 64 cores, 8 GPUs read @ 0.25 Hz, holds gpu-0, gpu-1")
    assert "joined, 64 cores, clock +1.250 ± 0.040 ms" in nodes["node2"]
    assert nodes["node8"].startswith("silent 0:")
    assert "ib0 10.0.0.8 (400 Gbit/s)" in nodes["node8"]


def test_ended_run_shows_what_was_measured_on_each_node(tmp_path: Path) -> None:
    feed = NodeRun(nodes=2, gpus=2, iterations=4).feed(tmp_path)
    feed.drain(1.0)
    rows = gpu_rows(make_live_view(feed), 78, 9)
    assert [row.split()[0] for row in rows] == ["node", "node1", "node2"]
    assert "1.3" in rows[2].split()


async def test_keys_move_over_nodes_and_unfold_them(tmp_path: Path) -> None:
    app = Cockpit(recorded_feed(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3", "down", "space")
        assert "▾ node2" in text_of(app.screen, "#gpus")
        await pilot.press("left", "G", "right")
        shown = text_of(app.screen, "#gpus")
        assert "▸ node2" in shown
        assert "▾ node8" in shown
        await pilot.press("2")
        assert "▾ node8" in text_of(app.screen, "#ranks")


def test_how_long_a_node_is_silent_is_whole_next_to_the_plot(view: LiveView) -> None:
    rows = [row_text(row) for row in draw_ranks_or_requests(view.nodes, 42, 9)]  # type: ignore[arg-type]
    silent = next(row for row in rows if "silent" in row)
    assert silent.split()[-1].startswith("0:")
