"""The panel of the ranks: those of one machine, the nodes of several, or requests in flight."""

from __future__ import annotations

from tui.framework.rows import Row
from tui.screens.live.in_flight_panel import InFlightView, draw_in_flight
from tui.screens.live.node_pages import NodeRankPage, draw_rank_nodes
from tui.screens.live.node_rows import NodeRankLines, draw_node_ranks
from tui.screens.live.rank_page import RankPage, draw_rank_page
from tui.screens.live.rank_panel import RankLines, draw_ranks


def draw_ranks_or_requests(
    data: RankLines | RankPage | NodeRankPage | NodeRankLines | InFlightView, width: int, height: int
) -> list[Row]:
    """Draw the ranks or their nodes, or the requests of an engine with in-flight batching."""
    if isinstance(data, InFlightView):
        return draw_in_flight(data, width, height)
    if isinstance(data, NodeRankPage):
        return draw_rank_nodes(data, width)
    if isinstance(data, RankPage):
        return draw_rank_page(data, width, height)
    if isinstance(data, NodeRankLines):
        return draw_node_ranks(data.nodes, width, height)
    return draw_ranks(data, width, height)
