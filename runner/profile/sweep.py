"""The axes of a sweep against the fields of a profile: which fields may vary, and over what values."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from msgspec import inspect

from runner.engines.registry import engine_names, is_engine, profile_struct
from runner.profile.structs import kind_at
from runner.schema.axes import FIXED, INSIDE, values_of
from runner.schema.base import Problem, Profile
from runner.schema.validation import leaf_paths, options, problems_of, section_at


def is_inside(engine: str, path: str) -> bool:
    """Whether the benchmark of an engine measures all values of this field in one run."""
    kind = kind_at(engine, path) if path in INSIDE else None
    return kind is not None and isinstance(options(kind)[0], inspect.ListType)


def axis_problems(engine: str, path: str, value: Any) -> Iterator[Problem]:
    """What is wrong with one axis of a profile of an engine; the path of a problem is the field's."""

    if path.split(".")[0] in FIXED:
        yield Problem(path, "is the same for all of a sweep; vary another field")
        return
    kind = kind_at(engine, path)
    if path == "engine":
        pass
    elif kind is None:
        close = difflib.get_close_matches(path, list(field_paths(engine)), n=1)
        yield Problem(
            path,
            f"a profile of {engine} has no such field" + (f" (did you mean {close[0]}?)" if close else ""),
        )
        return
    elif section_at(kind):
        yield Problem(path, "is a section; name one field in it, like parallel.tp")
        return
    try:
        values = values_of(value)
    except ValueError as error:
        yield Problem(path, str(error))
        return
    if path == "engine":
        for one in values:
            if not is_engine(one):
                yield Problem(path, f"{one!r} is not an engine; allowed: {', '.join(engine_names())}")
    elif is_inside(engine, path):
        assert kind is not None
        yield from problems_of(kind, values, path)
    else:
        assert kind is not None
        for one in values:
            yield from problems_of(kind, one, path)


def field_paths(engine: str) -> Iterator[str]:
    """Every field of an engine's profiles that an axis may name."""

    return (path for path in leaf_paths(profile_struct(engine)) if path.split(".")[0] not in FIXED)


def sweep_problems(profile: Profile) -> list[Problem]:
    """What is wrong with the section `sweep` of a profile."""
    if profile.sweep is None:
        return []
    return [
        Problem(f"sweep.axes.{path}", problem.message)
        for path, value in profile.sweep.axes.items()
        for problem in axis_problems(profile.engine, path, value)
    ]
