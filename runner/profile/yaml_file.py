"""Read and write profiles as YAML.

All errors in a file are reported together, as `file:line: path: what is wrong; what is allowed`.
"""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from runner.engines.registry import find_engine
from runner.profile.structs import check_data
from runner.profile.sweep import sweep_problems, tune_problems
from runner.schema.base import Problem, Profile, Section, env_problems
from runner.schema.slurm import slurm_problems
from runner.schema.validation import format_value
from runner.util.errors import UserError
from runner.util.files import make_folders, read_file, write_atomically

Data = dict[str, Any]
Lines = dict[str, int]

MOST_BYTES = 1 << 18
"""Size of the largest file that is parsed, in about two seconds; profiles have a few kilobytes."""
MOST_EXPANDED = 2 * MOST_BYTES
"""Values and characters of a file with its aliases expanded; without aliases, no file has so many."""
LONGEST_NUMBER = 100
"""Characters of a number; Python takes quadratic time to convert long ones."""
MOST_PROBLEMS = 20
"""Problems of a file that are reported."""


class ProfileError(UserError):
    """An invalid profile; `problems` has the single errors."""

    def __init__(self, source: str, problems: list[Problem], lines: Lines) -> None:
        self.problems = problems
        rows = []
        for problem in problems[:MOST_PROBLEMS]:
            line = _line_of(problem.path, lines)
            where = f"{source}:{line}" if line else source
            # `--set benchmark.num_runs` names the field already.
            named = not problem.path or where.endswith(f" {problem.path}")
            rows.append(f"{where}: {'' if named else f'{problem.path}: '}{problem.message}")
        if len(problems) > MOST_PROBLEMS:
            rows.append(f"{source}: more problems follow; correct these first")
        super().__init__("\n".join(rows))


class _TooLargeError(ValueError):
    """A text that takes too long to parse, or to use."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML in which `1e-5` is a number (YAML 1.1, and so PyYAML, reads it as text)."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Convert a node; PyYAML raises errors of any kind for `!!bool x`, `!!int ""` or the date 2026-13-45.

        Raises:
            yaml.YAMLError: the value does not have the type of its tag.
        """
        if not isinstance(node, yaml.ScalarNode):
            return super().construct_object(node, deep)
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        try:
            if kind not in ("int", "float") or len(node.value) <= LONGEST_NUMBER:
                return super().construct_object(node, deep)
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError):
            pass
        cause = f"{format_value(node.value)} is not a value of the type {kind}"
        raise yaml.constructor.ConstructorError(None, None, cause, node.start_mark)


class _Dumper(yaml.SafeDumper):
    """Block style, with lists on one line."""


for _side in (_Loader, _Dumper):  # both, so that the text "1e-5" is written in quotes
    _side.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"),
        list("-+.0123456789"),
    )
# Other quotes turn line breaks into spaces; only double quotes keep every character.
_Dumper.add_representer(
    str,
    lambda dumper, value: dumper.represent_scalar(
        "tag:yaml.org,2002:str", value, style=None if value.isprintable() else '"'
    ),
)
for _sequence in (list, tuple):
    _Dumper.add_representer(
        _sequence,
        lambda dumper, value: dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=True),
    )


_EXPECTED = "a profile: keys and values such as `name: my-profile`"


def parse_yaml(text: str, source: str, expected: str = _EXPECTED) -> tuple[Data, Lines]:
    """Parse a YAML mapping; return its data and the line of every dotted path.

    `expected` describes the mapping in error messages.

    Raises:
        ProfileError: invalid YAML, a key given twice, too large, or not a mapping.
    """
    lines: Lines = {}
    try:
        node, data = _load(text)
        problems = list(_walk_node(node, "", lines, set()))
    except _TooLargeError as error:
        raise ProfileError(source, [Problem("", str(error))], {"": 1}) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ProfileError(
            source, [Problem("", f"not valid YAML: {_yaml_message(error)}")], {"": _yaml_line(error)}
        ) from None
    if problems:
        raise ProfileError(source, problems, lines)
    if not isinstance(data, dict):
        raise ProfileError(source, [Problem("", f"expected {expected}")], {"": 1})
    return data, lines


def _load(text: str) -> tuple[yaml.Node | None, Any]:
    """Return the node and the data of a YAML document; None without any.

    Raises:
        yaml.YAMLError, ValueError, RecursionError: it is not valid, or too large.
    """
    if len(text) > MOST_BYTES:
        raise _TooLargeError(_too_large("it"))
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None, None
        if _expanded(node, {}) > MOST_EXPANDED:
            raise _TooLargeError(
                f"its aliases (`*name`) repeat more than {MOST_EXPANDED} values and characters, or a value in"
                " itself; write the values out"
            )
        return node, loader.construct_document(node)
    finally:
        loader.dispose()


