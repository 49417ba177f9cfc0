"""Dialog that starts a sweep of a profile: its axes, and the resulting number of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Input

from runner.profile.sweep import field_paths
from runner.schema.axes import INSIDE, Order
from runner.schema.base import Profile
from runner.util.errors import UserError
from runner.util.formatting import plural
from tui.framework.rows import Panel, Row, Span, dim, filled, row
from tui.framework.titles import set_title
from tui.screens.sweep.start_dialog import StartDialog, warning_rows, wrapped
from tui.text import plain_text

if TYPE_CHECKING:
    from runner.sweep.spec import Axes, SweepSpec

EXAMPLE = "parallel.tp=1,2,4   benchmark.batch_size=8..64*2   repeat=3   order=grouped"


@dataclass(frozen=True)
class SweepRequest:
    """The axes, repeats and order entered so far."""

    profile: Profile
    axis_texts: tuple[str, ...] = ()
    """axes as on the command line; added to those of the profile, or replacing them"""
    repeat: int = 1
    order: Order = "interleaved"

    @property
    def axes(self) -> Axes:
        from runner.sweep.spec import axes_of

        return axes_of(self.profile, self.axis_texts)

    def with_line(self, text: str) -> SweepRequest:
        """Return the request with an entered line applied.

        Raises:
            UserError: the line is neither an axis nor a number of repeats or an order.
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
        request = replace(
            self, axis_texts=(*(one for one in self.axis_texts if one.partition("=")[0] != name), text)
        )
        _ = request.axes  # raises if the line is invalid
        return request

    def without_last(self) -> SweepRequest:
        return replace(self, axis_texts=self.axis_texts[:-1])


def initial_request(profile: Profile) -> SweepRequest:
    """Return the sweep section of a profile as a request."""
    section = profile.sweep
    return SweepRequest(profile, (), section.repeat, section.order) if section else SweepRequest(profile)


@dataclass(frozen=True)
class SweepPreview:
    """Content of the dialog."""

    axes: tuple[tuple[str, str], ...] = ()
    """path and values, as text"""
    amount: str = ""
    error: str = ""
    """why the sweep cannot be started"""
    skipped: tuple[str, ...] = ()
    """combinations that are skipped, with reasons"""
    failing: tuple[str, ...] = ()
    """preflight problems that would make runs of the unchanged profile fail"""
    in_use: str = ""
    """who uses the devices of the profile now, one a line"""
    input_error: str = ""
    """why the entered line is invalid"""


MOST_HEIGHT, FRAME = 0.9, 3
"""share of the screen that `.dialog` takes at most; rows of its frame and of the line to type into"""


class RunOnce(Enum):
    """The answer that no sweep is wanted, but one run of the profile without its axes."""

    RUN_ONCE = "run once"


SweepAnswer = Path | RunOnce | None
"""The directory of the started sweep, one run instead, or nothing."""


