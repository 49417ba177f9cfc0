"""Starting a sweep of a profile: its axes, line by line, and what they amount to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input

from runner.errors import UserError
from runner.profile.sweep import field_paths
from runner.schema.axes import INSIDE, Order
from runner.schema.base import Profile
from runner.util.formatting import plural
from tui.framework.rows import Panel, Row, Span, dim, row
from tui.text import plain, shown, wrap

if TYPE_CHECKING:
    from runner.sweep.spec import Axes, Sweep

EXAMPLE = "parallel.tp=1,2,4   benchmark.batch_size=8..64*2   repeat=3   order=grouped"


@dataclass(frozen=True)
class Wish:
    """What is asked for so far."""

    profile: Profile
    typed: tuple[str, ...] = ()
    """axes as on the command line; they join or replace those of the profile"""
    repeat: int = 1
    order: Order = "interleaved"

    @property
    def axes(self) -> Axes:
        from runner.sweep.spec import axes_of

        return axes_of(self.profile, self.typed)

    def with_line(self, text: str) -> Wish:
        """What a typed line makes of it.

        Raises:
            UserError: the line is no axis, number of repeats or order.
        """
        name, _, value = (part.strip() for part in text.partition("="))
        if name == "repeat":
            if not value.isdecimal() or int(value) < 1:
                raise UserError(f"repeat={value}: allowed: a whole number, 1 or more")
            return replace(self, repeat=int(value))
        if name == "order":
            if value not in ("interleaved", "grouped"):
                raise UserError(f"order={value}: allowed: interleaved, grouped")
            return replace(self, order=value)  # type: ignore[arg-type]
        made = replace(self, typed=(*(one for one in self.typed if one.partition("=")[0] != name), text))
        _ = made.axes
        return made

    def without_last(self) -> Wish:
        return replace(self, typed=self.typed[:-1])


def wish_of(profile: Profile) -> Wish:
    section = profile.sweep
    return Wish(profile, (), section.repeat, section.order) if section else Wish(profile)


@dataclass(frozen=True)
class Outlook:
    """What the dialog says."""

    axes: tuple[tuple[str, str], ...] = ()
    """path and values, as text"""
    amount: str = ""
    refused: str = ""
    """why it cannot be started"""
    impossible: tuple[str, ...] = ()
    """combinations that will be passed over"""
    failing: tuple[str, ...] = ()
    """what preflight says would make runs of the profile as it is fail"""
    typing: str = ""
    """why what is typed is no axis"""


class SweepStart(ModalScreen[Path | None]):
    """The answer is the directory of a sweep that was started; or nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "start nothing", show=False),
        Binding("ctrl+z", "undo", "take the last axis back", show=False),
    ]

    @dataclass
    class Made(Message):
        """The cells of a wish were made, or cannot be."""

        wish: Wish
        made: Sweep | UserError

    @dataclass
    class Started(Message):
        result: Path | UserError

    def __init__(self, profile: Profile, failing: Sequence[str] = ()) -> None:
        """A sweep of a profile; `failing`: what preflight says would make its runs fail."""
        super().__init__()
        self._failing = tuple(failing)
        self._wish = wish_of(profile)
        self._sweep: Sweep | None = None
        self._outlook = Outlook()
        self._starting = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="framed dialog") as dialog:
            dialog.border_title = shown(f"sweep {plain(self._wish.profile.name)}")
            yield Panel(draw_outlook, id="outlook")
            paths = [f"{path}=" for path in field_paths(self._wish.profile.engine)]
            entry = Input(
                placeholder="add an axis: PATH=VALUES", compact=True, suggester=SuggestFromList(paths)
            )
            entry.cursor_blink = False
            yield entry
            yield Panel(_draw_keys, id="sweep-keys")

    def on_mount(self) -> None:
        self._plan()

    # --- what is wished ---------------------------------------------------------------------------------

    def _plan(self) -> None:
        """Make the cells outside the event loop: every one of them is planned."""
        wish = self._wish
        self._sweep = None
        self._show(Outlook(axes=axes_text(wish), amount="counting the cells ..." if wish.axes else ""))
        if not wish.axes:
            return

        def work() -> None:
            from runner.sweep import control

            try:
                made = control.of_profile(wish.profile, wish.axes, repeat=wish.repeat, order=wish.order)
            except UserError as error:
                self.post_message(self.Made(wish, error))
            else:
                self.post_message(self.Made(wish, made))

        self.run_worker(work, thread=True, group="plan")

    def on_sweep_start_made(self, message: Made) -> None:
        if message.wish != self._wish:
            return
        if isinstance(message.made, UserError):
            self._show(Outlook(axes=axes_text(self._wish), refused=str(message.made)))
            return
        self._sweep = message.made
        self._show(outlook_of(self._wish, message.made))

    def _show(self, outlook: Outlook) -> None:
        self._outlook = outlook = replace(outlook, failing=self._failing)
        panel: Panel[Outlook] = self.query_one("#outlook", Panel)
        panel.update(outlook)
        keys: Panel[tuple[bool, bool]] = self.query_one("#sweep-keys", Panel)
        keys.update((self._sweep is not None, bool(self._wish.typed)))

    def on_input_changed(self, event: Input.Changed) -> None:
        self._show(replace(self._outlook, typing=""))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """A line adds an axis; an empty one starts the sweep."""
        if not event.value.strip():
            self._start()
            return
        try:
            self._wish = self._wish.with_line(event.value.strip())
        except UserError as error:
            self._show(replace(self._outlook, typing=str(error).removeprefix("--axis ")))
            return
        event.input.clear()
        self._plan()

    def action_undo(self) -> None:
        self._wish = self._wish.without_last()
        self._plan()

    # --- starting ---------------------------------------------------------------------------------------

    def _start(self) -> None:
        sweep = self._sweep
        if sweep is None or self._starting:
            return
        self._starting = True

        def work() -> None:
            from runner.sweep import control

            try:
                self.post_message(self.Started(control.start(sweep)))
            except UserError as error:
                self.post_message(self.Started(error))

        self.run_worker(work, thread=True, group="start")

    def on_sweep_start_started(self, message: Started) -> None:
        if isinstance(message.result, Path):
            self.dismiss(message.result)
            return
        self._starting = False
        self._show(replace(self._outlook, refused=str(message.result)))

    def action_cancel(self) -> None:
        if not self._starting:
            self.dismiss(None)


