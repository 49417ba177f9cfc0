"""Every key of the tables of keys, pressed: it reaches what it is said to do, and other tests tell what."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.actions import parse
from textual.binding import Binding
from textual.dom import DOMNode
from textual.pilot import Pilot
from textual.screen import ModalScreen, Screen

from runner.cli.places import (
    ComparePlace,
    DashboardPlace,
    FleetPlace,
    HomePlace,
    LivePlace,
    ResultPlace,
    RunsPlace,
    SweepPlace,
    TunePlace,
)
from runner.profile.yaml_file import load_text
from tests.support import histories, recorded_runs, tunings, world
from tests.support.histories import figure
from tests.support.world import wait_until_idle
from tests.tui.screens.sweep import support as sweeps
from tui.app import TrtbenchApp
from tui.framework.keymap import GLOBAL_KEYS
from tui.screens.dialogs.ask import AskScreen, Question
from tui.screens.dialogs.choose import Choice, ChooseScreen
from tui.screens.dialogs.confirm import ConfirmScreen
from tui.screens.dialogs.help import HelpScreen
from tui.screens.home.import_engine import ImportEngineScreen
from tui.screens.home.save_as import SaveAsScreen
from tui.screens.live.health_page import HealthScreen
from tui.screens.live.log_page import LogScreen
from tui.screens.live.view_cache import LiveViewCache
from tui.screens.registry import SCREENS, keys_of
from tui.screens.runs.trash import TrashScreen
from tui.screens.sweep.start import SweepStart
from tui.screens.tune.start import TuneStart

Heard = list[tuple[str, tuple[object, ...]]]


def listen(targets: Sequence[DOMNode], actions: Sequence[str]) -> Heard:
    """Nothing is done any more on these: what would have been done is written down."""
    heard: Heard = []
    for name in {parse(action)[1] for action in actions}:
        for target in targets:
            if hasattr(target, f"action_{name}"):
                setattr(target, f"action_{name}", lambda *given, name=name: heard.append((name, given)))
    for target in targets:
        target.check_action = lambda action, parameters: True  # type: ignore[method-assign]
    return heard


async def all_are_heard(pilot: Pilot[Any], keys: Sequence[tuple[str, str]]) -> None:
    """Press each key (with its action) on the screen that is shown."""
    screen = pilot.app.screen
    focused = [screen.focused] if screen.focused is not None else []
    heard = listen([screen, *focused, pilot.app], [action for _, action in keys])
    for name, action in keys:
        heard.clear()
        await pilot.press(name)
        await pilot.pause()
        assert heard == [parse(action)[1:]], name


def compared() -> DashboardPlace:
    for name in ("aaaa", "bbbb"):
        histories.ended(name, "qwen", figures=[figure()])
    return ComparePlace(("aaaa", "bbbb"))


def listed() -> DashboardPlace:
    world.create_ended_run("aaaa", "quickstart", "finished", ago=180)
    return RunsPlace()


PLACES: dict[str, Callable[[Path], DashboardPlace]] = {
    "home": lambda root: HomePlace(),
    "runs": lambda root: listed(),
    "live": lambda root: LivePlace(recorded_runs.on_gpus(2, 2).feed(root, 1.0)),
    "result": lambda root: ResultPlace(recorded_runs.finished().write(root)),
    "compare": lambda root: compared(),
    "sweep": lambda root: SweepPlace(sweeps.complete()),
    "tune": lambda root: TunePlace(tunings.fake().path),
    "fleet": lambda root: FleetPlace(),
}


@pytest.mark.parametrize("screen", SCREENS)
async def test_every_key_of_a_screen(screen: str, tmp_path: Path) -> None:
    app = TrtbenchApp(PLACES[screen](tmp_path))
    async with app.run_test(size=(120, 40)) as pilot:
        await wait_until_idle(pilot)
        every = (*keys_of(screen), *GLOBAL_KEYS)
        await all_are_heard(pilot, [(name, key.action) for key in every for name in key.keys.split(",")])


@asynccontextmanager
async def laid_over(dialog: Screen[Any]) -> AsyncIterator[Pilot[int]]:
    app = TrtbenchApp(RunsPlace())
    async with app.run_test(size=(120, 40)) as pilot:
        await app.open_dialog(dialog)
        await pilot.pause()
        yield pilot


def bound(dialog: Screen[Any]) -> list[tuple[str, str]]:
    """The keys of a dialog, each with its action."""
    found = []
    for binding in type(dialog).BINDINGS:
        keys, action = (binding.key, binding.action) if isinstance(binding, Binding) else binding[:2]
        found += [(name, action) for name in keys.split(",")]
    return found


QUICKSTART = load_text(world.BUILT_IN["quickstart"], "quickstart")
DIALOGS: dict[type[Screen[Any]], Callable[[Path], Screen[Any]]] = {
    AskScreen: lambda root: AskScreen(Question("a name", "what it is called")),
    ChooseScreen: lambda root: ChooseScreen("dtype", "the type", [Choice("float16"), Choice("")], ""),
    ConfirmScreen: lambda root: ConfirmScreen("Stop it?", "It ends.", yes="stop it", no="let it run"),
    HealthScreen: lambda root: HealthScreen(recorded_runs.under_way().feed(root, 1.0), LiveViewCache()),
    HelpScreen: lambda root: HelpScreen("home"),
    ImportEngineScreen: lambda root: ImportEngineScreen(),
    LogScreen: lambda root: LogScreen(root / "0-benchmark.log"),
    SaveAsScreen: lambda root: SaveAsScreen(QUICKSTART),
    SweepStart: lambda root: SweepStart(QUICKSTART),
    TuneStart: lambda root: TuneStart(QUICKSTART),
    TrashScreen: lambda root: TrashScreen(world.NOW),
}


@pytest.mark.parametrize("kind", DIALOGS, ids=lambda kind: kind.__name__)
async def test_every_key_of_a_dialog(kind: type[Screen[Any]], tmp_path: Path) -> None:
    dialog = DIALOGS[kind](tmp_path)
    async with laid_over(dialog) as pilot:
        await all_are_heard(pilot, bound(dialog))


def test_no_dialog_is_left_out() -> None:
    direct = [kind for kind in ModalScreen.__subclasses__() if kind.__module__.startswith("tui.")]
    ours = {leaf for kind in direct for leaf in kind.__subclasses__() or [kind]}
    assert ours == set(DIALOGS)
