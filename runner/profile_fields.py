"""A profile as a flat list of fields: what a form shows and edits. Derived from the profile's structs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import yaml
from msgspec import NODEFAULT, inspect

from runner.profile import ENGINES, Profile
from runner.profile_check import allowed
from runner.profile_file import with_changes

Kind = Literal["choice", "number", "text"]


@dataclass(frozen=True, slots=True)
class Field:
    """One editable leaf of a profile."""

    path: str
    """dotted, as in `--set`: `benchmark.num_runs`"""
    kind: Kind
    text: str
    """the present value as YAML, as it is typed into a form"""
    default: str | None
    """the default as YAML; None when the field must be given"""
    help: str
    allowed: str
    """what may be typed, in words"""
    unit: str = ""
    choices: tuple[str, ...] = ()

    @property
    def section(self) -> str:
        return self.path.rpartition(".")[0]

    @property
    def label(self) -> str:
        return self.path.rpartition(".")[2]


def fields(profile: Profile) -> list[Field]:
    """Every field of a profile, in the order of its definition; sections that are null are left out."""
    info = inspect.type_info(ENGINES[profile.engine])
    assert isinstance(info, inspect.StructType)
    return list(_fields(info, profile, ""))


def edited(profile: Profile, path: str, text: str) -> Profile:
    """The profile with one field set from YAML text.

    Raises:
        ProfileError: the value, or what it makes of the profile, is not allowed.
    """
    return with_changes(profile, [f"{path}={text}"], source="form")


def _fields(info: inspect.StructType, value: Any, prefix: str) -> Iterator[Field]:
    for field in info.fields:
        path = f"{prefix}{field.encode_name}"
        inner = getattr(value, field.name)
        section = _section(field.type)
        if section is not None:
            if inner is not None:
                yield from _fields(section, inner, f"{path}.")
            continue
        yield _leaf(path, field, inner)


def _section(kind: inspect.Type) -> inspect.StructType | None:
    """The struct behind a field that is a section, also behind `| None`."""
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    options = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return next((option for option in options if isinstance(option, inspect.StructType)), None)


def _leaf(path: str, field: inspect.Field, value: Any) -> Field:
    kind = field.type
    extra: dict[str, Any] = {}
    while isinstance(kind, inspect.Metadata):
        extra = {**(kind.extra_json_schema or {}), **(kind.extra or {}), **extra}
        kind = kind.type
    choices: tuple[str, ...] = ()
    if isinstance(kind, inspect.LiteralType):
        choices = tuple(str(choice) for choice in kind.values)
    elif isinstance(kind, inspect.BoolType):
        choices = ("true", "false")
    number = isinstance(kind, inspect.IntType | inspect.FloatType)
    return Field(
        path=path,
        kind="choice" if choices else "number" if number else "text",
        text=as_yaml(value),
        default=_default(field),
        help=str(extra.get("description", "")),
        allowed=allowed(kind),
        unit=str(extra.get("unit", "")),
        choices=choices,
    )


def _default(field: inspect.Field) -> str | None:
    if field.default is not NODEFAULT:
        return as_yaml(field.default)
    if field.default_factory is not NODEFAULT:
        return as_yaml(field.default_factory())
    return None


def as_yaml(value: Any) -> str:
    """A value on one line of YAML."""
    if isinstance(value, str):
        return value if yaml.safe_load(value or "''") == value else yaml.safe_dump(value).strip()
    plain = (
        [list(item) if isinstance(item, tuple) else item for item in value]
        if isinstance(value, list)
        else value
    )
    text: str = yaml.safe_dump(plain, default_flow_style=True, width=10_000, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...").strip()
