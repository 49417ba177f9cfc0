"""Replace the values of known secrets in what programs print: they may have printed their environment."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import IO, TypeVar
from urllib.parse import quote

import msgspec

from runner import events as ev
from runner.plan.plan import Plan
from runner.plan.redaction import WITHHELD, secret_values, values_in_environment

SHORTEST = 8
"""Shorter values are too likely to be a part of other text."""
_COMMON = re.compile(r"[-+.\d]*|[a-z_]{,11}")
"""Numbers and short words, which also occur in the files of a run without being secret."""
_NUMBERS = (ev.Iteration, ev.GpuSamples, ev.Host, ev.EngineIteration, ev.Requests)
"""Frequent events without text of programs."""
_Struct = TypeVar("_Struct", bound=msgspec.Struct)


@dataclass(frozen=True)
class Mask:
    """The values to replace; without any, text stays as it is."""

    values: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: Iterable[str]) -> Mask:
        """Return the mask of values; those that are too likely to mean something else are left out."""
        kept = (value for value in values if len(value) >= SHORTEST and not _COMMON.fullmatch(value))
        return cls(tuple(dict.fromkeys(kept)))

    @cached_property
    def _forms(self) -> list[bytes]:
        """The values as text, in JSON and in web addresses; the longest first, as one may contain another."""
        forms = {
            form.encode("utf-8", "surrogateescape")
            for value in self.values
            for form in (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
        }
        forms |= {quote(value, safe="", errors="surrogateescape").encode() for value in self.values}
        return sorted(forms, key=lambda form: (-len(form), form))

    @cached_property
    def _pattern(self) -> re.Pattern[bytes]:
        return re.compile(b"|".join(map(re.escape, self._forms)))

    @property
    def longest(self) -> int:
        """Bytes of the longest form of a value."""
        return max(map(len, self._forms), default=0)

    def apply(self, content: bytes) -> bytes:
        """Return the content without the values."""
        return self._pattern.sub(WITHHELD.encode(), content) if self.values else content

    def apply_text(self, text: str) -> str:
        """Return the text without the values."""
        return self.apply(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def masked(self, value: _Struct) -> _Struct:
        """Return a struct without the values in its texts."""
        if not self.values or isinstance(value, _NUMBERS):
            return value
        plain = msgspec.json.encode(value)
        public = self.apply(plain)
        if public == plain:
            return value
        try:
            return msgspec.json.decode(public, type=type(value))
        except msgspec.DecodeError:  # a value is a word of the format itself
            return value

    def opened(self, file: IO[bytes]) -> IO[bytes]:
        """Return a file to read once, without the values."""
        return io.BufferedReader(_MaskedFile(file, self)) if self.values else file


class _MaskedFile(io.RawIOBase):
    """Reads a file in pieces, and keeps the end of a piece back while it may be the start of a value."""

    def __init__(self, file: IO[bytes], mask: Mask) -> None:
        self._file = file
        self._mask = mask
        self._rest = b""
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._ready:
            piece = self._file.read(1 << 18)
            if not piece:
                self._ready, self._rest = self._mask.apply(self._rest), b""
                break
            self._take(self._rest + piece)
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _take(self, text: bytes) -> None:
        end = max(0, len(text) - self._mask.longest + 1)
        # A value that lies across the cut stays complete in the rest.
        for found in self._mask._pattern.finditer(text):
            if found.start() < end < found.end():
                end = found.start()
        self._ready, self._rest = self._mask.apply(text[:end]), text[end:]

    def close(self) -> None:
        self._file.close()
        super().close()


def mask_of(plan: Plan) -> Mask:
    """Return the mask of a run: the secrets of its plan, and those of the environment of this process."""
    return Mask.of([*secret_values(plan), *values_in_environment(os.environ)])
