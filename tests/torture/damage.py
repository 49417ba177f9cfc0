"""Damaged files: truncations, flipped bits, lines twice or missing, copies and renames of runs.

No reader may end with an error of the program itself, `verify` must find what was done to the log, and
nothing but the damaged copy may change.
"""

from __future__ import annotations

import hashlib
import random
import shutil
from pathlib import Path

from runner.run import layout
from runner.util import paths
from runner.util.exit_codes import ExitCode
from tests.support import recorded_runs
from tests.torture.outcome import Outcome, command, crash_of, timer

FILES = (layout.EVENTS, layout.REPORT, layout.PLAN, layout.PROFILE, layout.OWNER, "0-benchmark.log")
READ_BY = 2
"""Number of readers of each copy, in addition to `ls`; each takes a part of a second."""
READERS = (("show",), ("show", "--json"), ("compare",), ("export", "--format", "json"))


def damage(seed: int, seconds: float) -> Outcome:
    """Damage copies of recorded runs, and read them with every command."""
    outcome = Outcome("damage")
    source = random.Random(seed)
    is_over = timer(seconds)
    originals = [
        recorded.write(paths.runs_dir()).rename(paths.runs_dir() / layout.new_run_id(f"original{number}"))
        for number, recorded in enumerate((recorded_runs.finished(2), recorded_runs.failed()))
    ]
    before = [_digest(original) for original in originals]
    while not is_over():
        original = source.choice(originals)
        copy = paths.runs_dir() / layout.new_run_id("damaged")
        shutil.copytree(original, copy)
        what = _damage_one(copy, source)
        outcome.count("damaged copies")
        others = {"compare": (original.name,), "export": ("-o", "-")}
        # Readers complete a log whose end is missing, so `verify` looks first.
        code, output = command("verify", copy.name)
        if code == ExitCode.INTERNAL_ERROR:
            outcome.problems.append(f"{what}: verify: {output[-300:]}")
        if what.startswith(f"cut {layout.EVENTS}") and code == ExitCode.OK:
            outcome.problems.append(f"{what}: verify finds nothing")
        for words in source.sample(READERS, READ_BY):
            if problem := crash_of(words[0], copy.name, *words[1:], *others.get(words[0], ())):
                outcome.problems.append(f"{what}: {problem}")
        if problem := crash_of("ls"):
            outcome.problems.append(f"{what}: {problem}")
        shutil.rmtree(copy)
    if [_digest(original) for original in originals] != before:
        outcome.problems.append("an undamaged run has changed")
    return outcome


def _damage_one(copy: Path, source: random.Random) -> str:
    """Damage a file of a run; returns what was done."""
    path = copy / source.choice([name for name in FILES if (copy / name).exists()])
    content = path.read_bytes()
    how = source.choice(["cut", "flip", "twice", "without", "empty", "remove"])
    at = source.randrange(max(1, len(content) - 1))
    lines = content.splitlines(keepends=True) or [b""]
    line = source.randrange(len(lines))
    if how == "remove":
        path.unlink()
        return f"remove {path.name}"
    path.write_bytes(_changed(how, content, at, lines, line, 1 << source.randrange(8)) or b"\0")
    return f"{how} {path.name} at {at}, line {line}"


def _changed(how: str, content: bytes, at: int, lines: list[bytes], line: int, bit: int) -> bytes:
    if how == "cut":
        return content[:at]
    if how == "flip":
        return content[:at] + bytes(byte ^ bit for byte in content[at : at + 1]) + content[at + 1 :]
    if how == "twice":
        return b"".join([*lines[: line + 1], *lines[line:]])
    return b"".join([*lines[:line], *lines[line + 1 :]]) if how == "without" else b""


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        digest.update(path.name.encode() + (path.read_bytes() if path.is_file() else b""))
    return digest.hexdigest()
