"""Options as arguments of a command line, and their check against the `--help` of the installed program."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runner.engines.tensorrt_llm.more_options import FIELDS, Words, takes_several
from runner.schema.base import Section

Options = list[tuple[str, str | None]]
"""Options in order: name without dashes, value (None: a flag)."""


def options_of(section: Section, of: str = "", *, only_made: bool = False) -> Options:
    """Return the options that a section sets, in the order of its fields.

    Args:
        section: a section whose fields have the names of options.
        of: the name of its further fields in `FIELDS`.
        only_made: return these further fields alone.
    """
    given: Options = []
    for name in FIELDS[of] if only_made else section.__struct_fields__:
        value = getattr(section, name)
        if name == "extra_args" or value is None or value is False:
            continue
        text = Words(value) if takes_several(of, name) else str(value)
        given.append((name, None if value is True else text))
    return given


def to_argv(options: Options) -> list[str]:
    """Return options as arguments of a command line."""
    words: list[str] = []
    for name, value in options:
        words.append(f"--{name}")
        if value is not None:
            words += value.split() if isinstance(value, Words) else [value]
    return words


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


def has_options(text: str) -> bool:
    """Check that a text is an argparse `--help` with options."""
    return bool(parse_help(text).options)


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
