"""Profiles as YAML text: reading with errors that name file, line and field, and writing.

Every problem of a file is reported at once, as `file:line: path: what is wrong; what is allowed`.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from runner.errors import UserError
from runner.profile import Problem, Profile, rules
from runner.profile_check import check

Data = dict[str, Any]
Lines = dict[str, int]


class ProfileError(UserError):
    """A profile that cannot be used; `problems` keeps the single findings."""

    def __init__(self, source: str, problems: list[Problem], lines: Lines) -> None:
        self.problems = problems
        rows = []
        for problem in problems:
            line = _line_of(problem.path, lines)
            where = f"{source}:{line}" if line else source
            rows.append(
                f"{where}: {problem.path}: {problem.message}"
                if problem.path
                else f"{where}: {problem.message}"
            )
        super().__init__("\n".join(rows))


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML as people expect it: `1e-5` is a number (YAML 1.1, and so PyYAML, reads it as text)."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def parse_yaml(text: str, source: str) -> tuple[Data, Lines]:
    """Plain data of a YAML mapping, and the line of every dotted path in it.

    Raises:
        ProfileError: broken YAML, a key given twice, or something else than a mapping.
    """
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            lines: Lines = {}
            problems = list(_walk_node(node, "", lines))
            data = loader.construct_document(node) if node is not None else None
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError) as error:
        raise ProfileError(
            source, [Problem("", f"not valid YAML: {_yaml_message(error)}")], {"": _yaml_line(error)}
        ) from None
    if problems:
        raise ProfileError(source, problems, lines)
    if not isinstance(data, dict):
        raise ProfileError(
            source, [Problem("", "expected a profile: keys and values such as `name: my-profile`")], {"": 1}
        )
    return data, lines


def _walk_node(node: Any, path: str, lines: Lines) -> Iterator[Problem]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key = str(key_node.value)
            child = f"{path}.{key}" if path else key
            if key in seen:
                yield Problem(child, "given twice; keep one of them")
            seen.add(key)
            lines[child] = key_node.start_mark.line + 1
            yield from _walk_node(value_node, child, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[f"{path}[{index}]"] = item.start_mark.line + 1
            yield from _walk_node(item, f"{path}[{index}]", lines)


def _yaml_message(error: Exception) -> str:
    problem = getattr(error, "problem", None) or str(error)
    mark = getattr(error, "problem_mark", None)
    return f"{problem} (column {mark.column + 1})" if mark else " ".join(str(problem).split())


def _yaml_line(error: Exception) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark else 1


def _line_of(path: str, lines: Lines) -> int:
    """Line of a path, else of its nearest parent: a missing key is reported where its section starts."""
    while path and path not in lines:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return lines.get(path, 0)


def decode(data: Data, source: str, lines: Lines | None = None) -> Profile:
    """The typed profile of plain data.

    Raises:
        ProfileError: with every wrong key, type, value and broken rule.
    """
    lines = lines or {}
    problems = list(check(data))
    if problems:
        raise ProfileError(source, problems, lines)
    decoded = msgspec.convert(
        {k: v for k, v in data.items() if k != "engine"} | {"engine": data["engine"]}, Profile
    )
    problems = rules(decoded)
    if problems:
        raise ProfileError(source, problems, lines)
    return decoded


def load_text(text: str, source: str) -> Profile:
    """A profile from YAML text; `source` names it in errors."""
    data, lines = parse_yaml(text, source)
    return decode(data, source, lines)


def read_text(path: Path) -> str:
    """Text of a profile file; raises UserError in words when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text file in UTF-8, so not a profile") from None
    except OSError as error:
        raise UserError(f"{path}: cannot read it: {error.strerror}") from None


def with_changes(profile: Profile, assignments: Iterable[str], source: str = "--set") -> Profile:
    """The profile with `path=value` assignments applied; values are YAML (`benchmark.batch_size=[1, 8]`)."""
    data = to_data(profile)
    for assignment in assignments:
        path, separator, text = assignment.partition("=")
        if not separator or not path.strip():
            raise UserError(f"{source} {assignment}: expected path=value, for example benchmark.num_runs=20")
        set_path(data, path.strip(), parse_value(text))
    try:
        return decode(data, source)
    except ProfileError as error:
        given = {a.partition("=")[0].strip() for a in assignments}
        if not given:
            raise
        raise ProfileError(f"{source} {' '.join(sorted(given))}", error.problems, {}) from None


def parse_value(text: str) -> Any:
    """A YAML value; text that is not valid YAML stands for itself."""
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.YAMLError:
        return text


def set_path(data: Data, path: str, value: Any) -> None:
    """Put a value at a dotted path, making the sections on the way."""
    *sections, leaf = path.split(".")
    for section in sections:
        inner = data.get(section)
        if not isinstance(inner, dict):
            inner = data[section] = {}
        data = inner
    data[leaf] = value


def to_data(profile: Profile) -> Data:
    """Plain data of a profile, without what equals a default."""
    data: Data = msgspec.to_builtins(profile)
    order = ["name", "description", "engine"]
    return _without_empty({key: data[key] for key in order if key in data} | data)


def _without_empty(data: Data) -> Data:
    """The data without sections that say nothing, at any depth."""
    kept = {key: _without_empty(value) if isinstance(value, dict) else value for key, value in data.items()}
    return {key: value for key, value in kept.items() if value != {}}


def to_yaml(profile: Profile) -> str:
    """The profile as a YAML file that `load_text` reads back as the same profile."""

    class Dumper(yaml.SafeDumper):
        """Block style, with short lists on one line as people write them."""

    Dumper.add_representer(
        list, lambda dumper, value: dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=True)
    )
    Dumper.add_representer(
        tuple,
        lambda dumper, value: dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=True),
    )
    return yaml.dump(to_data(profile), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)


def save(profile: Profile, path: Path) -> None:
    """Write a profile atomically; what would not load again is never written.

    Raises:
        ProfileError: the profile breaks a rule.
        UserError: the file cannot be written.
    """
    text = to_yaml(profile)
    load_text(text, str(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise UserError(f"{path}: cannot save the profile: {error.strerror}") from None


def json_schema() -> Data:
    """JSON Schema of a profile file, for editors."""
    return msgspec.json.schema(Profile)
