"""The JSON Schema of profile files."""

from __future__ import annotations

from typing import Any, Union

import msgspec

from runner.engines.registry import engines


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a profile file, for editors."""
    structs = tuple(engine.profile for engine in engines().values())
    return msgspec.json.schema(Union[structs])  # noqa: UP007 - the members are known at run time only
