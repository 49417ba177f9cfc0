"""Keys of the maximised GPUs or ranks of a run on several nodes: a cursor on the nodes, fold and unfold."""

from __future__ import annotations

from typing import Any

from textual.screen import Screen

from tui.framework.rows import Panel
from tui.screens.live.gpu_box import GpuBox
from tui.screens.live.node_pages import FOLDED, Folding, NodePage, NodeRankPage, block_of


class NodeKeys(Screen[None]):
    """A screen with panels of nodes; `show_folding` draws them again."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.folding: Folding = FOLDED
        self.maximised = ""
        """the panel that has the whole screen; empty: none"""

    def node_panel(self) -> Panel[Any] | None:
        """Return the panel that lists nodes with a cursor; None: none does."""
        if self.maximised not in ("gpus", "ranks"):
            return None
        panel = self.query_one(f"#{self.maximised}", Panel)
        shown = panel.data.node_page if isinstance(panel.data, GpuBox) else panel.data
        return panel if isinstance(shown, NodePage | NodeRankPage) else None

    def show_folding(self) -> None:
        """Draw the panel again with the present cursor and the unfolded nodes."""

    def mark_node(self, panel: Panel[Any]) -> None:
        """Highlight the node under the cursor, if the panel lists nodes."""
        page = self._page
        panel.choose(block_of(page, self.folding.cursor)[0] if page is not None else None)

    def _reveal(self) -> None:
        """Scroll to the node under the cursor and what it lists."""
        panel, page = self.node_panel(), self._page
        if panel is not None and page is not None:
            head, last = block_of(page, self.folding.cursor)
            panel.reveal(last)
            panel.reveal(head if self.folding.cursor else 0)

    @property
    def _page(self) -> NodePage | NodeRankPage | None:
        panel = self.node_panel()
        data = panel.data if panel is not None else None
        page = data.node_page if isinstance(data, GpuBox) else data
        return page if isinstance(page, NodePage | NodeRankPage) else None

    def move_nodes(self, by: int) -> bool:
        """Move the cursor. Return whether there is one."""
        page = self._page
        if page is None:
            return False
        self.folding = self.folding.moved(by, len(page.nodes))
        self.show_folding()
        self._reveal()
        return True

    def action_unfold(self) -> None:
        self._fold(unfold=True)

    def action_fold(self) -> None:
        self._fold(unfold=False)

    def action_toggle_node(self) -> None:
        self._fold(unfold=None)

    def _fold(self, *, unfold: bool | None) -> None:
        page = self._page
        if page is None:
            return
        name = page.nodes[min(self.folding.cursor, len(page.nodes) - 1)].node.name
        wanted = name not in self.folding.unfolded if unfold is None else unfold
        self.folding = self.folding.with_node(name, unfold=wanted)
        self.show_folding()
        self._reveal()
