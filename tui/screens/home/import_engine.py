"""A dialog that asks for the directory of a built engine, and shows its content while the user types."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input

from runner.engines.trtllm.profile import TrtllmProfile
from runner.profile.built_engine import profile_of_engine
from runner.schema.base import Profile
from runner.util.errors import UserError
from tui.framework.rows import Panel, Row, Span, dim, row
from tui.framework.titles import set_title
from tui.text import wrap

PROMPT = "directory with the config.json and rank0.engine of an engine; → completes the path"


class FolderSuggester(Suggester):
    """Completes the name of a directory."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        typed = os.path.expanduser(value)
        parent, _, start = typed.rpartition("/")
        try:
            with os.scandir(parent or "/") as entries:
                names = sorted(entry.name for entry in entries if entry.is_dir())
        except OSError:
            return None
        found = next((name for name in names if name.startswith(start) and name != start), None)
        return value + found[len(start) :] if found is not None and start else None


class ImportEngineScreen(ModalScreen[Profile | None]):
    """The result is an unsaved profile that measures the engine, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "cancel", show=False)]

    def __init__(self) -> None:
        super().__init__()
        self._profile: Profile | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="framed dialog") as dialog:
            set_title(dialog, "import a built engine")
            entry = Input(placeholder="/path/to/engine", compact=True, suggester=FolderSuggester())
            entry.cursor_blink = False
            yield entry
            yield Panel(_draw, id="engine-verdict")

    def on_mount(self) -> None:
        self._inspect("")

    def on_input_changed(self, event: Input.Changed) -> None:
        self._inspect(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if self._profile is not None:
            self.dismiss(self._profile)

    def action_cancel(self) -> None:
        self.dismiss(None)

    def _inspect(self, text: str) -> None:
        self._profile, message = inspect_engine(text)
        panel: Panel[tuple[str, str]] = self.query_one("#engine-verdict", Panel)
        panel.update(message)


def inspect_engine(text: str) -> tuple[Profile | None, tuple[str, str]]:
    """Return the profile of the engine in a directory, or None; and a message with its style."""
    typed = text.strip()
    if not typed:
        return None, (PROMPT, "dim")
    path = Path(os.path.expanduser(typed))
    if not path.is_absolute():
        return None, ("the path must be absolute: start with / or ~", "bad")
    try:
        profile = profile_of_engine(path)
    except UserError as error:
        return None, (str(error), "bad")
    assert isinstance(profile, TrtllmProfile)
    build = profile.build
    facts = [f"{profile.model.family}, {profile.model.dtype}, tp {profile.parallel.tp}"]
    for name in ("max_batch_size", "max_input_len", "max_seq_len", "max_num_tokens"):
        value = getattr(build, name)
        facts.append(f"{name} {value if value is not None else 'unknown'}")
    return profile, (f"{profile.name}: {', '.join(facts)}", "good")


def _draw(message: tuple[str, str], width: int, height: int) -> list[Row]:
    text, style = message
    return [
        *(row(Span(line, style)) for line in wrap(text, width)),
        row(),
        row(Span("enter", "key"), dim(" import   "), Span("esc", "key"), dim(" cancel")),
    ]
