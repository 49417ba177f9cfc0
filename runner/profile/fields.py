"""A profile as a flat list of fields: what a form shows and edits. Derived from the profile's structs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from msgspec import NODEFAULT, inspect

from runner.engines.registry import is_engine, profile_struct
from runner.profile.file import Data, to_flow, with_texts
from runner.profile.structs import kind_at
from runner.schema.base import Profile, Section
from runner.schema.validation import allowed, is_optional, options, section_at

Kind = Literal["choice", "number", "text", "yaml"]


@dataclass(frozen=True, slots=True)
class Field:
    """One editable leaf of a profile."""

    path: str
    """dotted, as in `--set`: `benchmark.num_runs`"""
    kind: Kind
    text: str
    """the present value as it is typed into a form: text as it stands, empty for nothing, the rest as YAML"""
    default: str | None
    """the default, written the same way; None when the field must be given"""
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
    info = inspect.type_info(profile_struct(profile.engine))
    assert isinstance(info, inspect.StructType)
    return list(_fields(info, profile, ""))


def default_at(data: Data, path: str) -> str | None:
    """What holds for a field that plain data of a profile do not speak of, as YAML on one line.

    None: it must be given, there is no such field, or none while the section around it is null.
    """
    section = _known(str(data.get("engine")))
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


@cache
def _known(engine: str) -> inspect.Type | None:
    return inspect.type_info(profile_struct(engine)) if is_engine(engine) else None


def _field_of(section: inspect.Type | None, name: str) -> inspect.Field | None:
    if not isinstance(section, inspect.StructType):
        return None
    return next((field for field in section.fields if field.encode_name == name), None)


def edited(profile: Profile, path: str, text: str) -> Profile:
    """The profile with one field set from what was typed.

    A model has a folder or a shape, never both: naming a folder takes the place of the shape.

    Raises:
        ProfileError: the value, or what it makes of the profile, is not allowed.
    """
    texts = {path: text}
    has_shape = kind_at(profile.engine, "model.shape") is not None
    if path == "model.dir" and has_shape and text.strip() not in ("", "null"):
        texts["model.shape"] = "null"
    return with_texts(profile, texts, path)


def _fields(info: inspect.StructType, value: Any, prefix: str) -> Iterator[Field]:
    for field in info.fields:
        path = f"{prefix}{field.encode_name}"
        inner = getattr(value, field.name)
        section = section_at(field.type)
        if section is not None:
            if inner is not None:
                yield from _fields(section, inner, f"{path}.")
            continue
        yield _leaf(path, field, inner)


def _leaf(path: str, field: inspect.Field, value: Any) -> Field:
    extra = _said_about(field.type)
    optional = is_optional(field.type)
    kind = next(option for option in options(field.type) if not isinstance(option, inspect.NoneType))
    choices: tuple[str, ...] = ()
    if isinstance(kind, inspect.LiteralType):
        choices = tuple(str(choice) for choice in kind.values)
    elif isinstance(kind, inspect.BoolType):
        choices = ("true", "false")
    return Field(
        path=path,
        kind="choice" if choices else _kind(kind),
        text=as_text(value),
        default=_default(field),
        help=str(extra.get("description", "")),
        allowed=allowed(kind) + (", or empty" if optional else ""),
        unit=str(extra.get("unit", "")),
        choices=choices,
    )


def _kind(kind: inspect.Type) -> Kind:
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        return "number"
    return "text" if isinstance(kind, inspect.StrType) else "yaml"


def _said_about(kind: inspect.Type) -> dict[str, Any]:
    """Description and unit of a field."""
    said: dict[str, Any] = {}
    while isinstance(kind, inspect.Metadata):
        said = {**(kind.extra_json_schema or {}), **(kind.extra or {}), **said}
        kind = kind.type
    return said


def _default(field: inspect.Field) -> str | None:
    if field.default is not NODEFAULT:
        return as_text(field.default)
    if field.default_factory is not NODEFAULT:
        return as_text(field.default_factory())
    return None


def as_text(value: Any) -> str:
    """A value on one line, as a form shows and reads it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return to_flow(value)