class SweepStart(StartDialog[RunOnce | None]):
    """Shows the runs that the axes give while they are entered, and starts them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f5,ctrl+enter", "run_once", "one run without axes", show=False),
        Binding("ctrl+z", "undo", "remove the last axis", show=False),
    ]

    @dataclass
    class Planned(Message):
        """The cells of a request were planned, or the request is invalid."""

        request: SweepRequest
        result: SweepSpec | UserError
        in_use: str = ""

    def __init__(self, profile: Profile, failing: Sequence[str] = ()) -> None:
        """Take a profile; `failing`: preflight problems that would make its runs fail."""
        super().__init__()
        self._failing = tuple(failing)
        self._request = initial_request(profile)
        self._sweep: SweepSpec | None = None
        self._preview = SweepPreview()

    def compose(self) -> ComposeResult:
        with Vertical(classes="framed dialog") as dialog:
            set_title(dialog, f"sweep {plain_text(self._request.profile.name)}")
            yield Panel(draw_preview, id="preview")
            paths = [f"{path}=" for path in field_paths(self._request.profile.engine)]
            entry = Input(
                placeholder="add an axis: PATH=VALUES", compact=True, suggester=SuggestFromList(paths)
            )
            entry.cursor_blink = False
            yield entry
            yield Panel(_draw_keys, id="sweep-keys")

    def on_mount(self) -> None:
        self._plan()

    # --- planning ---------------------------------------------------------------------------------------

    def _plan(self) -> None:
        """Plan the cells in a worker; every cell gets a plan."""
        request = self._request
        self._sweep = None
        self._show(
            SweepPreview(axes=axes_text(request), amount="planning the cells ..." if request.axes else "")
        )
        if not request.axes:
            return

        def work() -> None:
            from runner import preflight
            from runner.sweep import control

            try:
                sweep = control.axis_sweep(
                    request.profile, request.axes, repeat=request.repeat, order=request.order
                )
                in_use = "\n".join(map(str, preflight.devices_in_use(request.profile)))
            except UserError as error:
                self.post_message(self.Planned(request, error))
            else:
                self.post_message(self.Planned(request, sweep, in_use))

        self.run_worker(work, thread=True, group="plan")

    def on_sweep_start_planned(self, message: Planned) -> None:
        if message.request != self._request:
            return
        if isinstance(message.result, UserError):
            self._show(SweepPreview(axes=axes_text(self._request), error=str(message.result)))
            return
        self._sweep = message.result
        preview = make_preview(self._request, message.result)
        self._show(replace(preview, in_use=message.in_use))

    def _show(self, preview: SweepPreview) -> None:
        self._preview = preview = replace(preview, failing=self._failing)
        panel: Panel[SweepPreview] = self.query_one("#preview", Panel)
        panel.update(preview)
        keys: Panel[tuple[bool, bool]] = self.query_one("#sweep-keys", Panel)
        keys.update((self._sweep is not None, bool(self._request.axis_texts)))
        self._limit_preview()

    def on_resize(self) -> None:
        self._limit_preview()

    def _limit_preview(self) -> None:
        """Keep the line to type into and the keys visible, whatever the preview says."""
        keys = self.query_one("#sweep-keys", Panel)
        room = int(MOST_HEIGHT * self.size.height) - FRAME - keys.rows_at(keys.size.width)
        self.query_one("#preview", Panel).styles.max_height = max(1, room)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._show(replace(self._preview, input_error=""))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """A line adds an axis; an empty line starts the sweep."""
        if not event.value.strip():
            self._start()
            return
        try:
            self._request = self._request.with_line(event.value.strip())
        except UserError as error:
            self._show(replace(self._preview, input_error=str(error).removeprefix("--axis ")))
            return
        event.input.clear()
        self._plan()

    def action_undo(self) -> None:
        self._request = self._request.without_last()
        self._plan()

    # --- starting ---------------------------------------------------------------------------------------

    def _start(self) -> None:
        self.start(self._sweep)

    def show_error(self, why: str) -> None:
        self._show(replace(self._preview, error=why))

    def action_run_once(self) -> None:
        if not self.starting:
            self.dismiss(RunOnce.RUN_ONCE)


def axes_text(request: SweepRequest) -> tuple[tuple[str, str], ...]:
    """Return path and values of each axis as text."""
    from runner.sweep.spec import value_text as as_text

    return tuple(
        (path, ", ".join(as_text(value) for value in values)) for path, values in request.axes.items()
    )


def make_preview(request: SweepRequest, sweep: SweepSpec) -> SweepPreview:
    """Return the number of cells, runs and measurements of a sweep, and its skipped combinations."""
    from runner.schema.axes import cell_label

    possible = [cell for cell in sweep.cells if not cell.refused]
    points = sum(len(cell.configurations) for cell in possible)
    repeats = f" x {plural(sweep.repeat, 'repeat')}, {sweep.order}," if sweep.repeat > 1 else ""
    amount = (
        f"{plural(len(possible), 'cell')}{repeats} = {plural(len(sweep.slots()), 'run')}, one by one;"
        f" {plural(points * sweep.repeat, 'measurement')}"
    )
    skipped = tuple(
        f"{cell_label(cell.values)}: {cell.refused or cell.left_out}"
        for cell in sweep.cells
        if cell.refused or cell.left_out
    )
    return SweepPreview(axes=axes_text(request), amount=amount, skipped=skipped)


def draw_preview(preview: SweepPreview, width: int, height: int) -> list[Row]:
    rows: list[Row] = []
    for path, values in preview.axes:
        inside = "  (in one run)" if path in INSIDE else ""
        rows += wrapped(f"{plain_text(path)}: {plain_text(values)}{inside}", width, "strong")
    if not preview.axes:
        rows += wrapped("This profile has no axes. Enter a field and its values, for example", width)
        rows += wrapped(EXAMPLE, width, "dim")
    rows += [(), *wrapped(preview.amount, width)] if preview.amount else []
    if preview.skipped:
        rows += wrapped(f"skipped: {plural(len(preview.skipped), 'combination')}:", width, "warn")
        for text in preview.skipped[:3]:
            rows += wrapped(f"  {plain_text(text)}", width, "warn")
    rows += warning_rows(preview.failing, preview.in_use, preview.error, width)
    rows += wrapped(plain_text(preview.input_error), width, "bad") if preview.input_error else []
    return [*rows, ()]


def _draw_keys(keys: tuple[bool, bool], width: int, height: int) -> list[Row]:
    ready, added = keys
    parts = [row(Span("enter", "key"), " (empty line) start the sweep")] if ready else []
    parts += [row(Span("ctrl+z", "key"), dim(" undo"))] if added else []
    parts += [row(Span("f5", "key"), dim(" run it once")), row(Span("esc", "key"), dim(" cancel"))]
    return [(), *filled(parts, width)]
