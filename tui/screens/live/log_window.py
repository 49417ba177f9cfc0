"""The part of a log that is on the screen: following its end, scrolled, filtered by level, searched."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from pathlib import Path

from runner.util.log_file import WINDOW, Level, Line, LogFile, Search, passes

KEPT = 4000
"""lines around the view that are in memory"""
_STEP = 500
BUDGET_S = 0.03
"""of a frame, for reading and searching"""
LEVELS: tuple[Level, ...] = ("all", "warnings", "errors")


class LogWindow:
    """A view of `height` lines into a log of any size."""

    def __init__(self, path: Path) -> None:
        self.file = LogFile(path)
        self.level: Level = "all"
        self.following = True
        self.search: Search | None = None
        self.chosen: int | None = None
        """offset of the match that was gone to"""
        self.height = 1
        self._lines: list[Line] = []
        self._low = self._high = 0
        """offsets between which the file was read into `_lines`"""
        self._top = 0
        self._unfinished: Line | None = None
        self._wanted = 0
        """a step to a match that was not found yet: 1 or -1"""
        self._anchor: int | None = None
        """where the search began; None: at the end"""

    # --- what is there ----------------------------------------------------------------------------------

    def poll(self, height: int) -> bool:
        """Take in what was written and search on; whether the view may have changed."""
        resized = height != self.height
        self.height = max(1, height)
        grown = self.file.refresh()
        searched = self.search is not None and self.search.step(BUDGET_S)
        if searched and self._wanted:
            self._try_step()
        if self.following and (grown or resized):
            self._take_end()
        missing = len(self._lines) < self.height and self._low > 0
        if missing:
            self._read_back()
        return grown or resized or searched or missing

    def visible(self) -> list[Line]:
        """The lines in view, the oldest first."""
        lines = self._all()
        top = max(0, len(lines) - self.height) if self.following else self._top
        return lines[top : top + self.height]

    @property
    def looking(self) -> bool:
        """Whether a part of the file above the view was not looked through yet."""
        return len(self._lines) < self.height and self._low > 0

    def _all(self) -> list[Line]:
        at_end = self._unfinished is not None and self._keep(self._unfinished.text)
        return [*self._lines, self._unfinished] if at_end and self._unfinished else self._lines

    def _keep(self, text: bytes) -> bool:
        return passes(text, self.level)

    def _take_end(self) -> None:
        """Have the end of the file in memory; what was written too fast to be read is skipped."""
        size = self.file.size
        if size < self._high or size - self._high > 16 * WINDOW or not self._lines:
            self._reset(self.file.last_line_start())
            self._read_back()
        self._read_on()
        self._unfinished = self.file.unfinished(self._high)

    def _reset(self, offset: int) -> None:
        self._lines = []
        self._low = self._high = offset
        self._top = 0
        self._unfinished = None

    def _read_on(self) -> int:
        """Lines behind those in memory; how many were read."""
        found, self._high = self.file.after(self._high, _STEP, self._keep, BUDGET_S)
        self._lines += found
        surplus = len(self._lines) - KEPT
        if surplus > 0 and found:
            del self._lines[:surplus]
            self._low = self._lines[0].start
            self._top = max(0, self._top - surplus)
        return len(found)

    def _read_back(self) -> int:
        found, self._low = self.file.before(self._low, _STEP, self._keep, BUDGET_S)
        self._lines[:0] = found
        self._top += len(found)
        if len(self._lines) > KEPT and found:
            del self._lines[KEPT:]
            self._high = self._lines[-1].end
            self._unfinished = None
        return len(found)

    # --- moving -----------------------------------------------------------------------------------------

    def scroll(self, by: int) -> None:
        if self.following:
            self._top = max(0, len(self._all()) - self.height)
            self.following = False
        self._top += by
        while self._top < 0 and self._low > 0 and self._read_back():
            pass
        self._top = max(0, self._top)
        while self._top + self.height >= len(self._lines) and self._read_on():
            pass
        if self._top + self.height >= len(self._all()):
            self.follow()

    def follow(self) -> None:
        """Show the end, and what will be written."""
        self.following = True
        self.chosen = None
        self._take_end()

    def go_to(self, offset: int) -> None:
        """Have the line that begins at `offset` in view, some lines below the upper edge."""
        self.following = False
        known = bisect_left(self._lines, offset, key=lambda line: line.start)
        if known == len(self._lines) or self._lines[known].start != offset:
            self._reset(offset)
            self._read_on()
            self._read_back()
            known = bisect_left(self._lines, offset, key=lambda line: line.start)
        if not self._top <= known < self._top + self.height:
            self._top = max(0, min(known - self.height // 3, len(self._lines) - self.height))

    def go_home(self) -> None:
        self._reset(0)
        self.following = False
        self._read_on()

    # --- filter and search ------------------------------------------------------------------------------

    def next_level(self) -> None:
        """All lines, warnings and errors, errors alone; what was in view stays near."""
        seen = self.visible()
        self.level = LEVELS[(LEVELS.index(self.level) + 1) % len(LEVELS)]
        if self.following or not seen:
            self._lines = []
            self.follow()
        else:
            self._reset(seen[0].start)
            self._read_on()
            self._read_back()
            at = bisect_left(self._lines, seen[0].start, key=lambda line: line.start)
            self._top = max(0, min(at, len(self._lines) - self.height))
        if self.search is not None:
            self.find(self.search.text)

    def find(self, text: str) -> None:
        """Search for a text, and go to a match near the view; empty: search no more."""
        self.chosen = None
        self._wanted = 0
        if not text:
            self.search = None
            return
        if self.search is None:
            seen = self.visible()
            self._anchor = None if self.following or not seen else seen[0].start
        self.search = Search(self.file, text, self._keep)
        self._wanted = -1 if self._anchor is None else 1
        self.search.step(BUDGET_S)
        self._try_step()

    def step_match(self, direction: int) -> None:
        """Go to the next match (1) or the one before (-1)."""
        if self.search is not None:
            self._wanted = direction
            self._try_step()

    def _try_step(self) -> None:
        search = self.search
        if search is None or not self._wanted:
            return
        places, complete = search.places, search.complete
        if self._wanted > 0:
            from_ = self.chosen + 1 if self.chosen is not None else self._anchor or 0
            index = bisect_left(places, from_)
            if index == len(places) and not complete:
                return
        else:
            anchor = self.file.size if self._anchor is None else self._anchor
            until = self.chosen if self.chosen is not None else anchor
            if search.scanned < until and not complete:
                return
            index = bisect_left(places, until) - 1
        self._wanted = 0
        if places:  # at either end it goes on at the other one
            self.chosen = places[index % len(places)]
            self.go_to(self.chosen)

    @property
    def status(self) -> str:
        """Where the view is, in a few words, for the frame."""
        words = []
        if self.level != "all":
            words.append("warnings and errors" if self.level == "warnings" else "errors only")
        if self.search is not None:
            words.append(self._search_words(self.search))
        if not self.following:
            seen = self.visible()
            share = seen[-1].end / self.file.size if seen and self.file.size else 1.0
            words.append(f"at {100 * min(1.0, share):.0f} %, end follows")
        return " · ".join(words)

    def _search_words(self, search: Search) -> str:
        total = f"{search.count:,}".replace(",", " ")
        if self.chosen is not None:
            found = f"{bisect_right(search.places, self.chosen)} of {total}"
        else:
            found = f"{total} found" if search.count or not search.complete else "not found"
        looked = 100 * search.scanned / max(1, self.file.size)
        return f"/{search.text}: {found}" + (
            "" if search.complete or looked > 99.9 else f" in {looked:.0f} %"
        )
