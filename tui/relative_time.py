"""Points in time as people say them."""

from __future__ import annotations

import time

MONTHS_UNMISTAKABLE_S = 300 * 86400
"""Further away than this a day and a month need their year."""


def when(then: float, now: float) -> str:
    """`just now`, `3 min ago`, `2 h ago` on the same day; else `12 Nov 14:02` or `12 Nov 2024`.

    `then` and `now` are seconds since 1970; 0 for `then` means that nobody knows. Days are local ones.
    """
    if not then:
        return "unknown"
    local, today = time.localtime(then), time.localtime(now)
    seconds = now - then
    if seconds >= 0 and (local.tm_year, local.tm_yday) == (today.tm_year, today.tm_yday):
        return ago(seconds)
    # Names of months in English whatever the locale: the rest of the screen is English.
    month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][
        local.tm_mon - 1
    ]
    if abs(seconds) > MONTHS_UNMISTAKABLE_S:
        return f"{local.tm_mday:2d} {month} {local.tm_year}"
    return f"{local.tm_mday:2d} {month} {local.tm_hour:02d}:{local.tm_min:02d}"


def ago(seconds: float) -> str:
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    return f"{int(seconds // 3600)} h ago"
