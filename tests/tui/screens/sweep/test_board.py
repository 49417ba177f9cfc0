"""The sweep screen: all states at three sizes, and its keys."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.app import App
from textual.pilot import Pilot

from runner.cli.places import SweepPlace
from runner.history.lookup import find_run
from runner.plan.plan import Configuration
from runner.run import layout
from runner.sweep import control
from runner.sweep.directory import (
    MeasuredConfiguration,
    SweepBegun,
    SweepEnded,
    SweepRunEnded,
    SweepRunStarted,
    SweepStopping,
)
from runner.sweep.spec import Slot, SweepAxis, SweepCell, SweepSpec
from tests.support.sweeps import TINY, recorded, written
from tests.support.world import (
    SIZES,
    SMALL_SIZES,
    RecordingApp,
    notifications,
    size_id,
    wait_until_idle,
    widget_text,
)
from tui.app import TrtbenchApp
from tui.screens.dialogs.confirm import STOPPED_BY
from tui.screens.dialogs.help import HelpScreen
from tui.screens.sweep.screen import BoardScreen

BATCHES, TPS, LENGTHS = (1, 8, 32, 64), ("1", "2", "4"), ((128, 128), (1024, 128))
BEGUN = SweepBegun(wall=1e9)
Compare = Callable[..., bool]


@pytest.fixture(autouse=True)
def still_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.sweep.sweep_feed.now", lambda: 1e9 + 600)
    monkeypatch.setattr("runner.history.run_feed.time.monotonic_ns", lambda: 61_000_000_000)
    monkeypatch.setattr("runner.run.layout.secrets.token_hex", lambda count: "7f3a")


def planned() -> list[Configuration]:
    return [Configuration(batch, *lengths) for lengths in LENGTHS for batch in BATCHES]


def the_sweep(**changes: Any) -> SweepSpec:
    cells = [
        SweepCell(
            number=number, values=(("parallel.tp", tp), ("model.dtype", dtype)), profile=TINY,
            configurations=planned(),
        )
        for number, (tp, dtype) in enumerate((tp, dtype) for tp in TPS for dtype in ("float16", "fp8"))
    ]  # fmt: skip
    cells[-1] = msgspec.structs.replace(
        cells[-1], configurations=[], refused="build.quantization: fp8 does not work with tp 4 here"
    )
    axes = [SweepAxis("parallel.tp", list(TPS)), SweepAxis("model.dtype", ["float16", "fp8"])]
    return msgspec.structs.replace(
        SweepSpec(name="llama-8b", engine="trtllm", created=1e9, axes=axes, cells=cells, repeat=2), **changes
    )


def latency(cell: SweepCell, one: Configuration, repeat: int) -> float:
    """Return plausible milliseconds: larger batches and lengths take longer, more ranks and fp8 less."""
    tp, dtype = dict(cell.values)["parallel.tp"], dict(cell.values)["model.dtype"]
    base = 900 + one.input_len * 0.4 + one.batch_size * (14 if one.input_len < 1000 else 30)
    faster = {"1": 1.0, "2": 1.74, "4": 3.03}[tp] * (1.25 if dtype == "fp8" else 1.0)
    return base / faster * (1 + 0.02 * repeat)


def run_of(slot: Slot) -> str:
    return f"20260101T0000{slot.repeat}{slot.cell}Z_llama-8b_00{slot.repeat}{slot.cell}"


def measured(sweep: SweepSpec, slot: Slot, *, short_of: int = 999) -> list[SweepRunStarted | SweepRunEnded]:
    """Record a run in which configurations from this batch size on ran out of memory."""
    cell = sweep.cells[slot.cell]
    done = [one for one in cell.configurations if one.batch_size < short_of]
    out = [one for one in cell.configurations if one.batch_size == short_of and one.input_len < 1000]
    recorded(run_of(slot), {one: [latency(cell, one, slot.repeat)] * 20 for one in done})
    why = "a GPU ran out of memory (torch.OutOfMemoryError: CUDA out of memory.)"
    return [
        SweepRunStarted(
            wall=1e9 + 1, cell=slot.cell, repeat=slot.repeat, run=run_of(slot),
            configurations=cell.configurations,
        ),
        SweepRunEnded(
            wall=1e9 + 60, cell=slot.cell, repeat=slot.repeat, run=run_of(slot), seconds=60.0,
            measured=[
                *(MeasuredConfiguration(configuration=one, outcome="done") for one in done),
                *(MeasuredConfiguration(configuration=one, outcome="memory", why=why) for one in out),
            ],
        ),
    ]  # fmt: skip


def half_way() -> Path:
    """A running sweep: cells measured, out of memory, failed, running and queued."""
    sweep = the_sweep()
    cell = sweep.cells[3]
    failed = SweepRunEnded(
        wall=1e9 + 70, cell=2, repeat=0, run=run_of(Slot(2, 0)), seconds=10.0,
        measured=[
            MeasuredConfiguration(configuration=one, outcome="failed", why="NCCL failed between the GPUs")
            for one in cell.configurations
        ],
    )  # fmt: skip
    path = written(
        sweep,
        BEGUN,
        *measured(sweep, Slot(0, 0), short_of=64),
        *measured(sweep, Slot(1, 0)),
        SweepRunStarted(
            wall=1e9 + 65, cell=2, repeat=0, run=run_of(Slot(2, 0)), configurations=cell.configurations
        ),
        failed,
        SweepRunStarted(
            wall=1e9 + 75, cell=3, repeat=0, run=run_of(Slot(3, 0)), configurations=cell.configurations
        ),
    )
    recorded(run_of(Slot(2, 0)), {}, status="failed")
    values = {one: [latency(cell, one, 0)] * 20 for one in planned()[:2]}
    recorded(run_of(Slot(3, 0)), values, status=None)
    return path


def complete() -> Path:
    sweep = the_sweep()
    entries = [entry for slot in sweep.slots() for entry in measured(sweep, slot)]
    return written(sweep, BEGUN, *entries, SweepEnded(wall=1e9 + 600, status="finished"))


def one_axis() -> Path:
    """An A/B sweep of two profiles."""
    configurations = [Configuration(8, 128, 128)]
    cells = [
        SweepCell(number=n, values=(("profile", name),), profile=TINY, configurations=configurations)
        for n, name in enumerate(("llama-8b", "llama-8b-fp8"))
    ]
    axes = [SweepAxis("profile", ["llama-8b", "llama-8b-fp8"])]
    sweep = SweepSpec(
        name="llama-8b-vs-llama-8b-fp8", kind="ab", engine="trtllm", created=1e9, axes=axes, cells=cells,
        repeat=3,
    )  # fmt: skip
    entries: list[SweepRunStarted | SweepRunEnded] = []
    for slot in sweep.slots():
        values = [1000.0 - 80 * slot.cell + 7 * slot.repeat] * 20
        recorded(run_of(slot), {configurations[0]: values})
        entries += [
            SweepRunStarted(
                wall=1e9, cell=slot.cell, repeat=slot.repeat, run=run_of(slot), configurations=configurations
            ),
            SweepRunEnded(
                wall=1e9 + 60, cell=slot.cell, repeat=slot.repeat, run=run_of(slot), seconds=60.0,
                measured=[MeasuredConfiguration(configuration=configurations[0], outcome="done")],
            ),
        ]  # fmt: skip
    return written(sweep, BEGUN, *entries, SweepEnded(wall=1e9 + 400, status="finished"))


def nothing_yet() -> Path:
    return written(the_sweep(), BEGUN)


def long_names() -> Path:
    """A sweep with names and values of the maximum length."""
    return named("a-profile-with-a-very-long-name-that-nobody-would-type-twice-v2.5", "a-value-of-many-words")


def chinese() -> Path:
    return named("通义千问-32b", "半精度浮点")


def named(name: str, value: str) -> Path:
    """A sweep with this name, and this text in the values of an axis."""
    values = [f"{value}-{number}" for number in range(2)]
    sweep = the_sweep()
    cells = [
        msgspec.structs.replace(
            sweep.cells[number], values=(("launch.env.MODE", text), ("parallel.tp", "1")), refused=""
        )
        for number, text in enumerate(values)
    ]
    axes = [SweepAxis("launch.env.MODE", values), SweepAxis("parallel.tp", ["1"])]
    return written(msgspec.structs.replace(sweep, name=name, cells=cells, axes=axes, repeat=1), BEGUN)


def stopped() -> Path:
    return written(
        the_sweep(),
        BEGUN,
        SweepStopping(wall=1e9 + 5, by="the dashboard"),
        SweepEnded(wall=1e9 + 6, status="stopped", why="the dashboard"),
    )


@pytest.fixture
def with_locks() -> Iterator[Callable[[Path], Path]]:
    """Hold the locks of a sweep and its current run, so that they count as alive."""
    locks: list[int | None] = []

    def hold(path: Path) -> Path:
        locks.append(layout.try_lock(path))
        note = control.read_progress(path).current_run
        if note is not None:
            locks.append(layout.try_lock(find_run(note.run)))
        return path

    yield hold
    for lock in locks:
        if lock is not None:
            os.close(lock)


async def drawn(pilot: Pilot[Any]) -> None:
    """Wait until the sweep was read, or reading failed, and the board is drawn."""
    screen = board(pilot.app)
    while screen.view is None and not screen._broken:
        await pilot.pause(0.005)
    await pilot.pause()


# --- pictures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES, ids=size_id)
@pytest.mark.parametrize("make", [half_way, complete, one_axis], ids=lambda make: make.__name__)
def test_board(
    make: Callable[[], Path],
    size: tuple[int, int],
    snap_compare: Compare,
    with_locks: Callable[[Path], Path],
) -> None:
    path = make()
    if make is half_way:
        with_locks(path)
    assert snap_compare(TrtbenchApp(SweepPlace(path)), terminal_size=size, run_before=drawn)


@pytest.mark.parametrize("size", SMALL_SIZES, ids=size_id)
@pytest.mark.parametrize(
    "make", [nothing_yet, stopped, half_way, long_names, chinese], ids=lambda make: make.__name__
)
def test_board_without_sweep_runner(
    make: Callable[[], Path], size: tuple[int, int], snap_compare: Compare
) -> None:
    assert snap_compare(TrtbenchApp(SweepPlace(make())), terminal_size=size, run_before=drawn)


@pytest.mark.parametrize("size", SMALL_SIZES, ids=size_id)
def test_board_of_an_unreadable_sweep(
    size: tuple[int, int], snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert snap_compare(TrtbenchApp(SweepPlace(Path("gone"))), terminal_size=size, run_before=drawn)


@pytest.mark.parametrize("keys", [("p",), ("down", "right", "m"), ("A", "tab")], ids="-".join)
def test_board_keys(keys: tuple[str, ...], snap_compare: Compare) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await drawn(pilot)
        await pilot.press(*keys)

    assert snap_compare(TrtbenchApp(SweepPlace(complete())), terminal_size=SIZES[1], run_before=before)


def test_board_in_ascii(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRTBENCH_ASCII", "1")
    assert snap_compare(TrtbenchApp(SweepPlace(half_way())), terminal_size=SIZES[1], run_before=drawn)


# --- keys --------------------------------------------------------------------------------------------------


def board(app: App[Any]) -> BoardScreen:
    assert isinstance(app.screen, BoardScreen)
    return app.screen


async def test_arrows_select_a_cell_and_enter_opens_its_run() -> None:
    app = RecordingApp(SweepPlace(complete()))
    async with app.run_test(size=SIZES[1]) as pilot:
        await drawn(pilot)
        await pilot.press("down", "right", "right")
        view = board(app).view
        assert view is not None
        assert (view.row, view.column) == (1, 2)
        assert "tp 2 · dtype float16 · in/out 128/128 · batch 32" in widget_text(app.screen, "#point")
        await pilot.press("enter", "1", "2", "3")
    second, first = run_of(Slot(2, 1)), run_of(Slot(2, 0))
    assert [place for place in app.went if place != "away"] == [
        ("result", find_run(run)) for run in (second, first, second)
    ]
    assert notifications(pilot) == ["no run of repeat 3 for this cell"]


async def test_enter_on_a_running_cell_opens_the_live_screen(with_locks: Callable[[Path], Path]) -> None:
    app = RecordingApp(SweepPlace(with_locks(half_way())))
    async with app.run_test(size=SIZES[1]) as pilot:
        await drawn(pilot)
        await pilot.press("tab", "tab", "down", "right", "enter")
    assert app.went == [("live", find_run(run_of(Slot(3, 0))))]


async def test_m_switches_the_metric_and_t_keeps_the_selected_cell() -> None:
    app = RecordingApp(SweepPlace(complete()))
    async with app.run_test(size=SIZES[1]) as pilot:
        await drawn(pilot)
        await pilot.press("m")
        assert str(app.screen.query_one("#matrix-frame").border_title).startswith("latency, ms by batch")
        await pilot.press("down", "right", "tab")
        before = board(app).view
        assert before is not None
        assert before.point is not None
        for _ in range(12):
            await pilot.press("A")
            after = board(app).view
            assert after is not None
            assert after.point == before.point
        await pilot.press("shift+tab")
        assert board(app).view != before


async def test_x_asks_for_confirmation_and_stops_the_sweep(with_locks: Callable[[Path], Path]) -> None:
    path = with_locks(half_way())
    app = RecordingApp(SweepPlace(path))
    async with app.run_test(size=SIZES[1]) as pilot:
        await drawn(pilot)
        await pilot.press("x", "n")
        assert layout.read_stop_request(path) is None
        await pilot.press("x", "y")
        assert layout.read_stop_request(path) == STOPPED_BY


async def test_g_resumes_an_interrupted_sweep(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[Path, bool]] = []
    monkeypatch.setattr(control, "resume_sweep", lambda path, failed_too: asked.append((path, failed_too)))
    path = half_way()
    app = RecordingApp(SweepPlace(path))
    async with app.run_test(size=SIZES[1]) as pilot:
        await drawn(pilot)
        assert "INTERRUPTED" in widget_text(app.screen, "#header")
        await pilot.press("R")
        await wait_until_idle(pilot)
    assert asked == [(path, False)]


async def test_g_is_disabled_if_all_cells_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(control, "resume_sweep", lambda path, failed_too: asked.append(path))
    over = RecordingApp(SweepPlace(complete()))
    async with over.run_test(size=SIZES[1]) as pilot:
        await drawn(pilot)
        assert "resume" not in widget_text(over.screen, "#footer")
        await pilot.press("R")
    assert asked == []


async def test_marked_cells_are_compared_with_all_their_runs() -> None:
    app = RecordingApp(SweepPlace(complete()))
    async with app.run_test(size=SIZES[1]) as pilot:
        await drawn(pilot)
        await pilot.press("c")
        assert notifications(pilot) == ["mark two or more measured cells with space to compare them"]
        await pilot.press("space", "down", "c")
        await pilot.press("space", "space", "c")
    sides = [tuple(",".join(run_of(Slot(cell, repeat)) for repeat in (0, 1)) for cell in (0, 2))] * 2
    assert app.went == [("compare", side) for side in sides]


async def test_an_ab_sweep_is_compared_without_marks() -> None:
    app = RecordingApp(SweepPlace(one_axis()))
    async with app.run_test(size=SIZES[0]) as pilot:
        await drawn(pilot)
        await pilot.press("c")
    sides = tuple(",".join(run_of(Slot(cell, repeat)) for repeat in range(3)) for cell in (0, 1))
    assert app.went == [("compare", sides)]


async def test_y_copies_the_board_as_markdown() -> None:
    app = RecordingApp(SweepPlace(complete()))
    async with app.run_test(size=SIZES[1]) as pilot:
        await drawn(pilot)
        await pilot.press("C")
        lines = app.clipboard.splitlines()
    heads = [cell.strip() for cell in lines[2].split("|")[1:7]]
    assert heads == ["tp", "dtype", "in/out", "batch", "state", "tokens per second, tokens/s"]
    assert len([line for line in lines if line.startswith("|")]) == 2 + 48


async def test_help_plot_and_keys_that_leave_the_screen() -> None:
    app = RecordingApp(SweepPlace(complete()))
    async with app.run_test(size=SIZES[1]) as pilot:
        await drawn(pilot)
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("escape", "p")
        assert not app.screen.query_one("#matrix-frame").display
        await pilot.press("escape")
        assert app.screen.query_one("#matrix-frame").display
        await pilot.press("r", "h", "q")
    assert app.went == ["runs", "home", "away"]


async def test_a_directory_without_a_sweep_is_reported(tmp_path: Path) -> None:
    app = RecordingApp(SweepPlace(tmp_path))
    async with app.run_test(size=SIZES[0]) as pilot:
        await drawn(pilot)
        assert "not a sweep" in " ".join(widget_text(app.screen, "#trades").split())
        await pilot.press("down", "right", "tab", "A", "m", "enter", "c", "R", "C", "q")
    assert app.went == ["away"]


async def test_progress_of_the_sweep_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    from runner.sweep.directory import LogWriter

    monkeypatch.setattr(BoardScreen, "poll_s", 0.05)
    path = nothing_yet()
    app = RecordingApp(SweepPlace(path))
    async with app.run_test(size=SIZES[1]) as pilot:
        await drawn(pilot)
        assert "0 of 80 done" in widget_text(app.screen, "#progress")
        log = LogWriter(path)
        for entry in measured(the_sweep(), Slot(0, 0)):
            log.write(entry)
        while "8 of 80 done" not in widget_text(app.screen, "#progress"):
            await pilot.pause(0.01)
        assert "✔" not in widget_text(app.screen, "#matrix"), "one of two repeats does not complete a cell"
        assert "◐" in widget_text(app.screen, "#matrix") or "★" in widget_text(app.screen, "#matrix")
