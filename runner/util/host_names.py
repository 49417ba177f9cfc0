"""Short lists of host names, as Slurm writes them: `node[1-3,7]`."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMBERED = re.compile(r"(.*?)([0-9]+)([^0-9]*)")


def fold_hosts(names: Iterable[str]) -> str:
    """Return host names as a list in which names that differ in their last number are one entry.

    >>> fold_hosts(["gpu01", "gpu02", "gpu03", "gpu07", "login"])
    'gpu[01-03,07],login'
    """
    parsed = [(name, _NUMBERED.fullmatch(name)) for name in dict.fromkeys(names)]
    # Names of one width share an entry when a number of this width begins with 0: 09 and 10, not 9 and 10.
    padded = {(f[1], f[3], len(f[2])) for _, f in parsed if f is not None and f[2].startswith("0")}
    numbers: dict[tuple[str, str, int], list[int]] = {}
    for name, found in parsed:
        if found is None:
            numbers[name, "", 0] = []
            continue
        before, digits, after = found.groups()
        width = len(digits) if (before, after, len(digits)) in padded else 0
        numbers.setdefault((before, after, width), []).append(int(digits))
    return ",".join(_entry(*key, found) for key, found in numbers.items())


def _entry(before: str, after: str, width: int, found: list[int]) -> str:
    if not found:
        return before
    ranges: list[list[int]] = []
    for number in sorted(found):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    texts = [f"{a:0{width}d}" if a == b else f"{a:0{width}d}-{b:0{width}d}" for a, b in ranges]
    inside = ",".join(texts)
    return f"{before}{inside}{after}" if len(found) == 1 else f"{before}[{inside}]{after}"
