"""The structs of profiles by the name of their engine: what plain data must be to become a profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import inspect

from runner.engines.registry import engine_names, is_engine, profile_struct
from runner.schema import validation
from runner.schema.base import Problem
from runner.schema.validation import check_section, shown, suggest


def check(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Everything wrong with the types, keys and values of plain data."""
    engine = data.get("engine")
    if engine is None:
        yield Problem("engine", f"missing; allowed: {', '.join(engine_names())}")
        return
    if not isinstance(engine, str) or not is_engine(engine):
        names = ", ".join(engine_names()) + suggest(engine, engine_names())
        yield Problem("engine", f"{shown(engine)} is not an engine; allowed: {names}")
        return
    yield from check_section(profile_struct(engine), {k: v for k, v in data.items() if k != "engine"})


def kind_at(engine: str, path: str) -> inspect.Type | None:
    """The type of the field at a dotted path of an engine's profiles; None when there is no such field."""
    return validation.kind_at(profile_struct(engine), path)
