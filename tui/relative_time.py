"""Format points in time relative to now."""

from __future__ import annotations

import time

SHOW_YEAR_AFTER_S = 300 * 86400
"""From this distance on, the year replaces the time of day."""


def format_timestamp(then: float, now: float) -> str:
    """`just now`, `3 min ago`, `2 h ago` on the same day; else `12 Nov 14:02` or `12 Nov 2024`.

    `then` and `now` are seconds since 1970; 0 for `then` means unknown. Days are local days.
    """
    if not then:
        return "unknown"
    local, today = time.localtime(then), time.localtime(now)
    seconds = now - then
    if seconds >= 0 and (local.tm_year, local.tm_yday) == (today.tm_year, today.tm_yday):
        return format_age(seconds)
    # English names of months in every locale: the rest of the screen is English.
    month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][
        local.tm_mon - 1
    ]
    if abs(seconds) > SHOW_YEAR_AFTER_S:
        return f"{local.tm_mday:2d} {month} {local.tm_year}"
    return f"{local.tm_mday:2d} {month} {local.tm_hour:02d}:{local.tm_min:02d}"


def format_age(seconds: float) -> str:
    """Return `just now`, `3 min ago` or `2 h ago`."""
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    return f"{int(seconds // 3600)} h ago"
