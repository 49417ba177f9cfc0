"""The JSON of a run: one document with a version, and the JSON Schema that describes it.

The version is raised when a reader of an older one would misread the document; a new field does not raise it.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache
from typing import Any, BinaryIO, Literal

import msgspec

from runner import events
from runner.export.run_data import Subject
from runner.metrics import Metric
from runner.report import environment, model, result_table
from runner.report.model import Report

VERSION: Literal[1] = 1
FORMAT: Literal["trtbench-tui run"] = "trtbench-tui run"


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """What a metric of the report means."""

    name: str
    """the `metric` of rows"""
    title: str
    unit: str
    group: str
    better: Literal["lower", "higher", "neither"]
    formula: str
    source: str
    upstream_key: str = ""
    """key of the engine's printed line that states the same quantity"""
    count: str = ""
    """what the n of this number counts"""
    conditions: str = ""
    """when there is no number, when it means little, and what to know before comparing it"""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One stage as it was started."""

    stage: str
    argv: list[str]
    cwd: str
    env: dict[str, str]
    """what the stage added to the environment it was started in"""
    ranks: int
    skipped: str = ""
    """why it was not run"""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A run of trtbench-tui: what was measured, where, how, and what every number means."""

    format: Literal["trtbench-tui run"]
    version: Literal[1]
    """of this format"""
    report: Report
    environment: environment.Environment
    commands: list[Command]
    metrics: list[Definition]


def document_of(subject: Subject) -> Document:
    return Document(
        format=FORMAT,
        version=VERSION,
        report=subject.report,
        environment=subject.environment,
        commands=[
            Command(
                stage=stage.name,
                argv=stage.argv,
                cwd=stage.cwd,
                env=stage.env,
                ranks=stage.ranks,
                skipped=stage.skip,
            )
            for stage in subject.plan.stages
        ],
        metrics=[_definition(line.metric) for line in result_table.grid_of(subject.report).lines],
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


def write(subject: Subject, out: BinaryIO) -> None:
    out.write(msgspec.json.format(msgspec.json.encode(document_of(subject))) + b"\n")


# --- the schema --------------------------------------------------------------------------------------------


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the document, with what the code says about each field."""
    schema: dict[str, Any] = msgspec.json.schema(Document)
    described = {
        kind.__name__: kind for module in _MODULES for kind in vars(module).values() if _is_struct(kind)
    }
    described |= {kind.__name__: kind for kind in (Definition, Command, Document)}
    for name, definition in schema["$defs"].items():
        for field, text in _said(described[name]).items():
            definition["properties"][field].setdefault("description", text)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"{FORMAT}, version {VERSION}",
        **schema,
    }


_MODULES = (model, environment, events)


def _is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


@cache
def _said(kind: type) -> dict[str, str]:
    """Field -> the text that stands below it in the definition of a struct."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(definition, ast.ClassDef)
    said = {}
    for field, text in zip(definition.body, definition.body[1:], strict=False):
        if not isinstance(field, ast.AnnAssign) or not isinstance(text, ast.Expr):
            continue
        if isinstance(text.value, ast.Constant):
            said[ast.unparse(field.target)] = inspect.cleandoc(str(text.value.value))
    return said
