"""Write the table of TensorRT-LLM's options from what upstream's argument parsers state.

    table=runner/engines/tensorrt_llm/options_by_version.json
    python -m tests.support.options_by_version FACTS.json > $table

FACTS.json has, for each version and program, every option with its default, choices and type. The table has
one line for each option: from and to which version it has which properties.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

UNSTATED = ("Sentinel.UNSET", "==SUPPRESS==")
"""Defaults of the parsers that stand for no default."""


def table_of(facts: dict[str, dict[str, dict[str, dict[str, Any]]]]) -> dict[str, Any]:
    """Return the table: program -> option -> [first version, last version, properties]."""
    versions = list(facts)
    programs: dict[str, dict[str, list[list[Any]]]] = {}
    for at, version in enumerate(versions):
        for program, options in facts[version].items():
            for option, stated in options.items():
                periods = programs.setdefault(program, {}).setdefault(option, [])
                properties = _compact(stated)
                before = versions[at - 1] if at else ""
                if periods and periods[-1][1] == before and periods[-1][2] == properties:
                    periods[-1][1] = version
                else:
                    periods.append([version, version, properties])
    return {"versions": versions, "programs": programs}


def _compact(stated: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "choices" in stated:
        found["choices"] = list(dict.fromkeys(str(one) for one in stated["choices"] if one is not None))
    default = stated.get("default")
    if default is not None and default not in UNSTATED and "<" not in str(default):
        found["default"] = str(default)
    if stated.get("flag"):
        found["flag"] = True
    elif "choices" not in stated and (kind := _kind(stated)):
        found["type"] = kind
    return found


def _kind(stated: dict[str, Any]) -> str:
    """Return `int` or `float`, as the parser states it or as its default shows; empty for other types."""
    kind = stated.get("type", type(stated.get("default")).__name__)
    return kind if kind in ("int", "float") else ""


def rendered(table: dict[str, Any]) -> str:
    """Return the table as JSON with one line for each option."""
    programs = []
    for program, options in table["programs"].items():
        lines = [f"   {json.dumps(option)}: {json.dumps(periods)}" for option, periods in options.items()]
        programs.append(f"  {json.dumps(program)}: {{\n" + ",\n".join(lines) + "\n  }")
    versions = json.dumps(table["versions"])
    return f'{{\n "versions": {versions},\n "programs": {{\n' + ",\n".join(programs) + "\n }\n}\n"


if __name__ == "__main__":
    print(rendered(table_of(json.loads(Path(sys.argv[1]).read_text()))), end="")
