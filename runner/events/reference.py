"""Write the reference of the event log from the source of the event structs.

`python -m runner.events.reference > docs/event-log.md` updates the page. The source is parsed, not imported,
so that the docstrings below the fields are available.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
BOUNDS = FOLDER.parent / "util" / "bounds.py"
MODULES = {
    "run": "Run, stages and ranks",
    "serving": "Requests in flight",
    "memory": "GPU memory",
    "gpu": "GPUs and telemetry",
    "job": "Jobs of Slurm",
    "node": "Nodes",
}
"""The modules that define events, in the order of the page, each with its heading."""

COMMON_FIELDS = {
    "stage": "number of the stage in the plan, from 0",
    "rank": "number of the rank, from 0",
    "pid": "process id",
    "gpu": "UUID of the GPU",
    "node": "name of the machine, as it names itself",
}
"""Fields that mean the same in every event, so that their structs need not repeat it."""

INTRODUCTION = """\
# The event log

This page is generated from the structs in `runner/events/`. To update it:
`python -m runner.events.reference > docs/event-log.md`.

Each run directory has an `events.jsonl`. It is append-only: one JSON object per line, in UTF-8, in the
order in which the supervisor learned of the events. Every screen, table and report of a run is computed
from this file.

```json
{"kind":"iteration","t":81640912345678,"stage":0,"rank":1,"config":0,"i":7,"phase":"timed","latency_ms":41.7,"generation_ms":39.2,"steps":127}
```

Rules for readers:

- Every event has `kind`, which names its type, and `t`, the reading of `CLOCK_MONOTONIC` in nanoseconds on
  the machine of the run. An iteration carries the reading of its own rank. `run_started` relates `t` to the
  wall clock.
- Skip a line whose `kind` you do not know, and a field that you do not know.
- Skip a line with a number out of the [bounds](#bounds-of-numbers) of its type.
- A field with a default may be missing in logs of earlier versions.
- The last line may be incomplete while the run writes, or after a crash. Ignore it; the next writer repairs
  it.
- Nothing in the log of a finished run changes.

`runner/events/__init__.py` has `decode_lines` and `encode`, `runner/events/journal.py` the writer and the
readers that follow a growing log, `runner/state/run.py` the fold from events to the state of a run.

The types below are those of Python; `None` is `null` in the log, a tuple is an array.
"""


@dataclass(frozen=True)
class Field:
    """One field of an event or of a part of it."""

    name: str
    type: str
    default: str
    """empty: the field is required"""
    text: str


@dataclass(frozen=True)
class EventStruct:
    """One struct of the log: an event, or a part of one."""

    name: str
    kind: str
    """the value of `kind` on the wire; empty for a part of an event"""
    text: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Alias:
    """A named type, such as the values that a status may have."""

    name: str
    value: str
    text: str


def read_module(name: str) -> tuple[list[EventStruct], list[Alias]]:
    """Return the structs and named types of one module of `runner/events`, in the order of the source."""
    body = ast.parse((FOLDER / f"{name}.py").read_text("utf-8")).body
    structs = [_struct(node) for node in body if isinstance(node, ast.ClassDef)]
    return structs, list(_aliases(body))


def _aliases(body: list[ast.stmt]) -> Iterator[Alias]:
    return (
        Alias(node.targets[0].id, ast.unparse(node.value), _text_below(body, index))
        for index, node in enumerate(body)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Subscript)
    )


def as_markdown() -> str:
    """Return the whole page."""
    modules = {name: read_module(name) for name in MODULES}
    lines = [INTRODUCTION, "## Kinds", "", "| kind | written when |", "|---|---|"]
    for structs, _ in modules.values():
        lines += [f"| [`{s.kind}`](#{s.kind}) | {_cell(_summary(s.text))} |" for s in structs if s.kind]
    lines.append("")
    for name, (structs, aliases) in modules.items():
        lines += [f"## {MODULES[name]}", "", f"Source: `runner/events/{name}.py`.", ""]
        for struct in structs:
            lines += _section(struct)
        if aliases:
            lines += ["### Types", "", *_type_table(aliases), ""]
    bounds = _aliases(ast.parse(BOUNDS.read_text("utf-8")).body)
    lines += ["## Bounds of numbers", "", "Source: `runner/util/bounds.py`.", "", *_type_table(bounds)]
    return "\n".join(lines).rstrip() + "\n"


def _type_table(aliases: Iterable[Alias]) -> Iterator[str]:
    yield "| type | values | meaning |"
    yield "|---|---|---|"
    for alias in aliases:
        yield f"| `{alias.name}` | `{_code(alias.value)}` | {_cell(alias.text)} |"


def _section(struct: EventStruct) -> Iterator[str]:
    yield f"### {struct.kind or struct.name}"
    yield ""
    if struct.kind:
        yield f"`{struct.name}`. {struct.text}".rstrip()
    else:
        yield f"Part of other events. {struct.text}".rstrip()
    yield ""
    if not struct.fields:
        return
    yield "| field | type | default | meaning |"
    yield "|---|---|---|---|"
    for field in struct.fields:
        default = f"`{_code(field.default)}`" if field.default else ""
        yield f"| `{field.name}` | `{_code(field.type)}` | {default} | {_cell(field.text)} |"
    yield ""


def _struct(node: ast.ClassDef) -> EventStruct:
    tag = next((word.value for word in node.keywords if word.arg == "tag"), None)
    return EventStruct(
        name=node.name,
        kind=str(tag.value) if isinstance(tag, ast.Constant) else "",
        text=ast.get_docstring(node) or "",
        fields=tuple(
            Field(
                item.target.id,
                ast.unparse(item.annotation),
                _default(item.value),
                _text_below(node.body, index) or COMMON_FIELDS.get(item.target.id, ""),
            )
            for index, item in enumerate(node.body)
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
        ),
    )


def _default(value: ast.expr | None) -> str:
    """Return the default as it is in the log: an empty list for `msgspec.field(default_factory=list)`."""
    if value is None:
        return ""
    if isinstance(value, ast.Call):
        factory = next(word.value for word in value.keywords if word.arg == "default_factory")
        return {"list": "[]", "dict": "{}"}[ast.unparse(factory)]
    return {"None": "null", "()": "[]", "''": '""'}.get(ast.unparse(value), ast.unparse(value))


def _text_below(body: list[ast.stmt], index: int) -> str:
    """Return the string that follows a statement, which documents it."""
    below = body[index + 1] if index + 1 < len(body) else None
    if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
        return str(below.value.value)
    return ""


def _summary(text: str) -> str:
    return text.split("\n\n")[0]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _code(text: str) -> str:
    return text.replace("|", "\\|").replace("'", '"')


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
