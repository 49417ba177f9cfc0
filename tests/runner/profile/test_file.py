"""Writing and reading profiles: lossless, and only files that load again."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings

from runner.engines.registry import engines
from runner.engines.torch.profile import TorchProfile
from runner.profile import store as profile_store
from runner.profile.file import (
    ProfileError,
    json_schema,
    load_text,
    save,
    to_yaml,
    with_changes,
)
from runner.schema.base import Profile
from runner.util.errors import UserError
from tests.support.profiles import torch_profiles


def quickstart() -> TorchProfile:
    profile = profile_store.find("quickstart").load()
    assert isinstance(profile, TorchProfile)
    return profile


def named(name: str, description: str = "") -> TorchProfile:
    return msgspec.structs.replace(quickstart(), name=name, description=description)


@given(torch_profiles())
@example(named("1e-5"))
@example(named("007", "1e5"))
@example(named("null", "null"))
@example(named("on", "a: b # c"))
@example(named("x", "\x85\u2028\ufeff\r\n\t\x1b"))
@example(named("x", "\x85"))
@example(named("x", "模型 🚀"))
@settings(max_examples=60, deadline=None)
def test_what_is_written_is_read_back(profile: Profile) -> None:
    assert load_text(to_yaml(profile), "p.yaml") == profile


@given(torch_profiles())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_saving_and_loading(tmp_path: Path, profile: Profile) -> None:
    path = tmp_path / f"{profile.name}.yaml"
    save(profile, path)
    assert profile_store.load_file(path) == profile


def test_small_numbers_are_numbers() -> None:
    text = to_yaml(quickstart()).replace("vocab_size", "rms_norm_eps: 1e-5\n    vocab_size")
    profile = load_text(text, "p.yaml")
    assert isinstance(profile, TorchProfile)
    model = profile.model
    assert msgspec.to_builtins(model)["shape"]["rms_norm_eps"] == 1e-5


@pytest.mark.parametrize(("word", "value"), [("yes", True), ("on", True), ("true", True), ("No", False)])
def test_booleans_of_yaml(word: str, value: bool) -> None:
    text = to_yaml(quickstart()).replace("vocab_size", f"attention_bias: {word}\n    vocab_size")
    profile = load_text(text, "p.yaml")
    assert isinstance(profile, TorchProfile)
    assert profile.model.shape is not None
    assert profile.model.shape.attention_bias is value


def test_saving_leaves_nothing_else_behind(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "quickstart.yaml"
    save(quickstart(), path)
    assert os.listdir(path.parent) == ["quickstart.yaml"]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "profiles" / "quickstart.yaml"
    path.parent.mkdir()
    path.write_text("precious")

    def no_room(source: str, target: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", no_room)
    with pytest.raises(UserError, match="cannot save the profile: No space left on device"):
        save(quickstart(), path)
    assert path.read_text() == "precious"
    assert os.listdir(path.parent) == ["quickstart.yaml"]


def test_what_would_not_load_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "quickstart.yaml"
    bad = msgspec.structs.replace(
        quickstart(), benchmark=msgspec.structs.replace(quickstart().benchmark, num_runs=0, duration=0)
    )
    with pytest.raises(ProfileError, match="nothing would be timed"):
        save(bad, path)
    assert not path.exists()


# --- --set ------------------------------------------------------------------------------------------------


def test_values_are_yaml() -> None:
    changed = with_changes(quickstart(), ["benchmark.batch_size=[1, 8]", "benchmark.num_runs = 7"])
    assert isinstance(changed, TorchProfile)
    assert (changed.benchmark.batch_size, changed.benchmark.num_runs) == ([1, 8], 7)


def test_text_is_text_as_it_stands() -> None:
    changed = with_changes(
        quickstart(), ["launch.env.THREADS=4", "description=a: b # c", "launch.python=", "name=007"]
    )
    assert changed.launch.env == {"THREADS": "4"}
    assert (changed.description, changed.launch.python, changed.name) == ("a: b # c", None, "007")


def test_a_value_may_hold_an_equals_sign() -> None:
    assert with_changes(quickstart(), ["launch.env.A=b=c"]).launch.env == {"A": "b=c"}


def test_the_original_stays_as_it_was() -> None:
    before = quickstart()
    with_changes(before, ["benchmark.num_runs=7"])
    assert before == quickstart()


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        (
            "benchmark.num_run=7",
            "--set benchmark.num_run: unknown key; allowed here: batch_size,"
            " input_output_len, num_runs, duration, warm_up, per_step (did you mean num_runs?)",
        ),
        (
            "benchmark.num_runs=x",
            '--set benchmark.num_runs: the text "x" is not allowed; allowed: a whole'
            " number, 0 or more",
        ),
        (
            "benchmark.num_runs",
            "--set benchmark.num_runs: expected path=value, for example benchmark.num_runs=20",
        ),
        ("=3", "--set =3: expected path=value, for example benchmark.num_runs=20"),
        (
            "parallel.tp=3",
            "--set parallel.tp: tp 3 does not fit 8 query heads, 4 key/value heads and"
            " intermediate_size 1408; allowed: 1, 2, 4, 8",
        ),
    ],
)  # fmt: skip
def test_a_change_that_is_not_allowed(assignment: str, expected: str) -> None:
    with pytest.raises(UserError) as raised:
        with_changes(quickstart(), [assignment])
    assert str(raised.value) == expected


def test_two_changes_that_are_allowed_together_only() -> None:
    together = ["model.shape.num_attention_heads=6", "model.shape.num_key_value_heads=6",
                "model.shape.head_dim=64"]  # fmt: skip
    changed = with_changes(quickstart(), iter(together))
    assert isinstance(changed, TorchProfile)
    assert changed.parallel.tp == 2


# --- the schema for editors -------------------------------------------------------------------------------


def test_the_schema_describes_every_engine() -> None:
    schema = json_schema()
    kinds = schema["$defs"]
    assert {engine.profile.__name__ for engine in engines().values()} <= set(kinds)
    torch = kinds["TorchProfile"]
    assert torch["properties"]["engine"] == {"enum": ["torch"]}
    assert set(torch["required"]) == {"engine", "name", "model"}
    assert torch["additionalProperties"] is False


def test_every_reference_of_the_schema_leads_somewhere() -> None:
    schema = json_schema()

    def references(node: object) -> set[str]:
        if isinstance(node, dict):
            own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            return own.union(*(references(value) for value in node.values())) if node else own
        if isinstance(node, list):
            return set().union(*(references(item) for item in node)) if node else set()
        return set()

    assert references(schema) == {f"#/$defs/{name}" for name in schema["$defs"]}


def test_every_field_says_what_it_is_for() -> None:
    for name, definition in json_schema()["$defs"].items():
        for key, field in definition.get("properties", {}).items():
            if key != "engine" and "$ref" not in str(field):
                assert field.get("description"), f"{name}.{key}"
