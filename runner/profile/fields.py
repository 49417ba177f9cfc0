"""A profile as a flat list of fields that a form shows and edits, derived from the profile structs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from msgspec import NODEFAULT, inspect

from runner.engines.registry import is_engine, profile_struct
from runner.profile.set_fields import with_texts
from runner.profile.structs import kind_at
from runner.profile.yaml_file import Data, to_flow
from runner.schema.base import Profile, Section
from runner.schema.validation import describe_allowed as allowed
from runner.schema.validation import is_optional, section_at, section_type, union_members

FieldKind = Literal["choice", "number", "text", "yaml"]


@dataclass(frozen=True, slots=True)
class Field:
    """An editable field of a profile."""

    path: str
    """dotted, as in `--set`: `benchmark.num_runs`"""
    kind: FieldKind
    text: str
    """the value as it is typed into a form: text verbatim, empty for null, other values as YAML"""
    default: str | None
    """the default in the same notation; None for a required field"""
    help: str
    allowed: str
    """description of the allowed values"""
    unit: str = ""
    choices: tuple[str, ...] = ()
    """the texts of all allowed values, with the empty one for null; only of a choice"""

    @property
    def is_set(self) -> bool:
        """Whether the value differs from the default; a required field is always set."""
        return self.text != self.default

    @property
    def section(self) -> str:
        return self.path.rpartition(".")[0]

    @property
    def label(self) -> str:
        return self.path.rpartition(".")[2]


def fields(profile: Profile) -> list[Field]:
    """Return the fields of a profile in the order of their definition, without sections that are null."""
    return list(_fields(profile, _known_fields(profile_struct(profile.engine)), ""))


def default_at(data: Data, path: str) -> str | None:
    """Return the default of a field that plain data of a profile do not set, as YAML on one line.

    None: the field is required, unknown, or in a section that is null.
    """
    engine = str(data.get("engine"))
    section = section_type(profile_struct(engine)) if is_engine(engine) else None
    *sections, leaf = path.split(".")
    for key in sections:
        found = _field_of(section, key)
        inner = data.get(key)
        data = inner if isinstance(inner, dict) else {}
        section = section_at(found.type) if found and not (is_optional(found.type) and not data) else None
    found = _field_of(section, leaf)
    if found is None:
        return None
    default = found.default if found.default_factory is NODEFAULT else found.default_factory()
    return None if default is NODEFAULT or isinstance(default, Section) else to_flow(default)


def _field_of(section: inspect.Type | None, name: str) -> inspect.Field | None:
    if not isinstance(section, inspect.StructType):
        return None
    return next((field for field in section.fields if field.encode_name == name), None)


def edit_field(profile: Profile, path: str, text: str) -> Profile:
    """Return the profile with one field set from typed text.

    A model has a folder or a shape, never both: setting the folder removes the shape.

    Raises:
        ProfileError: the value or the resulting profile is invalid.
    """
    texts = {path: text}
    has_shape = kind_at(profile.engine, "model.shape") is not None
    if path == "model.dir" and has_shape and text.strip() not in ("", "null"):
        texts["model.shape"] = "null"
    return with_texts(profile, texts, path)


def _fields(section: Section, known: Mapping[str, Field], prefix: str) -> Iterator[Field]:
    for field in section_type(type(section)).fields:
        path = f"{prefix}{field.encode_name}"
        value = getattr(section, field.name)
        if isinstance(value, Section):
            yield from _fields(value, known, f"{path}.")
        elif path in known:  # a section that is null is no field
            yield replace(known[path], text=as_text(value))


@cache
def _known_fields(section: type[Section]) -> Mapping[str, Field]:
    """Return the fields by path without their values; to describe them takes most of the time of a form."""
    return {found.path: found for found in _described(section_type(section), "")}


def _described(info: inspect.StructType, prefix: str) -> Iterator[Field]:
    for field in info.fields:
        path = f"{prefix}{field.encode_name}"
        section = section_at(field.type)
        if section is None:
            yield _leaf(path, field)
        else:
            yield from _described(section, f"{path}.")


def _leaf(path: str, field: inspect.Field) -> Field:
    extra = _metadata_of(field.type)
    optional = is_optional(field.type)
    kind = next(option for option in union_members(field.type) if not isinstance(option, inspect.NoneType))
    choices: tuple[str, ...] = ()
    if isinstance(kind, inspect.LiteralType):
        choices = tuple(str(choice) for choice in kind.values)
    elif isinstance(kind, inspect.BoolType):
        choices = ("true", "false")
    if choices and optional:
        choices = ("", *choices)
    return Field(
        path=path,
        kind="choice" if choices else _kind(kind),
        text="",
        default=_default(field),
        help=str(extra.get("description", "")),
        allowed=allowed(kind) + (", or empty" if optional else ""),
        unit=str(extra.get("unit", "")),
        choices=choices,
    )


def _kind(kind: inspect.Type) -> FieldKind:
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return "number"
    return "text" if isinstance(kind, inspect.StrType) else "yaml"


def _metadata_of(kind: inspect.Type) -> dict[str, Any]:
    """Return description and unit of a field."""
    metadata: dict[str, Any] = {}
    while isinstance(kind, inspect.Metadata):
        metadata = {**(kind.extra_json_schema or {}), **(kind.extra or {}), **metadata}
        kind = kind.type
    return metadata


def _default(field: inspect.Field) -> str | None:
    if field.default is not NODEFAULT:
        return as_text(field.default)
    if field.default_factory is not NODEFAULT:
        return as_text(field.default_factory())
    return None


def as_text(value: Any) -> str:
    """Format a value on one line, as a form shows and reads it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else to_flow(value)
