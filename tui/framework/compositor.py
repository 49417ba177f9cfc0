"""Render only the widgets that an update of the screen touches.

Textual renders every visible widget for each partial update, also those without a changed line: its check
compares the changed part with the region that clips the widgets, which is the whole screen for nearly all.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip


class LeanCompositor(Compositor):
    """Replaces the compositor of a screen."""

    _changed: frozenset[Region] = frozenset()
    """the regions of the partial update that is being rendered; empty: none is"""

    def render_partial_update(self) -> ChopsUpdate | None:
        self._changed = frozenset(self._dirty_regions)
        try:
            return super().render_partial_update()
        finally:
            self._changed = frozenset()

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        if crop is None or not self._changed:
            yield from super()._get_renders(crop)
            return
        for widget, (region, clip) in self.visible_widgets.items():
            shown = region.intersection(clip)
            if shown and shown.overlaps(crop) and any(map(shown.overlaps, self._changed)):
                inside = shown.translate((-region.x, -region.y))
                yield region, clip, widget.render_lines(inside)
