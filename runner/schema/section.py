"""The base of every section of a profile."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

# An annotated type; the annotation appears in the form and in the JSON Schema.
PositiveInt = Annotated[int, Meta(ge=1)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of every section of a profile: immutable; an unknown key is an error."""


class Problem(msgspec.Struct, frozen=True):
    """An error in a profile, at a dotted path like `parallel.tp`."""

    path: str
    message: str
