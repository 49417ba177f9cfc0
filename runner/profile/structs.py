"""Checks of plain data against the profile struct of the engine that it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import inspect

from runner.engines.registry import engine_names, is_engine, plugin_hint, profile_struct
from runner.schema import validation
from runner.schema.base import Problem
from runner.schema.validation import check_section, format_value, suggest


def check_data(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield everything that is wrong with the types, keys and values of plain data."""
    engine = data.get("engine")
    if engine is None:
        yield Problem("engine", f"missing; allowed: {', '.join(engine_names())}")
        return
    if not isinstance(engine, str) or not is_engine(engine):
        names = ", ".join(engine_names()) + suggest(engine, engine_names())
        message = f"{format_value(engine)} is not an engine; allowed: {names}"
        yield Problem("engine", "; ".join(filter(None, (message, plugin_hint()))))
        return
    yield from check_section(profile_struct(engine), {k: v for k, v in data.items() if k != "engine"})


def kind_at(engine: str, path: str) -> inspect.Type | None:
    """Return the type of the field at a dotted path of an engine's profiles; None for an unknown path."""
    return validation.kind_at(profile_struct(engine), path)
