"""Every number in a file that another machine or user may have written has bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import inspect

from runner.events import AnyEvent, RankRecord
from runner.history.baseline import Baseline
from runner.history.labels import LabelChange
from runner.plan.plan import Plan
from runner.report.model import Report, Summary
from runner.run.job import Job
from runner.sweep.directory import AnyLogEntry
from runner.sweep.spec import SweepSpec


def unbounded(kind: Any, path: str, known: set[type]) -> Iterator[str]:
    """Yield the paths of numbers that may be of any size."""
    match kind:
        case inspect.IntType() | inspect.FloatType():
            if None in (kind.ge, kind.le):
                yield path
        case inspect.StructType():
            if kind.cls not in known:
                known.add(kind.cls)
                for field in kind.fields:
                    yield from unbounded(field.type, f"{kind.cls.__name__}.{field.name}", known)
        case inspect.UnionType():
            for one in kind.types:
                yield from unbounded(one, path, known)
        case inspect.ListType() | inspect.VarTupleType():
            yield from unbounded(kind.item_type, path, known)
        case inspect.TupleType():
            for one in kind.item_types:
                yield from unbounded(one, path, known)
        case inspect.DictType():
            yield from unbounded(kind.value_type, path, known)


@pytest.mark.parametrize(
    "content",
    [AnyEvent, RankRecord, Plan, Report, Summary, SweepSpec, AnyLogEntry, Baseline, LabelChange, Job],
    ids=["log", "rank", "plan", "report", "summary", "sweep", "log of a sweep", "baseline", "labels", "job"],
)
def test_every_number_has_bounds(content: Any) -> None:
    assert list(unbounded(inspect.type_info(content), "", set())) == []
