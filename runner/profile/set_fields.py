"""Set fields of a profile from text: `--set path=value`, and the form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runner.profile.structs import kind_at
from runner.profile.yaml_file import Data, decode, parse_value, to_data
from runner.schema.base import Profile
from runner.schema.validation import is_optional, is_text
from runner.util.errors import UserError


def with_changes(profile: Profile, assignments: Iterable[str], source: str = "--set") -> Profile:
    """Return the profile with `path=value` assignments applied.

    Values are YAML (`benchmark.batch_size=[1, 8]`); for text fields they are the text itself.

    Raises:
        UserError: not an assignment, or the resulting profile is invalid.
    """
    values: Data = {}
    for assignment in assignments:
        path, separator, text = assignment.partition("=")
        if not separator or not path.strip():
            raise UserError(f"{source} {assignment}: expected path=value, for example benchmark.num_runs=20")
        values[path.strip()] = text
    return with_texts(profile, values, f"{source} {' '.join(values)}")


def with_texts(profile: Profile, texts: Mapping[str, str], source: str) -> Profile:
    """Return the profile with the fields at these paths set from text, as in `with_changes`.

    Raises:
        ProfileError: the resulting profile is invalid.
    """
    data = to_data(profile)
    for path, text in texts.items():
        set_path(data, path, _value_of(profile.engine, path, text))
    return decode(data, source)


def _value_of(engine: str, path: str, text: str) -> Any:
    kind = kind_at(engine, path)
    if kind is None or not is_text(kind):
        return parse_value(text)
    return None if is_optional(kind) and text.strip() in ("", "null") else text


def set_path(data: Data, path: str, value: Any) -> None:
    """Set the value at a dotted path; create missing sections."""
    *sections, leaf = path.split(".")
    for section in sections:
        inner = data.get(section)
        if not isinstance(inner, dict):
            inner = data[section] = {}
        data = inner
    data[leaf] = value
