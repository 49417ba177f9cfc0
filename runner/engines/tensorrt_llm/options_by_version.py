"""Which options each version of TensorRT-LLM's programs has, with their choices and defaults.

`options_by_version.json` is made from the argument parsers of some releases, by
`tests/support/options_by_version.py`. A version between two of them is known only where both agree. `ADDED`
has what release notes and documentation state about other releases. The `--help` of the installed program
decides where it can be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

import msgspec

from runner.engines.tensorrt_llm.versions import Version

TABLE = Path(__file__).with_name("options_by_version.json")


class Presence(Enum):
    """Whether a version of a program has an option."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Properties(msgspec.Struct, frozen=True):
    """What an argument parser states about an option."""

    choices: tuple[str, ...] = ()
    default: str = ""
    flag: bool = False
    type: str = ""
    """int or float; empty: text, or not stated"""


class _Table(msgspec.Struct, frozen=True):
    versions: list[str]
    programs: dict[str, dict[str, list[tuple[str, str, Properties]]]]


@dataclass(frozen=True)
class _Option:
    """An option of a program: each release where it is known, in order, with its properties or None."""

    points: tuple[tuple[Version, Properties | None], ...]


_FROM_0_17 = dict.fromkeys(
    ("backend", "tp", "pp", "warmup", "max_seq_len", "extra_llm_api_options", "concurrency"),
    (("0.17.0", True),),
)
_GONE_IN_0_17 = (("0.17.0", False), ("0.18.1", False))
_NO_ENGINES = (("1.3.0rc26", False),)
ADDED: dict[str, dict[str, tuple[tuple[str, bool], ...]]] = {
    "bench group": {"telemetry": (("1.3.0rc3", False),)},
    "bench build": dict.fromkeys(("tp_size", "dataset"), _NO_ENGINES),
    "bench throughput": {
        **_FROM_0_17,
        "ep": (*_GONE_IN_0_17, ("0.19.0", True)),
        "report_json": _GONE_IN_0_17,
        "iteration_log": (*_GONE_IN_0_17, ("0.19.0", True)),
        "engine_dir": _NO_ENGINES,
        "disable_chunked_context": (("1.1.0", True),),
        "sampler_options": (("1.1.0", True),),
        "custom_module_dirs": (("1.1.0", True),),
    },
    "bench latency": {
        "report_json": _GONE_IN_0_17,
        "iteration_log": _GONE_IN_0_17,
        "engine_dir": _NO_ENGINES,
    },
}
"""Program -> option -> releases that have it (True) or not, in addition to the table."""


@cache
def _table() -> _Table:
    return msgspec.json.decode(TABLE.read_bytes(), type=_Table)


@cache
def _options(program: str) -> dict[str, _Option]:
    """Return the options of a program by name without dashes."""
    table = _table()
    points: dict[str, dict[str, Properties | None]] = {}
    for names, periods in table.programs.get(program, {}).items():
        for name in names.split("/"):
            known = points.setdefault(name.lstrip("-"), dict.fromkeys(table.versions))
            for first, last, properties in periods:
                covered = table.versions[table.versions.index(first) : table.versions.index(last) + 1]
                known |= dict.fromkeys(covered, properties)
    for name, releases in ADDED.get(program, {}).items():
        known = points.setdefault(name, {})
        newest = next((found for found in reversed(known.values()) if found is not None), Properties())
        known |= {text: newest if has else None for text, has in releases}
    return {name: _Option(_in_order(known)) for name, known in points.items()}


def _in_order(known: dict[str, Properties | None]) -> tuple[tuple[Version, Properties | None], ...]:
    found = ((Version.parse(text), properties) for text, properties in known.items())
    return tuple(sorted(found, key=lambda point: point[0].exact))


def programs() -> list[str]:
    """Return the programs of the table: `build`, `convert qwen`, `bench throughput` ..."""
    return list(_table().programs)


def option_names(program: str) -> list[str]:
    """Return the options of a program in any version, without dashes."""
    return list(_options(program))


def presence(program: str, option: str, version: Version) -> Presence:
    """Return whether a version of a program has an option; UNKNOWN for a program that is not in the table."""
    if program not in _table().programs:
        return Presence.UNKNOWN
    found = _options(program).get(option)
    if found is None:
        return Presence.NO
    around = {properties is not None for properties in _neighbours(found, version)}
    if len(around) > 1:
        return Presence.UNKNOWN
    return Presence.YES if True in around else Presence.NO


def properties_of(program: str, option: str, version: Version) -> Properties | None:
    """Return choices and default of an option; None where the version lacks it or they are not known."""
    found = _options(program).get(option)
    if found is None:
        return None
    around = set(_neighbours(found, version))
    return around.pop() if len(around) == 1 else None


def every_form(program: str, option: str) -> list[Properties]:
    """Return the different properties that an option has had, oldest first; empty for an unknown one."""
    found = _options(program).get(option)
    return list(dict.fromkeys(known for _, known in found.points if known is not None)) if found else []


def since(program: str, option: str, version: Version) -> str:
    """Return when a missing option exists: `0.15.0 is the first version known to have it`."""
    found = _options(program).get(option)
    having = [known for known, properties in found.points if properties is not None] if found else []
    if not having:
        return ""
    later = [known for known in having if known.exact > version.exact]
    if later:
        return f"{later[0]} is the first version known to have it"
    return f"{having[-1]} is the last version known to have it"


def _neighbours(option: _Option, version: Version) -> list[Properties | None]:
    """Return what is known of the release itself, else of the nearest ones before and after it."""
    before = [point for point in option.points if point[0].exact <= version.exact]
    after = [point for point in option.points if point[0].exact >= version.exact]
    if before and before[-1][0].exact == version.exact:
        return [before[-1][1]]
    return [point[1] for point in (*before[-1:], *after[:1])]
