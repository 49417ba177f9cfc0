"""Command words of `trtllm-build` and `convert_checkpoint.py`, and whether the installed tool knows them.

The one table of options is the section of the profile: name, type, help and versions. What a version really
knows is what its `--help` says, so where the tool is installed that is the judge.
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
from runner.schema.validation import options as types_of

Words = list[tuple[str, str | None]]
"""Options in order: name without dashes, value (None: a flag)"""


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a tool of TensorRT-LLM."""

    name: str
    help: str
    default: str
    choices: tuple[str, ...]
    since: str
    """first version that has it; empty: every one we drive"""
    until: str
    """last version that has it; empty: it is still there"""

    def exists_in(self, version: Version) -> bool:
        return (not self.since or version >= Version.parse(self.since)) and (
            not self.until or version <= Version.parse(self.until)
        )


def _table(section: type[Section]) -> dict[str, Option]:
    info = inspect.type_info(section)
    assert isinstance(info, inspect.StructType)
    return {field.name: _option(field) for field in info.fields if field.name != "extra_args"}


def _option(field: inspect.Field) -> Option:
    said: dict[str, str] = {}
    kind = field.type
    while isinstance(kind, inspect.Metadata):
        said |= {key: str(value) for key, value in (kind.extra_json_schema or {}).items()}
        said |= kind.extra or {}
        kind = kind.type
    choices = [
        str(value)
        for kind in types_of(kind)
        if isinstance(kind, inspect.LiteralType)
        for value in kind.values
    ]
    return Option(
        name=field.name,
        help=said.get("description", ""),
        default=said.get("default", ""),
        choices=tuple(choices),
        since=said.get("since", ""),
        until=said.get("until", ""),
    )


BUILD = _table(Build)
CONVERT = _table(Convert)


def options_of(section: Build | Convert) -> Words:
    """The options that a section gives, in the order of its fields."""
    given: Words = []
    for name in section.__struct_fields__:
        value = getattr(section, name)
        if name == "extra_args" or value is None or value is False:
            continue
        given.append((name, None if value is True else str(value)))
    return given


def as_words(options: Words) -> list[str]:
    """Options as words of a command line."""
    return [
        word
        for name, value in options
        for word in ((f"--{name}",) if value is None else (f"--{name}", value))
    ]


def not_in_version(section: Build, version: Version) -> list[str]:
    """Sentences about options that this version of trtllm-build does not have, by the table."""
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
class Help:
    """What `--help` of a tool says."""

    options: dict[str, tuple[str, ...]]
    """option with its dashes -> its choices, empty when it takes anything"""

    def complaints(self, words: Sequence[str]) -> list[str]:
        """Sentences about words that the tool would refuse."""
        return list(self._complaints(words))

    def _complaints(self, words: Sequence[str]) -> Iterable[str]:
        for index, word in enumerate(words):
            name, equals, value = word.partition("=")
            if not name.startswith("--"):
                continue
            full = self._full_name(name)
            if full is None:
                known = [option.removeprefix("--") for option in self.options]
                close = difflib.get_close_matches(name.removeprefix("--"), known, n=1)
                yield f"{name} is not an option of it" + (f" (did you mean --{close[0]}?)" if close else "")
                continue
            if not equals:
                value = words[index + 1] if index + 1 < len(words) else ""
            choices = self.options[full]
            if choices and value not in choices:
                yield f"{name} {value} is not allowed; allowed: {', '.join(choices)}"

    def _full_name(self, name: str) -> str | None:
        """The option that a word means: argparse takes unique abbreviations too."""
        if name in self.options:
            return name
        meant = [option for option in self.options if option.startswith(name)]
        return meant[0] if len(meant) == 1 else None


_USAGE = re.compile(r"(--[A-Za-z][\w-]*)(?:[ =]\{([^}]*)\})?")


def parse_help(text: str) -> Help:
    """Options and choices that an argparse `--help` names."""
    options: dict[str, tuple[str, ...]] = {}
    # A line that begins with dashes defines options; others may mention some in passing.
    defining = [line for line in text.splitlines() if line.lstrip(" [").startswith("-")]
    for name, choices in _USAGE.findall("\n".join(defining)):
        found = tuple(choice.strip() for choice in choices.split(",")) if choices else ()
        options[name] = options.get(name) or found
    return Help(options)
