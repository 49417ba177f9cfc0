"""The options of trtllm-bench, version by version, parsed and explained as click does.

They are those of the table of options. Versions that the table does not have are its last version before
them, and what was added since.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

Number = tuple[int, ...]
Options = dict[str, "tuple[str, ...] | None"]
"""Name -> choices, empty: any value; None: a flag"""

ROOT = Path(__file__).resolve().parents[3]
TABLE: dict[str, Any] = json.loads(
    (ROOT / "runner" / "engines" / "tensorrt_llm" / "options_by_version.json").read_text()
)
BACKENDS = ("pytorch", "_autodeploy")
_ADDED: list[tuple[str, Number, Number, Options]] = [
    ("throughput", (0, 17), (1, 0), {
        "backend": BACKENDS, "tp": (), "pp": (), "warmup": (), "max_seq_len": (), "concurrency": (),
        "extra_llm_api_options": (),
    }),
    ("throughput", (0, 18), (1, 0), {"eos_id": (), "enable_chunked_context": None}),
    ("throughput", (0, 19), (1, 0), {"ep": (), "iteration_log": (), "report_json": ()}),
    ("throughput", (1, 1), (1, 3), {"disable_chunked_context": None}),
    ("latency", (0, 19), (1, 0), {"concurrency": (), "iteration_log": (), "report_json": ()}),
]  # fmt: skip
"""Part, first version, first version that the table has, options."""
_REMOVED = {("throughput", (0, 17)): "iteration_log", ("throughput", (0, 18)): "iteration_log"}


def options_of(part: str, version: Number) -> Options:
    """Options of a part of the tool."""
    versions = [known for known in TABLE["versions"] if "dev" not in known]
    known = [found for found in versions if _numbers(found) <= version][-1]
    order = TABLE["versions"].index
    found: Options = {}
    for names, periods in TABLE["programs"][f"bench {part}"].items():
        for first, last, stated in periods:
            if order(first) <= order(known) <= order(last):
                choices = None if stated.get("flag") else tuple(stated.get("choices", ()))
                found |= {name.lstrip("-"): choices for name in names.split("/") if name.startswith("--")}
    for where, begin, end, options in _ADDED:
        if where == part and begin <= version < end:
            found |= options
    found.pop(_REMOVED.get((part, version), ""), None)
    return found


def _numbers(version: str) -> Number:
    return tuple(int(part) for part in version.split(".")[:2])


def parse(words: list[str], version: Number) -> tuple[dict[str, str], str, dict[str, str]]:
    """Options of the group, the command, and its options; exits as click does when they are wrong."""
    rest = list(words)
    group = _take(rest, "group", version)
    if not rest:
        fail("Missing command.")
    command = rest.pop(0)
    if "model" not in group:
        fail("Missing option '--model' / '-m'.")
    if command not in ("build", "throughput", "latency") or not options_of(command, version):
        fail(f"No such command '{command}'.")
    options = _take(rest, command, version)
    if rest:
        fail(f"Got unexpected extra argument ({rest[0]})")
    return {"workspace": "/tmp"} | group, command, options


def _take(rest: list[str], part: str, version: Number) -> dict[str, str]:
    known = options_of(part, version)
    found: dict[str, str] = {}
    while rest and rest[0].startswith("--"):
        name = rest.pop(0).removeprefix("--")
        if name == "help":
            explain(part, known)
        if name not in known:
            fail(f"No such option: --{name}")
        choices = known[name]
        if choices is None:
            found[name] = ""
            continue
        if not rest:
            fail(f"Option '--{name}' requires an argument.")
        found[name] = rest.pop(0)
        if choices and found[name] not in choices:
            fail(f"Invalid value for '--{name}': {found[name]!r} is not one of {', '.join(choices)}.")
    return found


def explain(part: str, known: Options) -> None:
    """What --help prints."""
    name = "trtllm-bench" if part == "group" else f"trtllm-bench {part}"
    print(f"Usage: {name} [OPTIONS]\n\n  Run a benchmark.\n\nOptions:\n  Engine run configuration.:")
    for option, choices in known.items():
        kind = "" if choices is None else f" [{'|'.join(choices)}]" if choices else " TEXT"
        print(f"    {f'--{option}{kind}':<38}  What it does; not --another one.  [default: 1]")
    print("  --help                                Show this message and exit.")
    sys.exit(0)


def fail(text: str) -> None:
    print(
        f"Usage: trtllm-bench [OPTIONS]\nTry 'trtllm-bench --help' for help.\n\nError: {text}",
        file=sys.stderr,
    )
    sys.exit(2)
