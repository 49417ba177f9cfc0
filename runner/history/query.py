"""Filter runs: `qwen status:failed since:7d -tag:bad tokens:>1000`.

Terms are separated by spaces and must all match; `-` negates a term, commas in a value mean "or", `*` and `?`
are wildcards, and quotes keep spaces. A word without a key is searched in profile, name, state, engine, tags,
note and id.
"""

from __future__ import annotations

import difflib
import operator
import re
import time
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import get_args

from runner.history.run_entry import RunEntry
from runner.state.job import JOB_END_WORDS, state_word
from runner.state.run import LiveStatus
from runner.util.errors import UserError

Test = Callable[[RunEntry], bool]

_TERM = re.compile(r'(?P<negated>-?)(?:(?P<key>[A-Za-z]+):)?(?P<value>"[^"]*"?|\S*)')
_STATES = (*get_args(LiveStatus), *JOB_END_WORDS.values(), "ended", "active", "foreign")
_OPERATORS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq}
_COMPARISON = re.compile(r"(>=|<=|>|<|=|)(\d+(?:\.\d+)?)([A-Za-z]*)")
_SECONDS: dict[str, float] = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_COUNTS: dict[str, float] = {"": 1, "k": 1e3}
_BYTES: dict[str, float] = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T_](\d{2}):(\d{2}))?")

GRAMMAR = (
    ("word", "in profile, name, state, engine, tags, note or id"),
    ("profile:", "part of the profile name; * and ? are wildcards"),
    ("status:", "running, finished, failed, stopped, lost ...; ended, active; foreign: not a run"),
    ("engine:", "part of the engine name"),
    ("gpu:", "part of the name of a GPU of the run"),
    ("host:", "part of the machine name"),
    ("tag:", "a tag; `tag:*` has any, `-tag:*` has none"),
    ("name:", "part of the run name"),
    ("note:", "part of the note"),
    ("sweep:", "part of the id of its sweep"),
    ("since: until:", "2026-01-31, 2026-01-31_14:00, today, yesterday, or an age: 90min, 12h, 3d, 2w"),
    ("took:", "duration: >1h, <30s"),
    ("tokens:", "tokens/s of its best configuration: >1000, >=1.5k"),
    ("latency:", "mean latency in ms of the same configuration: <50"),
    ("warnings:", "number of warnings: 0, >0"),
    ("disk:", "disk usage: >1G"),
    ("-term", "negates a term; status:failed,lost: one of them; quotes keep spaces"),
)
"""The terms and their meanings, for help."""


def filter_entries(entries: Iterable[RunEntry], text: str, *, now: float | None = None) -> list[RunEntry]:
    """Return the runs that match a filter, in their order.

    Args:
        entries: the runs.
        text: the filter; an empty one matches every run.
        now: seconds since 1970; ages are relative to it.

    Raises:
        UserError: a term is invalid.
    """
    tests = parse_filter(text, time.time() if now is None else now)
    return [entry for entry in entries if all(test(entry) for test in tests)]


def parse_filter(text: str, now: float) -> list[Test]:
    """Parse a filter into one predicate for each term.

    Raises:
        UserError: a term is invalid.
    """
    tests = []
    for found in _TERM.finditer(text):
        key, value = found["key"], found["value"].strip('"')
        if key is None and not found["value"]:
            if found["negated"]:
                raise UserError("a `-` negates the term after it, but no term follows")
            continue
        if key is not None and not value:
            raise UserError(f"{key}: needs a value: {_meaning(key.lower())}")
        test = _word(value) if key is None else _keyed(key.lower(), value, now)
        tests.append(_not(test) if found["negated"] else test)
    return tests


def needs_disk(text: str) -> bool:
    """Check whether a filter needs the disk usage of runs, which has to be measured first."""
    return any((found["key"] or "").lower() == "disk" for found in _TERM.finditer(text))


def _not(test: Test) -> Test:
    return lambda entry: not test(entry)


def _meaning(key: str) -> str:
    """Return the meaning of a key.

    Raises:
        UserError: there is no such key.
    """
    for keys, meaning in GRAMMAR:
        if f"{key}:" in keys.split():
            return meaning
    known = [key[:-1] for keys, _ in GRAMMAR for key in keys.split() if key.endswith(":")]
    close = difflib.get_close_matches(key, known, n=1)
    suggestion = f"did you mean {close[0]}:?" if close else f"known: {', '.join(known)}"
    raise UserError(f'unknown key {key}: ({suggestion}; a word with a colon needs quotes: "{key}:...")')


def _word(text: str) -> Test:
    matches = _matcher(text)

    def test(entry: RunEntry) -> bool:
        tags = " ".join(entry.tags)
        state = "no run" if entry.foreign else f"{entry.status}\n{state_word(entry.status, entry.job_end)}"
        words = f"{entry.profile}\n{entry.name}\n{state}\n{entry.engine}\n{tags}\n{entry.note}\n{entry.run}"
        return matches(words.lower())

    return test


