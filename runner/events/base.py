"""What every line of the log has.

The modules of events and plans do without `from __future__ import annotations`: msgspec would compile every
annotation of the about 300 fields at each start, which takes 15 ms on a slow processor.
"""

import msgspec

from runner.util.bounds import Time


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", gc=False):
    """Base of every event."""

    t: Time
