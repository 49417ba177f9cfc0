"""The visible part of a log: following its end, scrolling, level filter and search."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from pathlib import Path

from runner.util.log_file import WINDOW, Level, LogFile, LogLine, LogSearch, passes

MAX_LINES = 4000
"""most lines around the view kept in memory"""
_STEP = 500
BUDGET_S = 0.03
"""time of a frame for reading and searching"""
LEVELS: tuple[Level, ...] = ("all", "warnings", "errors")


class LogWindow:
    """A view of `height` lines into a log of any size."""

    def __init__(self, path: Path) -> None:
        self.file = LogFile(path)
        self.level: Level = "all"
        self.following = True
        self.search: LogSearch | None = None
        self.current_match: int | None = None
        """offset of the match that is shown"""
        self.height = 1
        self._lines: list[LogLine] = []
        self._low = self._high = 0
        """offsets of the part of the file that is in `_lines`"""
        self._top = 0
        self._unfinished: LogLine | None = None
        self._pending_step = 0
        """requested step to a match not found yet: 1 or -1; 0: none"""
        self._anchor: int | None = None
        """offset where the search started; None: at the end"""

    # --- reading ----------------------------------------------------------------------------------------

    def poll(self, height: int) -> bool:
        """Read new output and continue the search. Return whether the view may have changed."""
        resized = height != self.height
        self.height = max(1, height)
        grown = self.file.refresh()
        searched = self.search is not None and self.search.step(BUDGET_S)
        if searched and self._pending_step:
            self._try_step()
        if self.following and (grown or resized):
            self._load_end()
        missing = len(self._lines) < self.height and self._low > 0
        if missing:
            self._read_backward()
        return grown or resized or searched or missing

    def visible(self) -> list[LogLine]:
        """Return the visible lines, the oldest first."""
        lines = self._all()
        top = max(0, len(lines) - self.height) if self.following else self._top
        return lines[top : top + self.height]

    @property
    def is_scanning(self) -> bool:
        """Whether a part of the file above the view is still to be read."""
        return len(self._lines) < self.height and self._low > 0

    def _all(self) -> list[LogLine]:
        at_end = self._unfinished is not None and self._keep(self._unfinished.text)
        return [*self._lines, self._unfinished] if at_end and self._unfinished else self._lines

    def _keep(self, text: bytes) -> bool:
        return passes(text, self.level)

    def _load_end(self) -> None:
        """Load the end of the file; output that is too far ahead is skipped."""
        size = self.file.size
        if size < self._high or size - self._high > 16 * WINDOW or not self._lines:
            self._reset(self.file.last_line_start())
            self._read_backward()
        self._read_forward()
        self._unfinished = self.file.unfinished(self._high)

    def _reset(self, offset: int) -> None:
        self._lines = []
        self._low = self._high = offset
        self._top = 0
        self._unfinished = None

    def _read_forward(self) -> int:
        """Read lines after those in memory. Return how many."""
        found, self._high = self.file.after(self._high, _STEP, self._keep, BUDGET_S)
        self._lines += found
        surplus = len(self._lines) - MAX_LINES
        if surplus > 0 and found:
            del self._lines[:surplus]
            self._low = self._lines[0].start
            self._top = max(0, self._top - surplus)
        return len(found)

    def _read_backward(self) -> int:
        found, self._low = self.file.before(self._low, _STEP, self._keep, BUDGET_S)
        self._lines[:0] = found
        self._top += len(found)
        if len(self._lines) > MAX_LINES and found:
            del self._lines[MAX_LINES:]
            self._high = self._lines[-1].end
            self._unfinished = None
        return len(found)

    # --- moving -----------------------------------------------------------------------------------------

    def scroll(self, by: int) -> None:
        if self.following:
            self._top = max(0, len(self._all()) - self.height)
            self.following = False
        self._top += by
        while self._top < 0 and self._low > 0 and self._read_backward():
            pass
        self._top = max(0, self._top)
        while self._top + self.height >= len(self._lines) and self._read_forward():
            pass
        if self._top + self.height >= len(self._all()):
            self.follow()

    def follow(self) -> None:
        """Show the end, and follow new output."""
        self.following = True
        self.current_match = None
        self._load_end()

    def go_to(self, offset: int) -> None:
        """Scroll so that the line at `offset` is visible, some lines below the upper edge."""
        self.following = False
        index = bisect_left(self._lines, offset, key=lambda line: line.start)
        if index == len(self._lines) or self._lines[index].start != offset:
            self._reset(offset)
            self._read_forward()
            self._read_backward()
            index = bisect_left(self._lines, offset, key=lambda line: line.start)
        if not self._top <= index < self._top + self.height:
            self._top = max(0, min(index - self.height // 3, len(self._lines) - self.height))

    def go_home(self) -> None:
        self._reset(0)
        self.following = False
        self._read_forward()

    # --- filter and search ------------------------------------------------------------------------------

    def next_level(self) -> None:
        """Switch to the next level filter; the view stays near its lines."""
        visible = self.visible()
        self.level = LEVELS[(LEVELS.index(self.level) + 1) % len(LEVELS)]
        if self.following or not visible:
            self._lines = []
            self.follow()
        else:
            self._reset(visible[0].start)
            self._read_forward()
            self._read_backward()
            at = bisect_left(self._lines, visible[0].start, key=lambda line: line.start)
            self._top = max(0, min(at, len(self._lines) - self.height))
        if self.search is not None:
            self.find(self.search.text)

    def find(self, text: str) -> None:
        """Search for a text and go to a match near the view; empty: end the search."""
        self.current_match = None
        self._pending_step = 0
        if not text:
            self.search = None
            return
        if self.search is None:
            visible = self.visible()
            self._anchor = None if self.following or not visible else visible[0].start
        self.search = LogSearch(self.file, text, self._keep)
        self._pending_step = -1 if self._anchor is None else 1
        self.search.step(BUDGET_S)
        self._try_step()

    def step_match(self, direction: int) -> None:
        """Go to the next match (1) or the one before (-1)."""
        if self.search is not None:
            self._pending_step = direction
            self._try_step()

    def _try_step(self) -> None:
        search = self.search
        if search is None or not self._pending_step:
            return
        places, complete = search.places, search.complete
        if self._pending_step > 0:
            from_ = self.current_match + 1 if self.current_match is not None else self._anchor or 0
            index = bisect_left(places, from_)
            if index == len(places) and not complete:
                return
        else:
            anchor = self.file.size if self._anchor is None else self._anchor
            until = self.current_match if self.current_match is not None else anchor
            if search.scanned < until and not complete:
                return
            index = bisect_left(places, until) - 1
        self._pending_step = 0
        if places:  # wraps around at both ends
            self.current_match = places[index % len(places)]
            self.go_to(self.current_match)

    @property
    def status(self) -> str:
        """Filter, search and position, for the frame."""
        parts = []
        if self.level != "all":
            parts.append("warnings and errors" if self.level == "warnings" else "errors only")
        if self.search is not None:
            parts.append(self._search_status(self.search))
        if not self.following:
            visible = self.visible()
            share = visible[-1].end / self.file.size if visible and self.file.size else 1.0
            parts.append(f"at {100 * min(1.0, share):.0f} %, end follows")
        return " · ".join(parts)

    def _search_status(self, search: LogSearch) -> str:
        total = f"{search.count:,}".replace(",", " ")
        if self.current_match is not None:
            found = f"{bisect_right(search.places, self.current_match)} of {total}"
        else:
            found = f"{total} found" if search.count or not search.complete else "not found"
        scanned = 100 * search.scanned / max(1, self.file.size)
        return f"/{search.text}: {found}" + (
            "" if search.complete or scanned > 99.9 else f" in {scanned:.0f} %"
        )
