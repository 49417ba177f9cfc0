"""Bounds of numbers that are read: from logs, reports and plans, and from lines that programs print.

A number beyond them means nothing and breaks what computes with it: infinities, integers that JSON and the
index of runs cannot store, times so short that a rate overflows. Structs that are decoded from a file use the
types; msgspec refuses other numbers. Parsers of text use the functions.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from msgspec import Meta

LAST_WALL = 253_402_300_799.0
"""the end of the year 9999, seconds since 1970"""

Time = Annotated[int, Meta(ge=0, le=2**62)]
"""a reading of CLOCK_MONOTONIC, nanoseconds"""
Count = Annotated[int, Meta(ge=0, le=2**53)]
"""how many, how much or which; exact as a floating-point number, too"""
Period = Annotated[int, Meta(ge=1, le=2**53)]
"""a time between repetitions, whole milliseconds"""
Ranks = Annotated[int, Meta(ge=0, le=2**16)]
"""how many ranks, or the number of one: readers keep something for each"""
Repeat = Annotated[int, Meta(ge=0, le=2**16)]
"""the number of a repeat, or how many: readers look at each"""
Pid = Annotated[int, Meta(ge=0, le=2**31 - 1)]
"""id of a process, as the kernel takes it"""
Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""any integer of 64 bits"""
Reading = Annotated[float, Meta(ge=-1e20, le=1e20)]
"""any measured or computed number"""
Share = Annotated[float, Meta(ge=0.0, le=100.0)]
"""a share of a whole, 0 to 1; some programs print percent"""
Duration = Annotated[float, Meta(ge=0.0, le=1e12)]
"""a time that may be zero"""
Latency = Annotated[float, Meta(ge=1e-6, le=1e12)]
"""a time that something took, milliseconds: a nanosecond to 31 years"""
Wall = Annotated[float, Meta(ge=0.0, le=LAST_WALL)]
"""seconds since 1970, up to the end of the year 9999"""

MOST_COUNT = 2**53
MOST_RANKS = 2**16
MOST_SHARE = 100.0
MOST_READING = 1e20
LEAST_READING = 1e-12
LEAST_LATENCY, MOST_LATENCY = 1e-6, 1e12


def is_reading(value: float) -> bool:
    """Check whether a number can be stored as a `Reading`: it is finite and not absurdly large."""
    return -MOST_READING <= value <= MOST_READING


def is_latency(milliseconds: float) -> bool:
    """Check whether a number can be a `Latency`."""
    return LEAST_LATENCY <= milliseconds <= MOST_LATENCY


def parse_number(text: str) -> float | None:
    """Return a printed number; None for other text, nan, infinity, and magnitudes without a meaning."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value == 0 or LEAST_READING <= abs(value) <= MOST_READING else None


def is_odd_number(text: str) -> bool:
    """Check whether a text is a number that no measurement gives; nan only says that there is none."""
    try:
        value = float(text)
    except ValueError:
        return False
    return not math.isnan(value) and parse_number(text) is None


def parse_count(text: str) -> int | None:
    """Return a printed `Count`; None for other text and for numbers out of bounds."""
    try:
        value = int(text)
    except ValueError:  # also for more digits than Python converts
        return None
    return value if 0 <= value <= MOST_COUNT else None


def as_count(value: Any) -> int | None:
    """Return a number of a decoded document as a `Count`; None for other values and out of bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= MOST_COUNT else None
