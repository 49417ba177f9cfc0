"""The private names of Textual and Rich that `tui.framework` uses still exist and behave as expected.

Each test names the release in which the behaviour was seen. A failure after an update of Textual means that
the module named in the test has to be adapted.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable
from pathlib import Path

import pytest
import textual
from rich.color import ColorSystem
from rich.console import Console, RenderableType
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, Compositor, CompositorUpdate, LayoutUpdate
from textual.app import App, ComposeResult
from textual.css.stylesheet import Stylesheet
from textual.driver import Driver
from textual.geometry import Region
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.strip import SGR_STYLES, Strip
from textual.widgets import Static

from tests.support.paths import ROOT
from tui.framework.compositor import LeanCompositor
from tui.framework.stylesheet import SharedStylesheet

CONSOLE = Console(force_terminal=True, color_system="truecolor", width=20)


def parameters_of(function: object) -> list[str]:
    assert callable(function)
    return list(inspect.signature(function).parameters)


class DisplayApp(App[None]):
    """Records the updates that pass through `_display`."""

    def __init__(self) -> None:
        super().__init__()
        self.updates: list[object] = []

    def compose(self) -> ComposeResult:
        yield Static("one", id="text")

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        self.updates.append(renderable)
        super()._display(screen, renderable)


def test_the_tested_release_is_installed() -> None:
    """The expectations below were checked with Textual 8.2.8, which pyproject.toml pins."""
    assert textual.__version__ == "8.2.8"


def test_private_names_are_used_in_the_framework_only() -> None:
    """Textual 8.2.8: no module outside of `tui/framework` imports or overrides a private name."""
    names = {
        name
        for kind in (App, Screen, Static, Driver)
        for parent in kind.__mro__
        if parent.__module__.startswith("textual.")
        for name in vars(parent)
        if name.startswith("_") and not name.startswith("__")
    } | {"_driver", "_compositor", "_notifications", "_batch_count"}
    own = {"_line", "_render", "_size"}  # functions and attributes of the same name in classes without a base
    offenders = []
    for path in sorted((ROOT / "tui").rglob("*.py")):
        if path.is_relative_to(ROOT / "tui" / "framework"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("textual._", "rich._")):
                offenders.append(f"{path}:{node.lineno} {node.module}")
            elif isinstance(node, ast.Attribute) and node.attr in names - own:
                offenders.append(f"{path}:{node.lineno} {node.attr}")
            elif isinstance(node, ast.ClassDef):
                methods = {
                    item.name
                    for item in node.body
                    if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
                }
                offenders += [f"{path}:{node.lineno} {name}" for name in methods & (names - own)]
    assert offenders == []


async def test_display_gets_every_compositor_update() -> None:
    """Textual 8.2.8, `App._display(screen, renderable)`: the first update is a full one, the next partial.

    Used by `tui.framework.terminal.TerminalApp`.
    """
    assert parameters_of(App._display) == ["self", "screen", "renderable"]
    app = DisplayApp()
    async with app.run_test(size=(20, 5)) as pilot:
        await pilot.pause()
        assert any(isinstance(update, LayoutUpdate) for update in app.updates)
        app.updates.clear()
        app.query_one("#text", Static).update("two")
        await pilot.pause()
        assert any(isinstance(update, ChopsUpdate) for update in app.updates)


async def test_driver_writes_a_string() -> None:
    """Textual 8.2.8, `App._driver`: None before the start, then a driver with `write(data)`.

    Used by `tui.framework.terminal.TerminalApp.send_to_terminal`.
    """
    assert parameters_of(Driver.write) == ["self", "data"]
    app = DisplayApp()
    assert app._driver is None
    async with app.run_test():
        assert isinstance(app._driver, Driver)


class CountingStatic(Static):
    """Counts how often it is rendered."""

    renders = 0

    def render_lines(self, crop: Region) -> list[Strip]:
        self.renders += 1
        return super().render_lines(crop)


class TwoApp(App[None]):
    """Two widgets, drawn by the compositor of this program."""

    def compose(self) -> ComposeResult:
        yield CountingStatic("one", id="first")
        yield CountingStatic("two", id="second")

    def get_default_screen(self) -> Screen[object]:
        screen = super().get_default_screen()
        screen._compositor = LeanCompositor()
        return screen


async def test_a_partial_update_renders_only_what_it_touches() -> None:
    """Textual 8.2.8, `Compositor._get_renders(crop)` gives all that `render_partial_update` puts together.

    Used by `tui.framework.compositor.LeanCompositor`.
    """
    assert parameters_of(Compositor._get_renders) == ["self", "crop"]
    app = TwoApp()
    async with app.run_test(size=(20, 5)) as pilot:
        await pilot.pause()
        first, second = app.query_one("#first", CountingStatic), app.query_one("#second", CountingStatic)
        renders, others = first.renders, second.renders
        first.update("new")
        await pilot.pause()
        assert first.renders > renders
        assert second.renders == others


async def test_timer_update_draws_a_dirty_widget_at_once() -> None:
    """Textual 8.2.8, `Screen._on_timer_update()`: draws what needs it, without a tick of the timer.

    Used by `tui.framework.screen.KeyedScreen`.
    """
    assert parameters_of(Screen._on_timer_update) == ["self"]
    app = DisplayApp()
    async with app.run_test(size=(20, 5)) as pilot:
        await pilot.pause()
        app.updates.clear()
        app.screen._repaint_required = True
        app.screen._dirty_widgets.add(app.query_one("#text"))
        app.screen._on_timer_update()
        assert app.updates


async def test_a_frame_drawn_in_a_batch_is_not_written() -> None:
    """Textual 8.2.8, `Screen._compositor_refresh()`: draws in a batch, too; `App._display()` drops it.

    Used by `tui.framework.screen.KeyedScreen`, which does not draw then.
    """
    assert parameters_of(Screen._compositor_refresh) == ["self"]
    app = DisplayApp()
    async with app.run_test(size=(20, 5)) as pilot:
        await pilot.pause()
        app.updates.clear()
        with app.batch_update():
            assert app._batch_count == 1
            app.screen._compositor._dirty_regions.add(Region(0, 0, 20, 5))
            app.screen._compositor_refresh()
        assert app.updates


def test_registered_themes_are_all_that_can_be_found() -> None:
    """Textual 8.2.8, `App._registered_themes`: the themes by name, which `available_themes` copies.

    Used by `tui.framework.terminal.TerminalApp`.
    """
    app = DisplayApp()
    assert app._registered_themes == app.available_themes
    assert app.get_theme("nord") is app._registered_themes["nord"]


async def test_a_source_is_parsed_once_for_the_same_colours() -> None:
    """Textual 8.2.8, `Stylesheet._parse_rules` gets all that a rule set depends on but the variables.

    Used by `tui.framework.stylesheet.SharedStylesheet`.
    """
    parameters = ["self", "css", "read_from", "is_default_rules", "tie_breaker", "scope"]
    assert parameters_of(Stylesheet._parse_rules) == parameters
    source = "Label { color: $colour; }"
    red, again, blue = (SharedStylesheet(variables={"colour": name}) for name in ("red", "red", "blue"))
    for sheet in (red, again, blue):
        sheet.add_source(source, read_from=("here", ""))
    assert red.rules[0] is again.rules[0]
    assert red.rules[0].styles.color != blue.rules[0].styles.color
    again.set_variables({"colour": "blue"})
    again.reparse()
    assert again.rules[0] is blue.rules[0]


def test_chops_update_holds_strips_by_column() -> None:
    """Textual 8.2.8, `ChopsUpdate`: a dict from column to strip per line, spans and ends of the chops.

    Used by `tui.framework.cell_diff.TerminalBuffer.render_changes`.
    """
    assert parameters_of(ChopsUpdate) == ["chops", "spans", "chop_ends"]
    strip = Strip([Segment("abc")])
    update = ChopsUpdate([{0: strip, 3: None}], [(0, 0, 3)], [[3, 6]])
    assert isinstance(update, CompositorUpdate)
    assert (update.chops, update.spans, update.chop_ends) == ([{0: strip, 3: None}], [(0, 0, 3)], [[3, 6]])
    assert "abc" in update.render_segments(CONSOLE)


def test_layout_update_holds_strips_and_region() -> None:
    """Textual 8.2.8, `LayoutUpdate`: an iterable of strips per line, and the region of the screen.

    Used by `tui.framework.cell_diff.TerminalBuffer.render_full`.
    """
    assert parameters_of(LayoutUpdate) == ["strips", "region"]
    lines: list[Iterable[Strip]] = [[Strip([Segment("abc")])]]
    update = LayoutUpdate(lines, Region(0, 0, 3, 1))
    assert isinstance(update, CompositorUpdate)
    assert (update.strips, update.region.width) == (lines, 3)
    assert "abc" in update.render_segments(CONSOLE)


def test_compositor_update_renders_to_a_string() -> None:
    """Textual 8.2.8, `CompositorUpdate.render_segments(console)`: the output of an update.

    Overridden by `tui.framework.cell_diff`.
    """
    assert parameters_of(CompositorUpdate.render_segments) == ["self", "console"]


@pytest.mark.parametrize(
    ("name", "system"),
    [
        ("standard", ColorSystem.STANDARD),
        ("256", ColorSystem.EIGHT_BIT),
        ("truecolor", ColorSystem.TRUECOLOR),
    ],
)
def test_console_knows_its_colour_system(name: str, system: ColorSystem) -> None:
    """Rich as installed with Textual 8.2.8, `Console._color_system`: a `ColorSystem`, or None.

    Used by `tui.framework.cell_diff`.
    """
    assert Console(force_terminal=True, color_system=name)._color_system is system  # type: ignore[arg-type]
    assert Console(color_system=None)._color_system is None


def test_style_attributes_are_bit_masks() -> None:
    """Rich as installed with Textual 8.2.8, `Style._attributes` and `Style._set_attributes`.

    The bits are in the order of `textual.strip.SGR_STYLES`. Used by `tui.framework.cell_diff`.
    """
    style = Style(bold=True, italic=False, underline=True)
    assert style._set_attributes & 0b1101 == 0b1101
    assert style._attributes & style._set_attributes == 0b1001
    assert [SGR_STYLES[bit] for bit in (0, 3)] == ["1", "4"]


def test_message_pumps_pass_a_key_up_once() -> None:
    """Textual 8.2.8: a key has `is_forwarded`, a message `set_sender`, a pump `post_message`.

    Used by `tui.framework.key_queue.KeyQueue`.
    """
    from textual import events

    key = events.Key("a", "a")
    assert not key.is_forwarded
    assert parameters_of(key.set_sender) == ["sender"]
    assert parameters_of(MessagePump.post_message) == ["self", "message"]


def test_unexpected_errors_end_the_app_through_one_method() -> None:
    """Textual 8.2.8, `App._handle_exception(error)`: gets every error, and keeps the first as `_exception`.

    Overridden by `tui.framework.terminal.TerminalApp`, with the same effects except for the traceback.
    """
    assert parameters_of(App._handle_exception) == ["self", "error"]
    used = App._handle_exception.__code__.co_names + App._fatal_error.__code__.co_names
    for name in ("_return_code", "_exception", "_exception_event", "_close_messages_no_wait"):
        assert name in used


def test_the_pin_is_exact() -> None:
    """Snapshots and the private names depend on one release of Textual."""
    assert '"textual==8.2.8"' in Path(ROOT / "pyproject.toml").read_text(encoding="utf-8")
