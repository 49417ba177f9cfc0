"""How far a sample is from having one mode: the dip (Hartigan & Hartigan 1985)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence


def dip(ordered: Sequence[float]) -> float:
    """Return the largest distance between the distribution of a sample and the nearest one with one mode.

    At least 1 / (2 n), at most 0.25. A distribution with one mode is convex below the mode and concave above
    it. The greatest convex minorant and the least concave majorant are fitted to an interval that contains
    the mode, which shrinks to where the two are farthest apart, until what is outside fits worse.

    Args:
        ordered: the values in ascending order; not empty.
    """
    low, high, found = 0, len(ordered) - 1, 1.0
    while low < high:
        below = _corners(ordered, low, high, convex=True)
        above = _corners(ordered, low, high, convex=False)
        apart, begin, end = _farthest(ordered, below, above)
        if apart <= found:
            break
        found = max(found, _misfit(ordered, below, low, begin), _misfit(ordered, above, end, high))
        if (begin, end) == (low, high):
            break
        low, high = begin, end
    return found / (2 * len(ordered))


def _corners(ordered: Sequence[float], low: int, high: int, *, convex: bool) -> list[int]:
    """Return the places of the corners of the minorant (convex) or the majorant of (value, place)."""
    found: list[int] = []
    for at in range(low, high + 1):
        while len(found) > 1:
            first, middle = found[-2], found[-1]
            before = (middle - first) * (ordered[at] - ordered[middle])
            after = (at - middle) * (ordered[middle] - ordered[first])
            if before < after if convex else before > after:
                break
            found.pop()
        found.append(at)
    return found


def _line(ordered: Sequence[float], corners: Sequence[int], at: int) -> float:
    """Return the height of a curve through corners at the value of a place, in places."""
    right = min(max(1, bisect_left(corners, at)), len(corners) - 1)
    first, last = corners[right - 1], corners[right]
    width = ordered[last] - ordered[first]
    if not width:
        return float(at)
    return first + (last - first) * (ordered[at] - ordered[first]) / width


def _farthest(ordered: Sequence[float], below: list[int], above: list[int]) -> tuple[float, int, int]:
    """Return the largest distance of both curves, in places, and the interval between its corners."""
    best = 0.0, below[0], above[-1]
    for at in below:
        apart = _line(ordered, above, at) - at + 1
        if apart > best[0]:
            best = apart, at, above[min(bisect_left(above, at), len(above) - 1)]
    for at in above:
        apart = at - _line(ordered, below, at) + 1
        if apart > best[0]:
            best = apart, below[bisect_right(below, at) - 1], at
    return best


def _misfit(ordered: Sequence[float], corners: list[int], begin: int, end: int) -> float:
    """Return the largest distance of a curve from the steps of the sample between two places, in places."""
    return max((abs(at - _line(ordered, corners, at)) + 1 for at in range(begin, end + 1)), default=0.0)
