"""A run as a JSON document with a version, and the JSON Schema of the document.

The version is increased when a reader of an older version would misread the document. A new field does not
increase it.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache
from typing import Any, BinaryIO, Literal

import msgspec

from runner import events
from runner.export.run_data import RunData
from runner.metrics import Metric, ceiling, memory_map
from runner.report import environment, model, result_table
from runner.report.model import Report
from runner.util.foreign_text import ascii_json

VERSION: Literal[1] = 1
FORMAT: Literal["trtbench-tui run"] = "trtbench-tui run"


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """The definition of a metric of the report."""

    name: str
    """the `metric` of cells"""
    title: str
    unit: str
    group: str
    better: Literal["lower", "higher", "neither"]
    formula: str
    source: str
    upstream_key: str = ""
    """key of the same quantity in the line that the engine prints"""
    count: str = ""
    """what the n of this number counts"""
    conditions: str = ""
    """when the number is missing or unreliable, and what to consider when comparing it"""


class StageCommand(msgspec.Struct, frozen=True, kw_only=True):
    """One stage as it was started."""

    stage: str
    argv: list[str]
    cwd: str
    env: dict[str, str]
    """variables that the stage added to its environment"""
    ranks: int
    skipped: str = ""
    """reason why it did not run"""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A run of trtbench-tui: its report, environment, commands and the definition of every metric."""

    format: Literal["trtbench-tui run"]
    version: Literal[1]
    """version of this format"""
    report: Report
    environment: environment.Environment
    commands: list[StageCommand]
    metrics: list[Definition]


def build_document(data: RunData) -> Document:
    return Document(
        format=FORMAT,
        version=VERSION,
        report=data.report,
        environment=data.environment,
        commands=[
            StageCommand(
                stage=stage.name,
                argv=stage.argv,
                cwd=stage.cwd,
                env=stage.env,
                ranks=stage.ranks,
                skipped=stage.skip,
            )
            for stage in data.plan.stages
        ],
        metrics=[_definition(row.metric) for row in result_table.build_table(data.report).rows],
    )


def _definition(metric: Metric) -> Definition:
    return Definition(
        name=metric.name,
        title=metric.title,
        unit=metric.unit,
        group=metric.group,
        better=metric.better,
        formula=metric.formula,
        source=metric.source,
        upstream_key=metric.upstream_key,
        count=metric.count,
        conditions=metric.conditions,
    )


def write(data: RunData, out: BinaryIO) -> None:
    out.write(msgspec.json.format(ascii_json(msgspec.json.encode(build_document(data)))) + b"\n")


# --- the schema --------------------------------------------------------------------------------------------


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the document, with the descriptions of the fields from the code."""
    schema: dict[str, Any] = msgspec.json.schema(Document)
    structs = {
        kind.__name__: kind for module in _MODULES for kind in vars(module).values() if _is_struct(kind)
    }
    structs |= {kind.__name__: kind for kind in (Definition, StageCommand, Document)}
    for name, definition in schema["$defs"].items():
        if "properties" not in definition:  # an enumeration
            continue
        for field, text in _field_texts(structs[name]).items():
            definition["properties"][field].setdefault("description", text)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{FORMAT}, version {VERSION}",
        **schema,
    }


_MODULES = (model, ceiling, memory_map, environment, events)


def _is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


@cache
def _field_texts(kind: type) -> dict[str, str]:
    """Return the description of each field: the string below it in the definition of the struct."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(definition, ast.ClassDef)
    texts = {}
    for field, text in zip(definition.body, definition.body[1:], strict=False):
        if not isinstance(field, ast.AnnAssign) or not isinstance(text, ast.Expr):
            continue
        if isinstance(text.value, ast.Constant):
            texts[ast.unparse(field.target)] = inspect.cleandoc(str(text.value.value))
    return texts
