"""Replace the values of known secrets in what programs print: they may have printed their environment."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import IO, TypeVar

import msgspec

from runner import events as ev
from runner.plan.plan import Plan
from runner.plan.redaction import WITHHELD, secret_values, values_in_environment

FORMS = re.compile(
    rb"(?P<kept>\b[A-Z][A-Z0-9_]*(?:TOKEN|SECRET|PASSWORD|API_KEY|ACCESS_KEY)=|[?&](?:\w*token|\w*key|password"
    rb"|sig|signature)=)[^\s\"'\\,;&#]{8,}"
    rb"|(?<=://)[^/\s@\"\\]+(?=@)"
    rb"|\b(?:hf_[A-Za-z0-9]{20,}|sk-[\w-]{20,}|nvapi-[\w-]{20,}|gh[opsur]_[A-Za-z0-9]{20,}|github_pat_\w{20,}"
    rb"|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+)"
)
"""What looks like a secret whose value is not known: `NAME_TOKEN=value`, the user in a web address and its
parameters, and the tokens of Hugging Face, NVIDIA, OpenAI, GitHub, GitLab, Slack, Amazon, Google, and JWT"""
LONGEST_WORD = 1 << 20
"""Bytes without a space, beyond which a file is cut anywhere."""
_SPACES = (b" ", b"\n", b"\t", b"\r")
SHORTEST = 8
"""Shorter values are too likely to be a part of other text."""
_COMMON = re.compile(r"[-+.\d]*|[a-z_]{,11}")
"""Numbers and short words, which also occur in the files of a run without being secret."""
_NUMBERS: frozenset[type] = frozenset(
    (ev.Iteration, ev.GpuSamples, ev.GpuEnergy, ev.Host, ev.EngineIteration, ev.Requests, ev.GpuMemory)
)
"""Frequent events without text of programs; the id of a GPU in them is compared, and never shown."""
_Struct = TypeVar("_Struct", bound=msgspec.Struct)


class Mask(msgspec.Struct, frozen=True, dict=True):
    """The values to replace; without any, and without `forms`, text stays as it is."""

    values: tuple[str, ...] = ()
    forms: bool = False
    """also replace what looks like a secret: for logs of other shells, whose values are not known"""

    @classmethod
    def of(cls, values: Iterable[str]) -> Mask:
        """Return the mask of values; those that are too likely to mean something else are left out."""
        kept = (value for value in values if len(value) >= SHORTEST and not _COMMON.fullmatch(value))
        return cls(tuple(dict.fromkeys(kept)))

    @cached_property
    def _forms(self) -> list[bytes]:
        """The values in text, JSON, Python, addresses and base64; the longest first: one may be in others."""
        from urllib.parse import quote  # few runs have secrets

        forms: set[bytes] = set()
        for value in self.values:
            forms |= {
                form.encode("utf-8", "surrogateescape")
                for form in (value, *_forms_in_text(value), quote(value, safe="", errors="surrogateescape"))
            }
            forms.update(_forms_in_base64(value.encode("utf-8", "surrogateescape")))
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
        content = self._pattern.sub(WITHHELD.encode(), content) if self.values else content
        return FORMS.sub(_withheld, content) if self.forms else content

    def apply_text(self, text: str) -> str:
        """Return the text without the values."""
        return self.apply(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def masked(self, value: _Struct) -> _Struct:
        """Return a struct without the values in its texts."""
        if not (self.values or self.forms) or type(value) in _NUMBERS:
            return value
        plain = msgspec.json.encode(value)
        public = self.apply(plain)
        if public == plain:
            return value
        try:
            return msgspec.json.decode(public, type=type(value))
        except msgspec.DecodeError:  # a value is a word of the format itself
            return value

    def masked_all(self, events: list[ev.AnyEvent]) -> list[ev.AnyEvent]:
        """Return events without the values in their texts; most have none, and a log has millions."""
        if _NUMBERS.issuperset(map(type, events)):
            return events
        return [event if type(event) in _NUMBERS else self.masked(event) for event in events]

    def opened(self, file: IO[bytes]) -> IO[bytes]:
        """Return a reader of a file, from start to end, that replaces the values."""
        return io.BufferedReader(_MaskedFile(file, self)) if self.values or self.forms else file


def _word_start(text: bytes, end: int) -> int:
    """Return the start of the word that reaches to `end`: what looks like a secret has no space inside."""
    return max(text.rfind(space, 0, end) for space in _SPACES) + 1


def _withheld(found: re.Match[bytes]) -> bytes:
    return (found["kept"] or b"") + WITHHELD.encode()


class _MaskedFile(io.RawIOBase):
    """Reads a file in pieces, and keeps the end of a piece back while it may be the start of a secret."""

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
        end = max(0, len(text) - max(0, self._mask.longest - 1))
        while True:
            if self._mask.forms and len(text) <= LONGEST_WORD:
                end = _word_start(text, end)
            # A value that lies across the cut stays complete in the rest.
            places = self._mask._pattern.finditer(text) if self._mask.values else ()
            inside = next((one.start() for one in places if one.start() < end < one.end()), None)
            if inside is None:
                break
            end = inside
        self._ready, self._rest = self._mask.apply(text[:end]), text[end:]

    def close(self) -> None:
        self._file.close()
        super().close()


def _forms_in_base64(value: bytes) -> Iterator[bytes]:
    """Yield the characters of base64 that depend on a value only, wherever it is in what is encoded.

    `Authorization: Basic` is the base64 of the user, a colon and the password.
    """
    from base64 import b64encode

    for before in range(3):
        bits = 8 * (before + len(value))
        form = b64encode(bytes(before) + value)[-(-8 * before // 6) : bits // 6]
        yield form
        yield form.translate(bytes.maketrans(b"+/", b"-_"))


def _forms_in_text(value: str) -> tuple[str, ...]:
    """Return how a value is written in JSON and by Python: other characters than ASCII may be escaped."""
    if value.isascii() and value.isprintable() and '"' not in value and "\\" not in value:
        return (value,)
    import json  # the keys and tokens of nearly all programs need no escape

    return json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]


LOOKS = Mask(forms=True)
"""Replaces what looks like a secret, where the plan of the run is not at hand."""


def reader_mask(plan: Plan) -> Mask:
    """Return the mask of a log for its readers: `mask_of` the run, and what looks like a secret.

    Another shell, with other secrets, may have started the run, and older versions logged them.
    """
    return Mask(mask_of(plan).values, forms=True)


def mask_of(plan: Plan) -> Mask:
    """Return the mask of a run: the secrets of its plan, and those of the environment of this process."""
    return Mask.of([*secret_values(plan), *values_in_environment(os.environ)])


def line_mask(values: Iterable[str]) -> Mask:
    """Return the mask of lines for readers: a value of several lines is also masked line by line."""
    known = list(values)
    lines = [line for value in known if "\n" in value for line in value.splitlines()]
    return Mask(Mask.of([*known, *lines]).values, forms=True)
