"""Asking for the folder of an engine that is built already, and saying what is in it while one types."""

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
from runner.errors import UserError
from runner.profile.built_engine import profile_of_engine
from runner.schema.base import Profile
from tui.framework.rows import Panel, Row, Span, dim, row
from tui.text import wrap

ASK = "the folder with the engine's config.json and rank0.engine; → takes what is proposed"


class Folders(Suggester):
    """Proposes the rest of a folder's name."""

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


class ImportEngine(ModalScreen[Profile | None]):
    """The answer is a profile that measures the engine, not saved yet; or nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "import nothing", show=False)]

    def __init__(self) -> None:
        super().__init__()
        self._profile: Profile | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="framed dialog") as dialog:
            dialog.border_title = "measure an engine that is built already"
            entry = Input(placeholder="/path/of/the/engine", compact=True, suggester=Folders())
            entry.cursor_blink = False
            yield entry
            yield Panel(_draw, id="engine-verdict")

    def on_mount(self) -> None:
        self._judge("")

    def on_input_changed(self, event: Input.Changed) -> None:
        self._judge(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if self._profile is not None:
            self.dismiss(self._profile)

    def action_cancel(self) -> None:
        self.dismiss(None)

    def _judge(self, text: str) -> None:
        self._profile, verdict = judged(text)
        panel: Panel[tuple[str, str]] = self.query_one("#engine-verdict", Panel)
        panel.update(verdict)


def judged(text: str) -> tuple[Profile | None, tuple[str, str]]:
    """The profile of the engine in a folder, if it is one; and what to say, with its style."""
    typed = text.strip()
    if not typed:
        return None, (ASK, "dim")
    path = Path(os.path.expanduser(typed))
    if not path.is_absolute():
        return None, ("give the whole path, from / or ~ on", "bad")
    try:
        profile = profile_of_engine(path)
    except UserError as error:
        return None, (str(error), "bad")
    assert isinstance(profile, TrtllmProfile)
    build = profile.build
    told = [f"{profile.model.family}, {profile.model.dtype}, tp {profile.parallel.tp}"]
    for name in ("max_batch_size", "max_input_len", "max_seq_len", "max_num_tokens"):
        value = getattr(build, name)
        told.append(f"{name} {value if value is not None else 'not stated'}")
    return profile, (f"{profile.name}: {', '.join(told)}", "good")


def _draw(verdict: tuple[str, str], width: int, height: int) -> list[Row]:
    text, style = verdict
    return [
        *(row(Span(line, style)) for line in wrap(text, width)),
        row(),
        row(Span("enter", "key"), dim(" makes a profile of it   "), Span("esc", "key"), dim(" does not")),
    ]
