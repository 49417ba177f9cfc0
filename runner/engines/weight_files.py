"""The size of the weights in a folder of a model or an engine."""

from __future__ import annotations

import os
from collections.abc import Iterable

KINDS = (".safetensors", ".bin", ".engine")
"""Formats of weights; of several in one folder the first counts, as `preflight/probe.py` does it."""


def weights_in(entries: Iterable[tuple[str, int, int]] | None) -> int:
    """Return the bytes of the weight files among entries of a folder (name, size, time); 0: none."""
    sizes = dict.fromkeys(KINDS, 0)
    for name, size, _ in entries or ():
        kind = os.path.splitext(name)[1]
        if kind in sizes:
            sizes[kind] += size
    return next((size for size in sizes.values() if size), 0)
