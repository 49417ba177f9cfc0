"""Find all errors in the keys, types and values of a profile, with readable messages.

msgspec reports only the first error. These checks use its type information and report all;
`runner.profile.yaml_file.decode` adds file and line, and the rules of the engine.
"""

from __future__ import annotations

import difflib
import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import inspect

from runner.schema.base import Problem, Section

LIMIT = 10**18
"""Numbers must be smaller; JSON readers disagree about larger whole numbers."""


@functools.cache
def section_type(section: type[Section]) -> inspect.StructType:
    """Return the type information of a section; to derive it takes milliseconds."""
    kind = inspect.type_info(section)
    assert isinstance(kind, inspect.StructType)
    return kind


def check_section(section: type[Section], data: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield everything that is wrong with the types, keys and values of a section."""
    yield from _check(section_type(section), data, "")


def problems_of(kind: inspect.Type, value: Any, path: str) -> Iterator[Problem]:
    """Yield everything that is wrong with a value for a field of a type."""
    yield from _check(kind, value, path)


def _check(kind: inspect.Type, value: Any, path: str) -> Iterator[Problem]:
    if isinstance(kind, inspect.AnyType):
        return  # a rule checks it later
    if isinstance(kind, inspect.Metadata):
        yield from _check(kind.type, value, path)
    elif isinstance(kind, inspect.UnionType):
        others = [option for option in kind.types if not isinstance(option, inspect.NoneType)]
        if value is not None or len(others) == len(kind.types):
            yield from _check(others[0], value, path)
    elif isinstance(kind, inspect.StructType):
        yield from _check_struct(kind, value, path)
    elif isinstance(kind, inspect.ListType):
        if not isinstance(value, list | tuple):
            yield _wrong(path, value, describe_allowed(kind))
            return
        if len(value) < (kind.min_length or 0):
            yield Problem(path, f"is empty; allowed: {describe_allowed(kind)}")
        for index, item in enumerate(value):
            yield from _check(kind.item_type, item, f"{path}[{index}]")
    elif isinstance(kind, inspect.TupleType):
        if not isinstance(value, list | tuple) or len(value) != len(kind.item_types):
            yield _wrong(path, value, describe_allowed(kind))
            return
        for index, (item_kind, item) in enumerate(zip(kind.item_types, value, strict=True)):
            yield from _check(item_kind, item, f"{path}[{index}]")
    elif isinstance(kind, inspect.DictType):
        if not isinstance(value, Mapping):
            yield _wrong(path, value, describe_allowed(kind))
            return
        for key, item in value.items():
            yield from _check(kind.key_type, key, f"{path}.{key}")
            yield from _check(kind.value_type, item, f"{path}.{key}")
    elif not _fits(kind, value):
        yield _wrong(path, value, describe_allowed(kind) + _advice(kind, value))


def _check_struct(kind: inspect.StructType, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield _wrong(path, value, f"a section with the keys {', '.join(f.encode_name for f in kind.fields)}")
        return
    fields = {field.encode_name: field for field in kind.fields}
    for key, item in value.items():
        child = f"{path}.{key}" if path else str(key)
        if key in fields:
            yield from _check(fields[key].type, item, child)
        else:
            meant = suggest(key, fields) or suggest(key, _paths_below(kind.cls, key), cutoff=0.0)
            yield Problem(child, f"unknown key; allowed here: {', '.join(fields)}{meant}")
    for name, field in fields.items():
        if field.required and name not in value:
            yield Problem(
                f"{path}.{name}" if path else name, f"missing; allowed: {describe_allowed(field.type)}"
            )


def _fits(kind: inspect.Type, value: Any) -> bool:
    if isinstance(kind, inspect.BoolType):
        return isinstance(value, bool)
    if isinstance(kind, inspect.LiteralType):
        return value in kind.values
    if isinstance(kind, inspect.StrType):
        # Arguments of programs cannot have a zero byte; `fullmatch`, because `$` accepts a final line break.
        return (
            isinstance(value, str)
            and "\0" not in value
            and (kind.pattern is None or re.fullmatch(kind.pattern, value) is not None)
        )
    if not isinstance(kind, inspect.IntType | inspect.FloatType):
        raise TypeError(f"a profile field of type {kind} has no check")
    if isinstance(value, bool) or not isinstance(
        value, int if isinstance(kind, inspect.IntType) else int | float
    ):
        return False
    if not abs(value) < LIMIT:  # also rejects nan and infinity
        return False
    return (
        (kind.ge is None or value >= kind.ge)
        and (kind.gt is None or value > kind.gt)
        and (kind.le is None or value <= kind.le)
        and (kind.lt is None or value < kind.lt)
    )


def describe_allowed(kind: inspect.Type) -> str:
    """Describe the allowed values of a field: `a whole number, 1 or more`."""
    if isinstance(kind, inspect.Metadata):
        return describe_allowed(kind.type)
    if isinstance(kind, inspect.UnionType):
        return " or ".join(describe_allowed(option) for option in kind.types)
    if isinstance(kind, inspect.LiteralType):
        return ", ".join(str(value) for value in kind.values)
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        noun = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
        bounds = [
            f"{text.format(limit)}"
            for text, limit in (
                ("{} or more", kind.ge),
                ("above {}", kind.gt),
                ("{} or less", kind.le),
                ("below {}", kind.lt),
            )
            if limit is not None
        ]
        return ", ".join([noun, *bounds])
    if isinstance(kind, inspect.ListType):
        return f"a list like [a, b]; each item: {describe_allowed(kind.item_type)}"
    if isinstance(kind, inspect.TupleType):
        return f"{len(kind.item_types)} numbers like [128, 20]; each: {describe_allowed(kind.item_types[0])}"
    if isinstance(kind, inspect.StrType):
        return "text" if kind.pattern is None else "letters, digits, dot, dash and underscore, at most 64"
    if isinstance(kind, inspect.DictType):
        return "keys and values" if isinstance(kind.value_type, inspect.AnyType) else "keys and texts"
    names = {inspect.BoolType: "true or false", inspect.NoneType: "null"}
    return names.get(type(kind), "a section")


def kind_at(section: type[Section], path: str) -> inspect.Type | None:
    """Return the type of the field at a dotted path of a section; None for an unknown path."""
    kind: inspect.Type = section_type(section)
    for key in path.split("."):
        inner = _inner(kind, key)
        if inner is None:
            return None
        kind = inner
    return kind


def _inner(kind: inspect.Type, key: str) -> inspect.Type | None:
    for option in union_members(kind):
        if isinstance(option, inspect.StructType):
            return next((field.type for field in option.fields if field.encode_name == key), None)
        if isinstance(option, inspect.DictType):
            return option.value_type
        if isinstance(option, inspect.AnyType):
            return option
    return None


def union_members(kind: inspect.Type) -> tuple[inspect.Type, ...]:
    """Return the types that a value may have, without their metadata."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        return tuple(option for inner in kind.types for option in union_members(inner))
    return (kind,)


def section_at(kind: inspect.Type) -> inspect.StructType | None:
    """Return the struct of a field that is a section, optional or not; None for other fields."""
    return next((option for option in union_members(kind) if isinstance(option, inspect.StructType)), None)


def leaf_paths(section: type[Section]) -> Iterator[str]:
    """Yield the dotted paths of all fields of a section that are not sections themselves."""
    yield from _leaf_paths(section_type(section), "")


def _leaf_paths(info: inspect.StructType, prefix: str) -> Iterator[str]:
    for field in info.fields:
        inner = section_at(field.type)
        if inner is None:
            yield f"{prefix}{field.encode_name}"
        else:
            yield from _leaf_paths(inner, f"{prefix}{field.encode_name}.")


def is_text(kind: inspect.Type) -> bool:
    """Check whether a field is text, optional or not."""
    return all(isinstance(option, inspect.StrType | inspect.NoneType) for option in union_members(kind))


def is_optional(kind: inspect.Type) -> bool:
    """Check whether a field may be null."""
    return any(isinstance(option, inspect.NoneType) for option in union_members(kind))


def _advice(kind: inspect.Type, value: Any) -> str:
    """Suggest what the user probably meant."""
    if isinstance(kind, inspect.LiteralType):
        return suggest(value, kind.values)
    if isinstance(kind, inspect.StrType) and not isinstance(value, str | list | tuple | Mapping | None):
        return "; put it in quotes to make it text"
    if isinstance(value, int | float) and not abs(value) < LIMIT:
        return f", and below {LIMIT:.0e}"
    return ""


def _wrong(path: str, value: Any, what_is_allowed: str) -> Problem:
    return Problem(path, f"{format_value(value)} is not allowed; allowed: {what_is_allowed}")


def format_value(value: Any) -> str:
    """Format a rejected value for a message, shortened."""
    if value is None:
        return "null (nothing)"
    if isinstance(value, str):
        return f"the text {_cut(json.dumps(value, ensure_ascii=False))}"
    return str(value).lower() if isinstance(value, bool) else _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _paths_below(section: type[Any], key: Any) -> list[str]:
    """Return the fields with this name in the sections below, like `benchmark.num_runs` for `num_runs`."""
    return [path for path in leaf_paths(section) if path.endswith(f".{key}")]


def suggest(word: Any, allowed: Iterable[Any], cutoff: float = 0.6) -> str:
    """Return ` (did you mean ...?)` for a similar allowed word; empty without one.

    Args:
        cutoff: how similar it must be, from 0 (not at all) to 1.
    """
    close = difflib.get_close_matches(str(word), [str(one) for one in allowed], n=1, cutoff=cutoff)
    return f" (did you mean {close[0]}?)" if close else ""
