"""The settings file: clear errors, atomic changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.profile import settings
from runner.profile.settings import Hooks, Notify, Settings
from runner.util import paths
from runner.util.errors import UserError


def written(text: str) -> Path:
    path = paths.settings_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_everything_is_as_documented() -> None:
    assert settings.load() == Settings()
    assert Settings().notify == Notify(by="bell", after=60)
    assert not paths.settings_file().exists()


@pytest.mark.parametrize("text", ["", "\n  \n"])
def test_an_empty_file_says_nothing(text: str) -> None:
    written(text)
    assert settings.load() == Settings()


def test_everything_that_can_be_said() -> None:
    written(
        "theme: light\ntitle: false\nwelcome: false\nnotify: {by: both, after: 5}\n"
        "hooks: {on_end: [notify-send, done], timeout: 10}\n"
    )
    assert settings.load() == Settings(
        theme="light",
        title=False,
        welcome=False,
        notify=Notify(by="both", after=5),
        hooks=Hooks(on_end=["notify-send", "done"], timeout=10),
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "theme: blue",
            ':1: theme: the text "blue" is not allowed; allowed: dark, high-contrast',
        ),
        ("title: true\nthem: dark", ":2: them: unknown key; allowed here: theme, title"),
        ("notify: {by: bell, after: -1}", ":1: notify.after: "),
        ("hooks: {on_end: echo done}", ":1: hooks.on_end: "),
        ("- dark", ":1: expected settings: keys and values such as `theme: light`"),
        ("theme: {", "not valid YAML"),
    ],
)
def test_an_error_has_its_line_and_the_allowed_values(text: str, sentence: str) -> None:
    path = written(text)
    with pytest.raises(UserError) as raised:
        settings.load()
    assert str(raised.value).startswith(str(path))
    assert sentence in str(raised.value)


def test_remembering_one_thing_keeps_the_others() -> None:
    path = written("hooks: {on_end: [echo, done]}\n")
    settings.update(theme="light")
    assert settings.load() == Settings(theme="light", hooks=Hooks(on_end=["echo", "done"]))
    assert [found.name for found in path.parent.iterdir()] == ["settings.yaml"]


def test_a_file_with_a_mistake_is_left_as_it_is() -> None:
    path = written("theme: blue\n")
    with pytest.raises(UserError):
        settings.update(theme="light")
    assert path.read_text() == "theme: blue\n"


def test_a_folder_that_takes_no_file_is_one_sentence() -> None:
    path = paths.settings_file()
    path.parent.parent.mkdir(parents=True, exist_ok=True)
    path.parent.write_text("a file where the folder should be")
    with pytest.raises(UserError, match="cannot save the settings"):
        settings.update(theme="light")
