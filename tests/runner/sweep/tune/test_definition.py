"""Define a tuning: its axes, its baseline, its goal."""

from __future__ import annotations

import pytest

from runner.engines.registry import engines
from runner.profile.store import find
from runner.profile.sweep import axis_problems
from runner.profile.yaml_file import ProfileError, load_text
from runner.sweep.tune.constraints import parse_constraint
from runner.sweep.tune.definition import define_tuning, parse_budget
from runner.util.errors import UserError
from tests.support.sweeps import TINY
from tests.support.tunings import AXES, ONE, tuning

pytestmark = pytest.mark.usefixtures("mpirun_that_only_plans")


def test_the_baseline_is_the_profile_as_it_is() -> None:
    (cell,) = tuning().cells
    assert dict(cell.values) == {"benchmark.batch_size": "2", "model.dtype": "float32"}
    assert len(cell.configurations) == 1
    assert "tune" not in cell.profile


def test_values_of_the_profile_join_the_axes() -> None:
    profile = load_text(ONE + "tune: {axes: {benchmark.batch_size: [1, 8]}}", "tiny")
    assert define_tuning(profile, ["tokens_per_sec"]).axes[0].values == ["1", "2", "8"]


@pytest.mark.parametrize(
    ("text", "objective", "message"),
    [
        (TINY + AXES, "tokens_per_sec", "has the values [1, 2], and a tuning starts from one"),
        (TINY + "tune: {axes: {parallel.tp: [1, 2]}}", "tokens_per_sec", "it measures 2 configurations"),
        (ONE + "tune: {axes: {parallel.tp: [1]}}", "tokens_per_sec", "every axis has one value only"),
        (ONE + "tune: {axes: {model.seed: {from: 0, to: 999}, benchmark.warm_up: {from: 0, to: 99}}}",
         "tokens_per_sec", "the search space has 100000 points"),
        (ONE + AXES, "iterations", "neither direction of it is better"),
        (ONE + AXES, "tokens", "there is no metric 'tokens'"),
    ],
    ids=["several", "configurations", "nothing", "large", "direction", "unknown"],
)  # fmt: skip
def test_a_mistake_gets_a_sentence(text: str, objective: str, message: str) -> None:
    with pytest.raises(UserError) as raised:
        define_tuning(load_text(text, "tiny"), [objective])
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("{axes: {parallel.tq: [1]}}", "tune.axes.parallel.tq: a profile of torch has no such field"),
        ("{axes: {model.seed: [1]}, conditions: {parallel.tp: {}}}", "conditions.parallel.tp: is no axis"),
        ("{axes: {model.seed: [1], parallel.tp: [1]}, conditions: {model.seed: {parallel.tp: [1]}}}",
         "is no axis before model.seed"),
    ],
    ids=["path", "no-axis", "order"],
)  # fmt: skip
def test_a_wrong_section_is_refused(section: str, message: str) -> None:
    with pytest.raises(ProfileError) as raised:
        load_text(f"{ONE}tune: {section}", "tiny")
    assert message in str(raised.value)


def test_default_axes_are_fields_of_built_in_profiles() -> None:
    seen = set()
    for name in ("quickstart", "qwen2.5-7b-fp16-tp1", "bench-llama-3.1-8b-tp1"):
        profile = find(name).load()
        for path, values in engines()[profile.engine].tune_axes(profile).items():
            assert list(axis_problems(profile.engine, path, values)) == []
            seen.add(profile.engine)
    assert seen == set(engines())


@pytest.mark.parametrize(
    ("text", "margin"),
    [("latency_ms.p95 < 200", 0.693), ("200 > latency_p95_ms", 0.693), ("latency_ms.p95 >= 200", -0.693)],
    ids=["upper", "mirrored", "lower"],
)
def test_a_constraint_has_a_margin(text: str, margin: float) -> None:
    assert parse_constraint(text).margin({"latency_p95_ms": 100.0}) == pytest.approx(margin, abs=1e-3)


def test_the_memory_of_a_gpu_has_a_short_name() -> None:
    assert parse_constraint("gpu_memory_gib < 78").metric.name == "gpu_memory_sampled_gib"


@pytest.mark.parametrize("text", ["latency_ms < baseline", "latency_ms < -1", "2 * latency_ms < 3"])
def test_another_assertion_is_no_constraint(text: str) -> None:
    with pytest.raises(UserError, match="--subject-to"):
        parse_constraint(text)


def test_a_budget_is_a_time() -> None:
    assert (parse_budget("4h"), parse_budget("1h30m"), parse_budget("45s")) == (14400, 5400, 45)
    for text in ("4", "", "h"):
        with pytest.raises(ValueError, match="not a time"):
            parse_budget(text)