def _matcher(pattern: str) -> Callable[[str], bool]:
    """Return a predicate: a lower-case text contains the pattern, or matches it if it has wildcards."""
    pattern = pattern.lower()
    if "*" in pattern or "?" in pattern:
        return lambda text: fnmatchcase(text, f"*{pattern}*")
    return lambda text: pattern in text


def _keyed(key: str, value: str, now: float) -> Test:
    meaning = _meaning(key)
    if key in ("since", "until"):
        moment = _moment(value, now, key)
        if key == "since":
            return lambda entry: entry.started >= moment
        return lambda entry: 0 < entry.started < moment
    if key in _NUMBERS:
        read, units, usual = _NUMBERS[key]
        return _compared(key, value, read, units, usual, meaning)
    alternatives = [part for part in value.split(",") if part]
    if not alternatives:
        raise UserError(f"{key}: needs a value: {meaning}")
    if key == "status":
        return _any([_status(part.lower()) for part in alternatives])
    if key == "tag":
        return _any([_tag(part.lower()) for part in alternatives])
    return _any([_text(_TEXTS[key], part) for part in alternatives])


def _any(tests: list[Test]) -> Test:
    return tests[0] if len(tests) == 1 else lambda entry: any(test(entry) for test in tests)


_TEXTS: dict[str, Callable[[RunEntry], str]] = {
    "profile": lambda entry: entry.profile,
    "engine": lambda entry: entry.engine,
    "gpu": lambda entry: " ".join(entry.gpus),
    "host": lambda entry: entry.host,
    "name": lambda entry: entry.name,
    "note": lambda entry: entry.note,
    "sweep": lambda entry: entry.sweep.sweep if entry.sweep else "",
}


def _text(read: Callable[[RunEntry], str], pattern: str) -> Test:
    pattern = pattern.lower()
    if "*" in pattern or "?" in pattern:
        return lambda entry: fnmatchcase(read(entry).lower(), pattern)
    return lambda entry: pattern in read(entry).lower()


def _tag(pattern: str) -> Test:
    return lambda entry: any(fnmatchcase(tag.lower(), pattern) for tag in entry.tags)


def _status(word: str) -> Test:
    meant = [state for state in _STATES if state.startswith(word)]
    if not meant:
        raise UserError(f"{word!r} is no status; allowed: {', '.join(_STATES)}")

    def test(entry: RunEntry) -> bool:
        if entry.foreign:
            return "foreign" in meant
        word = state_word(entry.status, entry.job_end)
        return word in meant or entry.status in meant or ("ended" if entry.ended else "active") in meant

    return test


# --- numbers and times -------------------------------------------------------------------------------------

Read = Callable[[RunEntry], "float | None"]


def _tokens_per_sec(entry: RunEntry) -> float | None:
    return entry.best.tokens_per_sec if entry.best else None


def _latency_ms(entry: RunEntry) -> float | None:
    return entry.best.latency_ms if entry.best else None


_NUMBERS: dict[str, tuple[Read, dict[str, float], str]] = {
    "took": (lambda entry: entry.seconds if entry.started else None, {"": 1, **_SECONDS}, ">1h or <30s"),
    "tokens": (_tokens_per_sec, _COUNTS, ">1000"),
    "latency": (_latency_ms, {"": 1, "ms": 1, "s": 1000}, "<50"),
    "warnings": (lambda entry: entry.flags, {"": 1}, "0 or >0"),
    "disk": (lambda entry: entry.disk, _BYTES, ">1G"),
}
"""value, units and an example"""


def _compared(key: str, value: str, read: Read, units: dict[str, float], usual: str, meaning: str) -> Test:
    found = _COMPARISON.fullmatch(value)
    if found is None or found[3].lower() not in units:
        allowed = ", ".join(unit for unit in units if unit)
        with_units = f" with an optional unit ({allowed})" if allowed else ""
        raise UserError(f"{key}:{value} is invalid: expected a number{with_units}, like {key}:{usual}")
    holds = _OPERATORS[found[1] or "="]
    bound = float(found[2]) * units[found[3].lower()]

    def test(entry: RunEntry) -> bool:
        number = read(entry)
        return number is not None and holds(number, bound)

    return test


def _moment(value: str, now: float, key: str) -> float:
    """Return a date, a time or an age as seconds since 1970."""
    local = time.localtime(now)
    if value in ("today", "yesterday"):
        return time.mktime(
            (local.tm_year, local.tm_mon, local.tm_mday - (value == "yesterday"), 0, 0, 0, 0, 0, -1)
        )
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([a-z]+)", value)
    if found and found[2] in _SECONDS:
        return now - float(found[1]) * _SECONDS[found[2]]
    day = _DAY.fullmatch(value)
    if day is not None:
        year, month, monthday, hour, minute = (int(part or 0) for part in day.groups())
        try:
            time.strptime(f"{year}-{month}-{monthday} {hour}:{minute}", "%Y-%m-%d %H:%M")
        except ValueError:
            pass
        else:
            return time.mktime((year, month, monthday, hour, minute, 0, 0, 0, -1))
    raise UserError(f"{key}:{value} is no time: {_meaning(key)}")
