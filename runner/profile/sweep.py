"""Check the axes of a sweep or a tuning against the fields of a profile: paths and values."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

from msgspec import inspect

from runner.engines.registry import engine_names, is_engine, profile_struct
from runner.plan import redaction
from runner.profile.structs import kind_at
from runner.schema.axes import FIXED, INSIDE, TuneSection, values_of
from runner.schema.base import Problem, Profile
from runner.schema.validation import leaf_paths, problems_of, section_at, union_members


def is_inside(engine: str, path: str) -> bool:
    """Check whether the benchmark of an engine measures all values of a field in one run."""
    kind = kind_at(engine, path) if path in INSIDE else None
    return kind is not None and isinstance(union_members(kind)[0], inspect.ListType)


def axis_problems(engine: str, path: str, value: Any) -> Iterator[Problem]:
    """Yield the problems of an axis of an engine's profile, at the path of the field."""
    if path.split(".")[0] in FIXED:
        yield Problem(path, "cannot vary in a sweep or a tuning; choose another field")
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
        yield Problem(path, "is a section; name a field in it, like parallel.tp")
        return
    try:
        values = values_of(value)
    except ValueError as error:
        yield Problem(path, str(error))
        return
    if redaction.has_secrets([{path.rpartition(".")[2]: one} for one in values]):
        yield Problem(
            path,
            "a value contains a secret, which would be in the names of cells; set it in the environment of"
            " the command",
        )
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
    """Return the paths of all fields of an engine's profiles that may be an axis."""
    return (path for path in leaf_paths(profile_struct(engine)) if path.split(".")[0] not in FIXED)


def sweep_problems(profile: Profile) -> list[Problem]:
    """Return the problems of the section `sweep` of a profile."""
    if profile.sweep is None:
        return []
    return [
        Problem(f"sweep.axes.{path}", problem.message)
        for path, value in profile.sweep.axes.items()
        for problem in axis_problems(profile.engine, path, value)
    ]


def tune_problems(profile: Profile) -> list[Problem]:
    """Return the problems of the section `tune` of a profile."""
    section: TuneSection | None = getattr(profile, "tune", None)
    if section is None:
        return []
    found = [
        Problem(f"tune.axes.{path}", problem.message)
        for path, value in section.axes.items()
        for problem in axis_problems(profile.engine, path, value)
    ]
    order = list(section.axes)
    for path, conditions in section.conditions.items():
        where = f"tune.conditions.{path}"
        if path not in order:
            found.append(
                Problem(where, f"is no axis; allowed: {', '.join(order) or 'none, as there are no axes'}")
            )
            continue
        before = order[: order.index(path)]
        found += [
            Problem(f"{where}.{other}", f"is no axis before {path}; allowed: {', '.join(before) or 'none'}")
            for other in conditions
            if other not in before
        ]
    return found
