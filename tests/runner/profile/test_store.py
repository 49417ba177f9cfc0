"""Finding profiles, and the precedence of two with the same name."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from runner.profile import store as profile_store
from runner.profile.yaml_file import to_yaml
from runner.schema.base import Profile
from runner.util import paths
from runner.util.errors import UserError


def mine(name: str, text: str) -> Path:
    """A file among the user's profiles."""
    path = paths.user_profiles_dir() / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def quickstart() -> Profile:
    return profile_store.find("quickstart").load()


def renamed(name: str) -> Profile:
    return msgspec.structs.replace(quickstart(), name=name)


def test_every_built_in_profile_loads_and_has_a_description() -> None:
    # A test has a home of its own without profiles, so there are no others.
    for stored in profile_store.list_profiles():
        assert stored.origin == "built in"
        assert stored.load().description, stored.name


def test_built_in_profiles_by_name() -> None:
    names = [stored.name for stored in profile_store.list_profiles()]
    assert names == sorted(names)
    assert {"quickstart", "quickstart-long", "torch-1gpu"} <= set(names)


def test_a_profile_of_mine_hides_the_built_in_one() -> None:
    path = mine("quickstart", to_yaml(quickstart()))
    found = [stored for stored in profile_store.list_profiles() if stored.name == "quickstart"]
    assert [(stored.origin, stored.hidden_by) for stored in found] == [("mine", None), ("built in", path)]
    assert profile_store.find("quickstart").path == path


def test_what_is_no_profile_is_not_listed() -> None:
    mine("good", to_yaml(renamed("good")))
    folder = paths.user_profiles_dir()
    (folder / ".hidden.yaml").write_text("x")
    (folder / "notes.txt").write_text("x")
    assert [stored.name for stored in profile_store.list_profiles() if stored.origin == "mine"] == ["good"]


def test_an_invalid_profile_is_listed_and_reported_when_loaded() -> None:
    path = mine("broken", "name: broken\nengine: torch\nmodel: 3\n")
    with pytest.raises(UserError) as raised:
        profile_store.find("broken").load()
    assert str(raised.value) == (
        f"{path}:3: model: 3 is not allowed; allowed: a section with the keys dir, weights, shape, dtype,"
        " quantization, device, seed"
    )


def test_the_name_of_the_file_is_the_name_of_the_profile() -> None:
    path = mine("other", to_yaml(quickstart()))
    with pytest.raises(UserError) as raised:
        profile_store.find("other").load()
    assert str(raised.value) == (
        f"{path}: name: the profile is named 'quickstart', its file 'other'; rename one of them"
    )


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(UserError) as raised:
        profile_store.find("quikstart")
    assert str(raised.value) == (
        "there is no profile 'quikstart' (did you mean quickstart?)\n`trtbench-tui profiles list` shows all"
        " profiles"
    )


def test_a_profile_by_the_path_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.yaml"
    path.write_text(to_yaml(renamed("elsewhere")))
    assert profile_store.find(str(path)).load().name == "elsewhere"
    with pytest.raises(UserError, match=r"nowhere\.yaml: no such profile file"):
        profile_store.find("nowhere.yaml")


def test_saving_under_a_new_name() -> None:
    path = profile_store.save_as(renamed("mine"))
    assert path == paths.user_profiles_dir() / "mine.yaml"
    assert profile_store.find("mine").load() == renamed("mine")


def test_saving_under_a_name_that_is_taken() -> None:
    path = profile_store.save_as(renamed("mine"))
    with pytest.raises(UserError) as raised:
        profile_store.save_as(renamed("mine"))
    assert str(raised.value) == f"the profile mine already exists: {path}"
    assert profile_store.save_as(renamed("mine"), replace=True) == path


@pytest.mark.parametrize("replace", [False, True])
def test_a_built_in_profile_is_never_replaced(replace: bool) -> None:
    with pytest.raises(UserError, match="quickstart is a built-in profile; choose another name"):
        profile_store.save_as(quickstart(), replace=replace)
    assert not paths.user_profiles_dir().exists()


def test_a_folder_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    with pytest.raises(UserError, match="cannot save the profile: Not a directory"):
        profile_store.save_as(renamed("mine"))
