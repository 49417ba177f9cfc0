"""Writing and reading profiles: lossless, and only files that load again."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings

from runner.engines.torch.profile import TorchProfile
from runner.profile import store as profile_store
from runner.profile.yaml_file import ProfileError, load_text, save, to_yaml
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
