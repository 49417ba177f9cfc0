"""Dialog that starts a tuning of a profile: objective, bounds and limit, and the resulting search space."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Static

from runner.profile.set_fields import with_changes
from runner.profile.sweep import is_inside
from runner.profile.yaml_file import to_data, to_flow
from runner.schema.axes import INSIDE
from runner.schema.base import Profile
from runner.util.errors import UserError
from runner.util.formatting import plural
from tui.framework.rows import Panel, Row, Span, cut, dim, row
from tui.framework.titles import set_title
from tui.screens.dialogs.fitting import fitting_terminal
from tui.screens.sweep.start_dialog import StartDialog, warning_rows, wrapped
from tui.text import plain_text

if TYPE_CHECKING:
    from runner.sweep.spec import SweepSpec

FIELDS = (
    ("objectives", "objective", "a metric, e.g. tokens_per_sec; several with a comma"),
    ("constraints", "subject to", "bounds, e.g. latency_ms.p95 < 2000, gpu_memory_gib < 78"),
    ("limit", "at most", "a number of runs, or a time: 4h, 90m, 1h30m"),
    ("changes", "set", "fields to change first: PATH=VALUE PATH=VALUE"),
)
"""field of a request, its label, and what it takes"""
MOST_AXES = 6
"""Axes that are listed; more are counted."""


@dataclass(frozen=True)
class TuneRequest:
    """What was entered; several values are separated by commas, changes as words of a shell."""

    objectives: str = "tokens_per_sec"
    constraints: str = ""
    limit: str = "40"
    changes: str = ""

    def define(self, profile: Profile) -> SweepSpec:
        """Return the tuning of a profile.

        Raises:
            UserError: a field has an invalid value, or the profile cannot be tuned.
        """
        from runner.sweep.tune.definition import define_tuning

        objectives = _parts(self.objectives)
        if not objectives:
            raise UserError("a tuning needs an objective, like tokens_per_sec")
        trials, budget_s = _limit(self.limit.strip())
        try:
            changes = shlex.split(self.changes)
        except ValueError as error:
            raise UserError(f"set: {error}") from None
        changed = with_changes(profile, changes, "set") if changes else profile
        return define_tuning(changed, objectives, _parts(self.constraints), trials=trials, budget_s=budget_s)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _limit(text: str) -> tuple[int | None, float]:
    """Return the most runs and the most seconds; None and 0.0: no such limit."""
    from runner.sweep.tune.definition import MOST_TRIALS, parse_budget

    if not text:
        return None, 0.0
    if text.isdecimal():
        if not 1 <= int(text) <= MOST_TRIALS:
            raise UserError(f"{text} runs: allowed: 1 to {MOST_TRIALS}")
        return int(text), 0.0
    try:
        seconds = parse_budget(text)
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise UserError(f"{text!r} is no limit; allowed: a number of runs, or a time like 4h, 90m, 1h30m")
    return None, seconds


def initial_request(profile: Profile) -> TuneRequest:
    """Return the request for a profile; of lists of numbers that one run measures, the first one is set."""
    changes = []
    for path in INSIDE:
        found: object = to_data(profile)
        for name in path.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        if is_inside(profile.engine, path) and isinstance(found, list | tuple) and len(found) > 1:
            changes.append(f"{path}={to_flow(list(found[:1])).replace(' ', '')}")
    return TuneRequest(changes=" ".join(changes))


@dataclass(frozen=True)
class TunePreview:
    """Content of the dialog below its fields."""

    axes: tuple[tuple[str, str], ...] = ()
    """path and values, as text"""
    amount: str = ""
    error: str = ""
    """why the tuning cannot be started"""
    failing: tuple[str, ...] = ()
    """preflight problems that would make runs of the unchanged profile fail"""
    in_use: str = ""
    """who uses the devices of the profile now, one a line"""
    ready: bool = False


class TuneStart(StartDialog[None]):
    """Shows the search space while the fields are edited; the result is the directory of the tuning."""

    CSS_PATH = "start.tcss"

    @dataclass
    class Defined(Message):
        """A request was made into a tuning, or is invalid."""

        request: TuneRequest
        result: SweepSpec | UserError
        points: int = 0
        in_use: str = ""

    def __init__(self, profile: Profile, failing: Sequence[str] = ()) -> None:
        """Take a profile; `failing`: preflight problems that would make its runs fail."""
        super().__init__()
        self._profile = profile
        self._failing = tuple(failing)
        self._request = initial_request(profile)
        self._sweep: SweepSpec | None = None
        self._preview = TunePreview()

    def compose(self) -> ComposeResult:
        with Vertical(classes="framed dialog") as dialog:
            set_title(dialog, f"tune {plain_text(self._profile.name)}")
            for name, label, hint in FIELDS:
                with Horizontal(classes="tune-field"):
                    yield Static(label, markup=False)
                    entry = Input(getattr(self._request, name), placeholder=hint, compact=True, id=name)
                    entry.cursor_blink = False
                    yield entry
            yield Panel(fitting_terminal(self.app, draw_preview, len(FIELDS)), id="preview")

    def on_mount(self) -> None:
        self._define()

    # --- the search space -------------------------------------------------------------------------------

    def _define(self) -> None:
        """Make the tuning in a worker: the checks of a profile read files and ask programs."""
        request = self._request
        self._sweep = None
        self._show(replace(self._preview, amount="reading the search space ...", error="", ready=False))

        def work() -> None:
            from runner import preflight
            from runner.sweep.tune.measured import question_of

            try:
                sweep = request.define(self._profile)
                points = len(question_of(sweep.tune).points)
                in_use = "\n".join(map(str, preflight.devices_in_use(self._profile)))
            except UserError as error:
                self.post_message(self.Defined(request, error))
            else:
                self.post_message(self.Defined(request, sweep, points, in_use))

        self.run_worker(work, thread=True, group="define")

    def on_tune_start_defined(self, message: Defined) -> None:
        if message.request != self._request:
            return
        if isinstance(message.result, UserError):
            said = str(message.result)
            for option in ("--objective ", "--subject-to ", "--set "):
                said = said.replace(option, "")
            self._show(TunePreview(error=said))
            return
        self._sweep = message.result
        self._show(make_preview(message.result, message.points, message.in_use))

    def _show(self, preview: TunePreview) -> None:
        self._preview = replace(preview, failing=self._failing)
        panel: Panel[TunePreview] = self.query_one("#preview", Panel)
        panel.update(self._preview)

    def on_input_changed(self, event: Input.Changed) -> None:
        changed = replace(self._request, **{str(event.input.id): event.value})
        if changed != self._request:
            self._request = changed
            self._define()

    # --- starting ---------------------------------------------------------------------------------------

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.start(self._sweep)

    def show_error(self, why: str) -> None:
        self._show(replace(self._preview, error=why))


def make_preview(sweep: SweepSpec, points: int, in_use: str = "") -> TunePreview:
    """Return the axes of a tuning, the number of points, and its limit."""
    from runner.sweep.tune_terms import COMPARED
    from runner.util.formatting import duration

    terms = sweep.tune
    assert terms is not None
    limit = (
        f"at most {duration(terms.budget_s)} for everything"
        if terms.budget_s
        else f"at most {plural(terms.trials, 'run')} of the search"
    )
    amount = f"{plural(points, 'point')}; {limit}, then {2 * COMPARED} runs to compare, one by one"
    axes = tuple((axis.path, ", ".join(axis.values)) for axis in sweep.axes)
    return TunePreview(axes, amount, in_use=in_use, ready=True)


def draw_preview(preview: TunePreview, width: int, height: int) -> list[Row]:
    rows: list[Row] = [()]
    for path, values in preview.axes[:MOST_AXES]:
        rows.append(cut(row(Span(plain_text(path), "strong"), f": {plain_text(values)}"), width))
    if hidden := preview.axes[MOST_AXES:]:
        rows.append(row(dim(f"and {plural(len(hidden), 'more axis', 'more axes')}")))
    rows += [(), *wrapped(preview.amount, width)] if preview.amount else []
    rows += warning_rows(preview.failing, preview.in_use, preview.error, width)
    start = (Span("enter", "key"), " start the tuning   ") if preview.ready else ()
    keys = (Span("tab", "key"), dim(" next field   "), Span("esc", "key"), dim(" cancel"))
    return [*rows, (), row(*start, *keys)]
