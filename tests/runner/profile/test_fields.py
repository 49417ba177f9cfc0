"""A profile as a flat list of fields, and setting a field from typed text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from runner.engines.torch.profile import TorchProfile
from runner.profile import store as profile_store
from runner.profile.fields import Field, default_at, edit_field, fields
from runner.profile.yaml_file import ProfileError
from runner.schema.base import Profile
from tests.support.profiles import torch_profiles


def quickstart() -> TorchProfile:
    profile = profile_store.find("quickstart").load()
    assert isinstance(profile, TorchProfile)
    return profile


def field(profile: Profile, path: str) -> Field:
    return next(found for found in fields(profile) if found.path == path)


def test_kinds_texts_and_what_is_allowed() -> None:
    profile = quickstart()
    shown = {
        path: (found.kind, found.text, found.default, found.allowed, found.unit)
        for path in ("model.dtype", "model.shape.head_dim", "benchmark.batch_size", "benchmark.duration",
                     "launch.python", "launch.env")
        for found in [field(profile, path)]
    }  # fmt: skip
    assert shown == {
        "model.dtype": ("choice", "float32", "float32", "bfloat16, float16, float32", ""),
        "model.shape.head_dim": ("number", "", "", "a whole number, 1 or more, or empty", ""),
        "benchmark.batch_size": (
            "yaml", "[1, 4]", "[8]", "a list like [a, b]; each item: a whole number, 1 or more", ""
        ),
        "benchmark.duration": ("number", "0", "60", "a whole number, 0 or more", "s"),
        "launch.python": ("text", "", "", "text, or empty", ""),
        "launch.env": ("yaml", "{}", "{}", "keys and texts", ""),
    }  # fmt: skip


def test_every_field_of_built_in_profiles_has_help() -> None:
    for stored in profile_store.list_profiles():
        for found in fields(stored.load()):
            assert found.help, found.path
            assert found.allowed, found.path
            assert found.label == found.path.split(".")[-1]
            assert not found.choices or found.text in found.choices, found.path


@given(torch_profiles())
@settings(max_examples=12, deadline=None)
def test_typing_what_is_shown_changes_nothing(profile: Profile) -> None:
    for found in fields(profile):
        if found.text.strip() or not found.text:  # a form takes spaces alone as nothing
            assert edit_field(profile, found.path, found.text) == profile, found.path


def test_text_is_taken_as_it_is_typed() -> None:
    assert edit_field(quickstart(), "description", "a: b # c").description == "a: b # c"
    assert edit_field(quickstart(), "launch.python", "/opt/py").launch.python == "/opt/py"
    assert edit_field(quickstart(), "launch.python", " ").launch.python is None


def test_a_folder_takes_the_place_of_the_shape() -> None:
    profile = edit_field(quickstart(), "model.dir", "/models/llama")
    assert isinstance(profile, TorchProfile)
    assert (profile.model.dir, profile.model.shape) == ("/models/llama", None)
    assert not [found for found in fields(profile) if found.section == "model.shape"]
    with pytest.raises(ProfileError, match="give exactly one of dir"):
        edit_field(profile, "model.dir", "")


@pytest.mark.parametrize(
    ("data", "path", "default"),
    [
        ({"engine": "torch"}, "benchmark.num_runs", "10"),
        ({"engine": "torch"}, "benchmark.input_output_len", "[[128, 20]]"),
        ({"engine": "torch"}, "model.dir", "null"),
        ({"engine": "torch"}, "model.shape", "null"),
        ({"engine": "torch"}, "model.shape.head_dim", None),
        ({"engine": "trtllm"}, "model.family", None),
        ({"engine": "trtllm"}, "launch.container.tool", None),
        ({"engine": "trtllm", "launch": {"container": {"run": "i"}}}, "launch.container.tool", "docker"),
        ({"engine": "torch"}, "launch.env.OMP_NUM_THREADS", None),
        ({"engine": "torch"}, "launch.mpirun", None),
        ({"engine": "torch"}, "no.such.field", None),
        ({"engine": "of a later version"}, "benchmark.num_runs", None),
        ({"benchmark": 3, "engine": "torch"}, "benchmark.num_runs", "10"),
        ({}, "benchmark.num_runs", None),
    ],
)
def test_what_holds_for_a_field_that_is_not_spoken_of(
    data: dict[str, object], path: str, default: str | None
) -> None:
    assert default_at(data, path) == default


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("benchmark.num_runs", "many", 'the text "many" is not allowed; allowed: a whole number, 0 or more'),
        ("benchmark.num_runs", "0", "num_runs and duration are both 0, so nothing would be timed"),
        ("benchmark.batch_size", "[", 'the text "[" is not allowed; allowed: a list like'),
        ("benchmark.batch_size", "[]", "is empty; allowed: a list like"),
        ("launch.env", "{A: 1}", "launch.env.A: 1 is not allowed; allowed: text; put it in quotes"),
    ],
)
def test_what_is_refused(path: str, text: str, message: str) -> None:
    with pytest.raises(ProfileError) as raised:
        edit_field(quickstart(), path, text)
    assert message in str(raised.value)
