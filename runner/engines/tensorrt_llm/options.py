"""Options of `trtllm-build` and `convert_checkpoint.py`, and checking them against the installed tool.

The sections of the profile are the table of options: name, type, help and versions. What a version really
supports is in its `--help`, which takes precedence where the tool is installed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec import inspect

from runner.engines.tensorrt_llm.build_options import Build, Convert
from runner.engines.tensorrt_llm.versions import Version
from runner.schema.base import Section
from runner.schema.validation import union_members as types_of

Options = list[tuple[str, str | None]]
"""Options in order: name without dashes, value (None: a flag)."""


@dataclass(frozen=True, slots=True)
class OptionInfo:
    """One option of a tool of TensorRT-LLM."""

    name: str
    help: str
    default: str
    choices: tuple[str, ...]
    since: str
    """first version that has it; empty: every supported version"""
    until: str
    """last version that has it; empty: the newest"""

    def exists_in(self, version: Version) -> bool:
        """Check whether a version has the option."""
        return (not self.since or version >= Version.parse(self.since)) and (
            not self.until or version <= Version.parse(self.until)
        )


def _table(section: type[Section]) -> dict[str, OptionInfo]:
    info = inspect.type_info(section)
    assert isinstance(info, inspect.StructType)
    return {field.name: _option(field) for field in info.fields if field.name != "extra_args"}


def _option(field: inspect.Field) -> OptionInfo:
    metadata: dict[str, str] = {}
    kind = field.type
    while isinstance(kind, inspect.Metadata):
        metadata |= {key: str(value) for key, value in (kind.extra_json_schema or {}).items()}
        metadata |= kind.extra or {}
        kind = kind.type
    choices = [
        str(value)
        for kind in types_of(kind)
        if isinstance(kind, inspect.LiteralType)
        for value in kind.values
    ]
    return OptionInfo(
        name=field.name,
        help=metadata.get("description", ""),
        default=metadata.get("default", ""),
        choices=tuple(choices),
        since=metadata.get("since", ""),
        until=metadata.get("until", ""),
    )


BUILD = _table(Build)
CONVERT = _table(Convert)


def options_of(section: Build | Convert) -> Options:
    """Return the options that a section sets, in the order of its fields."""
    given: Options = []
    for name in section.__struct_fields__:
        value = getattr(section, name)
        if name == "extra_args" or value is None or value is False:
            continue
        given.append((name, None if value is True else str(value)))
    return given


def to_argv(options: Options) -> list[str]:
    """Return options as arguments of a command line."""
    return [
        word
        for name, value in options
        for word in ((f"--{name}",) if value is None else (f"--{name}", value))
    ]


def find_missing_options(section: Build, version: Version) -> list[str]:
    """Return a sentence for each option that this version of trtllm-build does not have."""
    sentences = []
    for name, _ in options_of(section):
        option = BUILD[name]
        if not option.exists_in(version):
            when = (
                f"came with {option.since}"
                if option.since and version < Version.parse(option.since)
                else (f"was removed after {option.until}")
            )
            sentences.append(f"build.{name}: TensorRT-LLM {version} does not have it; it {when}")
    return sentences


@dataclass(frozen=True, slots=True)
class ToolHelp:
    """The options in the `--help` of a tool."""

    options: dict[str, tuple[str, ...]]
    """option with its dashes -> its choices, empty when it takes anything"""

    def problems(self, argv: Sequence[str]) -> list[str]:
        """Return a sentence for each argument that the tool would reject."""
        return list(self._problems(argv))

    def _problems(self, argv: Sequence[str]) -> Iterable[str]:
        for index, word in enumerate(argv):
            name, equals, value = word.partition("=")
            if not name.startswith("--"):
                continue
            full = self._full_name(name)
            if full is None:
                known = [option.removeprefix("--") for option in self.options]
                close = difflib.get_close_matches(name.removeprefix("--"), known, n=1)
                yield f"{name} is not one of its options" + (
                    f" (did you mean --{close[0]}?)" if close else ""
                )
                continue
            if not equals:
                value = argv[index + 1] if index + 1 < len(argv) else ""
            choices = self.options[full]
            if choices and value not in choices:
                yield f"{name} {value} is not allowed; allowed: {', '.join(choices)}"

    def _full_name(self, name: str) -> str | None:
        """Return the option of an argument; argparse accepts unique abbreviations."""
        if name in self.options:
            return name
        matching = [option for option in self.options if option.startswith(name)]
        return matching[0] if len(matching) == 1 else None


_USAGE = re.compile(r"(--[A-Za-z][\w-]*)(?:[ =]\{([^}]*)\})?")


def parse_help(text: str) -> ToolHelp:
    """Return the options and choices in an argparse `--help`."""
    options: dict[str, tuple[str, ...]] = {}
    # A line that begins with dashes defines options; other lines only mention them.
    defining = [line for line in text.splitlines() if line.lstrip(" [").startswith("-")]
    for name, choices in _USAGE.findall("\n".join(defining)):
        found = tuple(choice.strip() for choice in choices.split(",")) if choices else ()
        options[name] = options.get(name) or found
    return ToolHelp(options)
