"""What every line of the log has."""

from __future__ import annotations

import msgspec

from runner.util.bounds import Time


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", gc=False):
    """Base of every event."""

    t: Time
