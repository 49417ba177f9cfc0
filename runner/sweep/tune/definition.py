"""Define a tuning: its axes, its baseline, and the frozen sweep."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from runner.engines.registry import find_engine
from runner.profile.sweep import axis_problems, is_inside
from runner.profile.yaml_file import Data, to_data, to_flow
from runner.schema.axes import TuneSection, values_of
from runner.schema.base import Profile
from runner.sweep.spec import SweepAxis, SweepCell, SweepSpec, make_cell, value_text
from runner.sweep.tune.constraints import find_objective, parse_constraint
from runner.sweep.tune.space import Axis, Point, Space
from runner.sweep.tune_terms import MOST_POINTS, TuneAxis, TuneTerms
from runner.util.errors import UserError

TRIALS = 40
"""runs of the search, if neither a number of runs nor a time is given"""
MOST_TRIALS = 400
_PARTS = re.compile(r"(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m)?(?:(?P<s>\d+(?:\.\d+)?)s)?")
Values = tuple[tuple[str, str], ...]


def define_tuning(
    profile: Profile,
    objectives: Sequence[str],
    constraints: Sequence[str] = (),
    *,
    trials: int | None = None,
    budget_s: float = 0.0,
    preflight: bool = True,
    gpu_hz: float = 2.0,
    seed: int = 0,
) -> SweepSpec:
    """Return the frozen sweep of a tuning; its only cell is the baseline.

    Raises:
        UserError: an objective or constraint is not known, there is nothing to choose, the space is too
            large, or the profile measures several configurations.
    """
    names = [find_objective(name).name for name in objectives]
    for text in constraints:
        parse_constraint(text)
    axes = _axes(profile)
    terms = TuneTerms(
        axes=axes,
        objectives=list(dict.fromkeys(names)),
        constraints=list(constraints),
        trials=trials if trials is not None else MOST_TRIALS if budget_s else TRIALS,
        budget_s=budget_s,
        preflight=preflight,
        seed=seed,
    )
    size = space_of(terms).size
    if size > MOST_POINTS:
        sizes = " x ".join(f"{len(axis.values)} of {axis.path}" for axis in axes)
        raise UserError(
            f"the search space has {size} points ({sizes}); allowed: at most {MOST_POINTS}",
            hint="use fewer values in tune.axes, or fewer axes",
        )
    return SweepSpec(
        name=profile.name,
        kind="tune",
        engine=profile.engine,
        created=time.time(),
        axes=[SweepAxis(axis.path, [value_text(value) for value in axis.values]) for axis in axes],
        cells=[_baseline(profile, terms)],
        gpu_hz=gpu_hz,
        tune=terms,
    )


def _axes(profile: Profile) -> list[TuneAxis]:
    """Return the axes of a profile, else the default ones of its engine, with its own values added."""
    section: TuneSection | None = getattr(profile, "tune", None)
    given = dict(section.axes) if section is not None else {}
    conditions = section.conditions if section is not None else {}
    wanted = given or find_engine(profile.engine).tune_axes(profile)
    if not wanted:
        raise UserError(
            f"{profile.name}: the engine {profile.engine} has no default search space",
            hint="write one into the profile: `tune: {axes: {PATH: [VALUES]}}`",
        )
    axes = []
    for path, notation in wanted.items():
        values = values_of(notation)
        if not given:
            values = [value for value in values if not list(axis_problems(profile.engine, path, [value]))]
        own = own_value(profile, path)
        if own not in values:
            values = _sorted([own, *values])
        if len(values) > 1:
            axes.append(TuneAxis(path=path, values=values, only_if=conditions.get(path, {})))
    if not axes:
        raise UserError(f"{profile.name}: every axis has one value only, so there is nothing to choose")
    return axes


def _sorted(values: list[Any]) -> list[Any]:
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in values)
    return sorted(values) if numbers else values


def own_value(profile: Profile, path: str) -> Any:
    """Return the value of a field, of a list that one run measures its only one; null for an empty one.

    Raises:
        UserError: the list has several values.
    """
    found: Any = profile
    for name in path.split("."):
        found = getattr(found, name, None)
    if not is_inside(profile.engine, path):
        return found
    values = list(found or ())
    if len(values) > 1:
        raise UserError(
            f"{profile.name}: {path} has the values {to_flow(values)}, and a tuning starts from one",
            hint=f"--set {path}='{to_flow(values[:1])}' chooses one",
        )
    return values[0] if values else None


def space_of(terms: TuneTerms) -> Space:
    """Return the search space of frozen terms."""
    return Space(tuple(Axis(axis.path, tuple(_hashable(axis.values)), axis.only_if) for axis in terms.axes))


def _hashable(values: Sequence[Any]) -> list[Any]:
    return [tuple(one) if isinstance(one, list) else one for one in values]


def base_data(profile: Profile) -> Data:
    """Return the plain data that the cells of a tuning are made from."""
    data = to_data(profile)
    data.pop("sweep", None)
    data.pop("tune", None)
    return data


def cell_at(number: int, engine: str, base: Mapping[str, Any], values: Mapping[str, Any]) -> SweepCell:
    """Return the cell of a point; it is refused if it is no valid profile or measures several configurations.

    Args:
        number: of the cell.
        engine: of the profile.
        base: of `base_data`.
        values: by path, as `Space.values_at` returns them.
    """
    set_to = {path: _as_field(engine, path, value) for path, value in values.items()}
    made = make_cell(number, base, set_to)
    named = values_text(values)
    why = made.refused or made.left_out
    if not why and len(made.configurations) != 1:
        why = f"it measures {len(made.configurations)} configurations in one run; a tuning needs one"
    if why:
        return SweepCell(number=number, values=named, refused=why)
    return SweepCell(number=number, values=named, profile=made.profile, configurations=made.configurations)


def values_text(values: Mapping[str, Any]) -> Values:
    """Return the values of a point as a cell has them."""
    return tuple((path, value_text(value)) for path, value in values.items())


def _as_field(engine: str, path: str, value: Any) -> Any:
    if not is_inside(engine, path):
        return value
    return [] if value is None else [value]


def _baseline(profile: Profile, terms: TuneTerms) -> SweepCell:
    values = {axis.path: own_value(profile, axis.path) for axis in terms.axes}
    space = space_of(terms)
    cell = cell_at(0, profile.engine, base_data(profile), space.values_at(baseline_point(space, values)))
    if cell.refused:
        raise UserError(
            f"{profile.name}: {cell.refused}",
            hint="--set changes a field, like --set 'benchmark.input_output_len=[[128, 128]]'",
        )
    return cell


def baseline_point(space: Space, values: Mapping[str, Any]) -> Point:
    """Return the point of the profile's own values."""
    wanted = {path: tuple(value) if isinstance(value, list) else value for path, value in values.items()}
    for point in space.points():
        if all(wanted[path] == value for path, value in space.values_at(point).items()):
            return point
    raise AssertionError("the values of the profile are part of every axis")


def parse_budget(text: str) -> float:
    """Return the seconds of `4h`, `90m`, `1h30m` or `45s`.

    Raises:
        ValueError: it is something else, or nothing.
    """
    found = _PARTS.fullmatch(text.strip())
    if found is None or not text.strip():
        raise ValueError(f"{text!r} is not a time; allowed: like 4h, 90m, 1h30m")
    parts = {unit: float(number) for unit, number in found.groupdict().items() if number}
    return parts.get("h", 0.0) * 3600 + parts.get("m", 0.0) * 60 + parts.get("s", 0.0)