def _expanded(node: yaml.Node, sizes: dict[int, int]) -> int:
    """Return the number of values and characters of a node with its aliases expanded."""
    known = sizes.get(id(node))
    if known is not None:
        return known
    sizes[id(node)] = MOST_EXPANDED + 1  # a node that contains itself has no end
    size = 1
    if isinstance(node, yaml.MappingNode):
        size += sum(_expanded(key, sizes) + _expanded(value, sizes) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        size += sum(_expanded(item, sizes) for item in node.value)
    else:
        size += len(node.value)
    sizes[id(node)] = size
    return size


def _too_large(name: str) -> str:
    return f"{name} is larger than {MOST_BYTES >> 10} KiB; profiles and settings have a few kilobytes"


def _walk_node(node: Any, path: str, lines: Lines, walked: set[int]) -> Iterator[Problem]:
    """Record the lines of a node and of all nodes below it; visit a node with aliases once."""
    if node is None or id(node) in walked:
        return
    walked.add(id(node))
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key = str(key_node.value)
            child = f"{path}.{key}" if path else key
            if key in seen:
                yield Problem(child, "given twice; keep one of them")
            seen.add(key)
            lines[child] = key_node.start_mark.line + 1
            yield from _walk_node(value_node, child, lines, walked)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[f"{path}[{index}]"] = item.start_mark.line + 1
            yield from _walk_node(item, f"{path}[{index}]", lines, walked)


def _yaml_message(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    problem = " ".join(str(getattr(error, "problem", None) or error).split())
    if problem.startswith("but "):
        problem = f"{getattr(error, 'context', '')} {problem}"
    mark = getattr(error, "problem_mark", None)
    return f"{problem} (column {mark.column + 1})" if mark else problem.split(' in "<unicode string>"')[0]


def _yaml_line(error: Exception) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark else 1


def _line_of(path: str, lines: Lines) -> int:
    """Return the line of a path, else of its nearest parent: for a missing key, where its section starts."""
    while path and path not in lines:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return lines.get(path, 0)


def decode(data: Data, source: str, lines: Lines | None = None) -> Profile:
    """Convert plain data to a profile.

    Raises:
        ProfileError: wrong keys, types or values, or broken rules; all of them.
    """
    lines = lines or {}
    problems = list(itertools.islice(check_data(data), MOST_PROBLEMS + 1))
    if problems:
        raise ProfileError(source, problems, lines)
    engine = find_engine(data["engine"])
    decoded: Profile = msgspec.convert(data, engine.profile)
    problems = env_problems(decoded.launch.env) + engine.rules(decoded)
    launch = decoded.launch
    problems += slurm_problems(
        launch.slurm, engine.preflight.ranks(decoded), getattr(launch, "container", None)
    )
    problems += sweep_problems(decoded) + tune_problems(decoded)
    if problems:
        raise ProfileError(source, problems, lines)
    return decoded


def load_text(text: str, source: str) -> Profile:
    """Load a profile from YAML text; `source` names it in errors."""
    data, lines = parse_yaml(text, source)
    return decode(data, source, lines)


def read_text(path: Path) -> str:
    """Read the text of a profile file; raises UserError when it cannot be read or is too large."""
    try:
        content = read_file(path, MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise UserError(_too_large(f"{path}:"))
        return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8").read()
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text file in UTF-8, so not a profile") from None
    except OSError as error:
        raise UserError(f"{path}: cannot read it: {error.strerror}") from None


def parse_value(text: str) -> Any:
    """Parse a YAML value; return text that is not valid YAML unchanged."""
    try:
        return _load(text)[1]
    except (yaml.YAMLError, ValueError, RecursionError):
        return text


def to_data(profile: Profile) -> Data:
    """Return the plain data of a profile, without default values."""
    data: Data = msgspec.to_builtins(profile)
    order = ["name", "description", "engine"]
    return _without_empty({key: data[key] for key in order if key in data} | data, profile)


def _without_empty(data: Data, section: Section) -> Data:
    """Remove empty sections at any depth, but no empty mapping that a field has as its value."""
    kept: Data = {}
    for key, value in data.items():
        inner = getattr(section, key)
        kept[key] = _without_empty(value, inner) if isinstance(inner, Section) else value
        if kept[key] == {} and isinstance(inner, Section):
            del kept[key]
    return kept


def to_flow(value: Any) -> str:
    """Format a value as YAML on one line."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True
    )
    return text.removesuffix("\n").removesuffix("\n...").strip()


def to_yaml(profile: Profile) -> str:
    """Format a profile as a YAML file that `load_text` reads back as an equal profile."""
    return dump(to_data(profile))


def dump(data: Data) -> str:
    """Format plain data as a YAML file."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


def save(profile: Profile, path: Path) -> None:
    """Write a profile atomically, only if it can be loaded again.

    Raises:
        ProfileError: the profile is invalid.
        UserError: the file cannot be written.
    """
    text = to_yaml(profile)
    load_text(text, str(path))
    try:
        make_folders(path.parent)
        # Readable for its owner only: `launch.env` may have a token.
        write_atomically(path, text.encode(), mode=0o600)
    except OSError as error:
        raise UserError(f"{path}: cannot save the profile: {error.strerror}") from None
