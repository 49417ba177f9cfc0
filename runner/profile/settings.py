"""Settings of the user for all runs and dashboards, in one file with the checks of a profile."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from runner.profile.yaml_file import ProfileError, dump, parse_yaml, read_text
from runner.schema.base import PositiveInt, Section
from runner.schema.validation import check_section
from runner.util import paths
from runner.util.errors import UserError
from runner.util.files import make_folders, write_atomically
from runner.util.themes import ThemeName

NotifyBy = Literal["off", "bell", "osc9", "both"]
_EXPECTED = "settings: keys and values such as `theme: light`"


class Notify(Section, frozen=True):
    """How the dashboard notifies when a run has ended."""

    by: Annotated[
        NotifyBy, Meta(description="the terminal's bell, a desktop notification (OSC 9), both, or nothing")
    ] = "bell"
    after: Annotated[
        int, Meta(ge=0, description="only for runs that took at least this long", extra={"unit": "s"})
    ] = 60


class Hooks(Section, frozen=True):
    """What a run starts and sends when it has ended."""

    on_end: Annotated[
        list[str], Meta(description="command and arguments, started when a run has ended; no shell")
    ] = msgspec.field(default_factory=list)
    timeout: Annotated[PositiveInt, Meta(description="end a hook after this long", extra={"unit": "s"})] = 300
    webhook: Annotated[
        Annotated[str, Meta(pattern=r"^https?://[^\s]+$")] | None,
        Meta(description="address that gets a message when a run has ended, as JSON in the form of Slack"),
    ] = None


class FleetHost(Section, frozen=True, kw_only=True):
    """A machine whose runs are shown here, reached with ssh."""

    host: Annotated[str, Meta(description="destination for ssh: user@box, or a Host of ~/.ssh/config")]
    command: Annotated[
        str,
        Meta(description="trtbench-tui on that machine, as its shell finds it: /opt/venv/bin/trtbench-tui"),
    ] = "trtbench-tui"
    ssh: Annotated[
        list[str], Meta(description="the ssh program here and its options, like [ssh, -p, '2222']")
    ] = msgspec.field(default_factory=lambda: ["ssh"])


class Settings(Section, frozen=True):
    """`$XDG_CONFIG_HOME/trtbench/settings.yaml`, with the defaults."""

    theme: Annotated[ThemeName | None, Meta(description="colours of the dashboard")] = None
    title: Annotated[bool, Meta(description="show the progress of a run in the window title")] = True
    welcome: Annotated[bool, Meta(description="show a welcome on the home screen until the first run")] = True
    notify: Notify = msgspec.field(default_factory=Notify)
    hooks: Hooks = msgspec.field(default_factory=Hooks)
    hosts: Annotated[list[FleetHost], Meta(description="machines of the screen `hosts` and of --host")] = (
        msgspec.field(default_factory=list)
    )


def load() -> Settings:
    """Load the settings, or their defaults when there is no file.

    Raises:
        UserError: the file cannot be read, or is invalid.
    """
    path = paths.settings_file()
    if not path.exists():
        return Settings()
    text = read_text(path)
    if not text.strip():
        return Settings()
    data, lines = parse_yaml(text, str(path), _EXPECTED)
    problems = list(check_section(Settings, data))
    if problems:
        raise ProfileError(str(path), problems, lines)
    return msgspec.convert(data, Settings)


def update(**changes: Any) -> None:
    """Change some settings and keep the others; replace the file atomically.

    Raises:
        UserError: the existing file is invalid, so it is not changed, or the new one cannot be written.
    """
    settings = msgspec.structs.replace(load(), **changes)
    data = {key: value for key, value in msgspec.to_builtins(settings).items() if value != {}}
    _write(paths.settings_file(), dump(data))


def _write(path: Path, text: str) -> None:
    try:
        make_folders(path.parent)
        write_atomically(path, text.encode())
    except OSError as error:
        raise UserError(f"{path}: cannot save the settings: {error.strerror}") from None