def axes_text(wish: Wish) -> tuple[tuple[str, str], ...]:
    from runner.sweep.spec import shown as as_text

    return tuple((path, ", ".join(as_text(value) for value in values)) for path, values in wish.axes.items())


def outlook_of(wish: Wish, sweep: Sweep) -> Outlook:
    from runner.sweep.spec import label

    possible = [cell for cell in sweep.cells if not cell.refused]
    points = sum(len(cell.configurations) for cell in possible)
    repeats = f" x {plural(sweep.repeat, 'repeat')}, {sweep.order}," if sweep.repeat > 1 else ""
    amount = (
        f"{plural(len(possible), 'cell')}{repeats} = {plural(len(sweep.slots()), 'run')}, one by one;"
        f" {plural(points * sweep.repeat, 'measurement')}"
    )
    refused = tuple(
        f"{label(cell.values)}: {cell.refused or cell.left_out}"
        for cell in sweep.cells
        if cell.refused or cell.left_out
    )
    return Outlook(axes=axes_text(wish), amount=amount, impossible=refused)


def draw_outlook(outlook: Outlook, width: int, height: int) -> list[Row]:
    rows: list[Row] = []
    for path, values in outlook.axes:
        inside = "  (in one run)" if path in INSIDE else ""
        rows += _wrapped(f"{plain(path)}: {plain(values)}{inside}", width, "strong")
    if not outlook.axes:
        rows += _wrapped("This profile has no axes yet. Name a field and its values, for example", width)
        rows += _wrapped(EXAMPLE, width, "dim")
    rows += [(), *_wrapped(outlook.amount, width)] if outlook.amount else []
    if outlook.impossible:
        rows += _wrapped(f"passed over, {plural(len(outlook.impossible), 'combination')}:", width, "warn")
        for text in outlook.impossible[:3]:
            rows += _wrapped(f"  {plain(text)}", width, "warn")
    if outlook.failing:
        rows += _wrapped("the profile as it stands would fail:", width, "bad")
        for text in outlook.failing[:3]:
            rows += _wrapped(f"  {plain(text)}", width, "bad")
    rows += _wrapped(plain(outlook.refused), width, "bad") if outlook.refused else []
    rows += _wrapped(plain(outlook.typing), width, "bad") if outlook.typing else []
    return [*rows, ()]


def _wrapped(text: str, width: int, style: str = "") -> list[Row]:
    return [row(Span(line, style)) for line in wrap(text, max(20, width))]


def _draw_keys(keys: tuple[bool, bool], width: int, height: int) -> list[Row]:
    ready, added = keys
    parts: Sequence[str | Span] = (
        *((Span("enter", "key"), " (empty line) starts   ") if ready else ()),
        *((Span("ctrl+z", "key"), dim(" undoes   ")) if added else ()),
        Span("esc", "key"),
        dim(" leaves"),
    )
    return [(), row(*parts)]
