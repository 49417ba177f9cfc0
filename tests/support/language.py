"""Check the language: words that this project avoids, and names of tests that are too long.

`python -m tests.support.language [PATH ...]` prints `file:line: word -> suggestion` for each finding and
exits with 1 if there is one. It reads the strings and comments of Python files and the whole text of other
files; without a path, everything that users and contributors read.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.support.paths import ROOT, TESTS

WORDS = {
    "stand": "be, represent, match",
    "stands": "is, represents, matches",
    "beside": "next to, with, in addition to",
    "in words": "as text, or leave it out",
    "nobody": "no process, no user, nothing",
    "somebody": "a user, another process",
    "goes on": "continues",
    "anew": "again",
    "whoever": "the user who, the process that",
    "is said": "say who says it, or state it",
    "is told": "say who reports it",
    "of ours": "name the thing",
    "what it is about": "the subject, the reason",
    "for want of": "because there is no",
    "how it does": "its state, its progress",
    "how this run does": "run diagnostics",
    "all well": "no problems detected",
    "all alike": "balanced within 1 %",
    "stands still": "stalled",
    "a fair comparison": "comparable",
}
"""A word or phrase to avoid, and what to write in its place."""

ALLOWED: frozenset[tuple[str, str]] = frozenset()
"""Pairs of a file and a word that has to stay there, such as a sentence that old logs contain."""

LONGEST_TEST_NAME = 60
SUFFIXES = (".py", ".md", ".yaml", ".tcss", ".css", ".toml")
READ = ("runner", "tui", "profiles", "docs", "README.md", "CHANGELOG.md", "CONTRIBUTING.md")
"""Files and folders that are checked for words when no path is given."""

_AVOIDED = re.compile(
    r"(?<![\w-])(?:" + "|".join(r"\s+".join(phrase.split()) for phrase in WORDS) + r")(?![\w-])",
    re.IGNORECASE,
)
_IMPLICIT_JOIN = {tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT}


class Passage:
    """Text that is read as one, with the line of the file that each part is on."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._offsets: list[int] = []
        self._lines: list[int] = []
        self._length = 0

    def add(self, text: str, line: int) -> None:
        for number, part in enumerate(text.splitlines(keepends=True)):
            self._offsets.append(self._length)
            self._lines.append(line + number)
            self._parts.append(part)
            self._length += len(part)

    def findings(self) -> Iterator[tuple[int, str]]:
        """Yield line and word of each word to avoid."""
        for match in _AVOIDED.finditer("".join(self._parts)):
            yield (
                self._lines[bisect_right(self._offsets, match.start()) - 1],
                " ".join(match[0].lower().split()),
            )


def read_python(source: str) -> list[Passage]:
    """Return the strings and comments of a Python file; neighbouring lines of either form one passage."""
    comments, strings = [Passage()], [Passage()]
    last_comment = -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        line = token.start[0]
        if token.type == tokenize.COMMENT:
            if line != last_comment + 1:
                comments.append(Passage())
            comments[-1].add(token.string.lstrip("#") + "\n", line)
            last_comment = line
        elif token.type == tokenize.STRING:
            strings[-1].add(literal_text(token.string), line)
        elif tokenize.tok_name[token.type] == "FSTRING_MIDDLE":
            strings[-1].add(token.string, line)
        elif token.type not in _IMPLICIT_JOIN and not tokenize.tok_name[token.type].startswith("FSTRING"):
            strings.append(Passage())
    return comments + strings


def literal_text(literal: str) -> str:
    """Return the text of a string literal without prefix and quotes, on the same lines."""
    body = literal.lstrip("rbfuRBFU")
    quotes = 3 if body[:3] in ('"""', "'''") else 1
    return body[quotes:-quotes].replace("\\n", "  ")


def read_passages(path: Path) -> list[Passage]:
    """Return what a person reads in a file."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        return read_python(text)
    passage = Passage()
    passage.add(text, 1)
    return [passage]


def files_below(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the text files among `paths` and below the folders among them."""
    for path in paths:
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (file for file in found if file.suffix in SUFFIXES and file.is_file())


def find_words(paths: Iterable[Path]) -> Iterator[str]:
    """Yield a line for each word to avoid."""
    for path in files_below(paths):
        name = _name(path)
        found = [finding for passage in read_passages(path) for finding in passage.findings()]
        for line, word in sorted(found):
            if (name, word) not in ALLOWED:
                yield f"{name}:{line}: {word} -> {WORDS[word]}"


def find_long_test_names(folder: Path = TESTS) -> Iterator[str]:
    """Yield a line for each test whose name is too long."""
    for path in sorted(folder.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if node.name.startswith("test_") and len(node.name) > LONGEST_TEST_NAME:
                where = f"{_name(path)}:{node.lineno}"
                yield f"{where}: {node.name}: {len(node.name)} characters -> at most {LONGEST_TEST_NAME}"


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def main(arguments: list[str]) -> int:
    """Print all findings and return the exit code."""
    paths = [Path(argument).resolve() for argument in arguments] or [ROOT / name for name in READ]
    findings = list(find_words(paths))
    if not arguments:
        findings += find_long_test_names()
    print("\n".join(findings) if findings else "language: nothing to change")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
