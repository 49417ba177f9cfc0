"""The comparison screen: order of its parts, keys, and runs that cannot be compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from runner.cli.places import ComparePlace, RunsPlace
from runner.history.lookup import find_run
from runner.history.reader import read_entries
from runner.run import layout
from runner.util import paths
from tests.support import histories, world
from tests.support.compared_runs import PROFILE, run, some
from tests.support.histories import figure
from tests.support.world import RecordingApp, notifications, wait_until_idle, widget_text
from tui.app import TrtbenchApp
from tui.framework.picker import LinePicker
from tui.screens.compare.screen import CompareScreen, group_sides
from tui.screens.dialogs.help import HelpScreen

SIZE = (120, 40)


def some_runs() -> None:
    """Write a run, a repeat, a slower run on another machine, and a faster one with another dtype."""
    run({1: some(100), 16: some(300, seed=3)}, name="aaaa")
    run({1: some(100.05, seed=2), 16: some(300.1, seed=4)}, name="5a3e", second=1)
    run({1: some(130, seed=5), 16: some(390, seed=6)}, name="5105", second=2, host="bench02")
    fast = PROFILE.replace("float16", "bfloat16")
    run({1: some(70, seed=7), 16: some(210, seed=8), 32: some(400)}, name="fa57", second=3, profile=fast)


def lines(pilot: Pilot[int]) -> list[str]:
    return [" ".join(line.split()) for line in widget_text(pilot.app.screen, "#change-list").splitlines()]


async def compared(pilot: Pilot[int]) -> None:
    await wait_until_idle(pilot)
    assert isinstance(pilot.app.screen, CompareScreen)


async def test_a_fair_comparison() -> None:
    some_runs()
    app = RecordingApp(ComparePlace(("aaaa", "fa57")))
    async with app.run_test(size=SIZE) as pilot:
        await compared(pilot)
        assert widget_text(app.screen, "#answer").startswith(
            "▲ B is faster than A in all 2 configurations (latency, mean -30.1 %)"
        )
        bar = widget_text(app.screen, "#bars").splitlines()[0]
        assert bar.startswith("batch 1 64→16 ")
        assert "━●━━██" in bar
        assert "100.1 → 69.91 ms" in bar
        assert "model.dtype" in widget_text(app.screen, "#differences")
        assert lines(pilot)[0] == "batch 1 64→16"
        first = lines(pilot)[1]
        assert first.startswith("latency, mean, ms 100.")
        assert first.endswith("% ▲ FASTER")
        assert "FASTER" in widget_text(app.screen, "#header")
        assert "latency, mean, A → B: -30." in widget_text(app.screen, "#chosen")
        assert "variation: 2.00 % assumed" in widget_text(app.screen, "#chosen")
        await pilot.press("end")
        await wait_until_idle(pilot)
        assert "only B of A and B measured batch 32 64→16" in "\n".join(
            "".join(span.text for span in line.row) for line in app.screen.query_one(LinePicker)._lines
        )


async def test_an_unfair_comparison_is_marked_before_the_numbers() -> None:
    some_runs()
    app = RecordingApp(ComparePlace(("aaaa", "5105")))
    async with app.run_test(size=SIZE) as pilot:
        await compared(pilot)
        answer = widget_text(app.screen, "#answer").splitlines()
        assert answer[0] == "✖ A and B are not comparable: not the same machine: bench01 and bench02."
        assert widget_text(app.screen, "#differences").splitlines()[0].split() == [
            "✖",
            "machine",
            "bench01",
            "bench02",
        ]
        assert lines(pilot)[1].endswith("– NOT JUDGED")


async def test_more_than_two_sides_are_compared_with_the_first() -> None:
    some_runs()
    app = RecordingApp(ComparePlace(("aaaa", "5a3e", "5105", "fa57")))
    async with app.run_test(size=(200, 50)) as pilot:
        await compared(pilot)
        assert lines(pilot)[1].split()[-1] == "FASTER"
        assert "NOT JUDGED" in lines(pilot)[1]
        for key, side in (("right", "C"), ("right", "D"), ("right", "D"), ("left", "C"), ("left", "B"),
                          ("left", "A"), ("left", "A")):  # fmt: skip
            await pilot.press(key)
            await wait_until_idle(pilot)
            shown = [line for line in widget_text(app.screen, "#sides").splitlines() if line.startswith("▸")]
            assert shown[0].split()[1] == side
        await pilot.click("#sides", offset=(4, 2))
        await wait_until_idle(pilot)
        assert "A → C" in widget_text(app.screen, "#chosen")


async def test_the_selected_side_is_visible_on_a_narrow_terminal() -> None:
    some_runs()
    app = RecordingApp(ComparePlace(("aaaa", "5a3e", "5105", "fa57")))
    async with app.run_test(size=(80, 24)) as pilot:
        await compared(pilot)
        await pilot.press("right", "right")
        await wait_until_idle(pilot)
        assert widget_text(app.screen, "#heading").split() == ["metric", "←", "A", "D", "change", "verdict"]
        assert lines(pilot)[1].endswith("▲ FASTER")


async def test_moving_updates_the_text_on_the_selected_change() -> None:
    some_runs()
    app = RecordingApp(ComparePlace(("aaaa", "fa57")))
    async with app.run_test(size=SIZE) as pilot:
        await compared(pilot)
        for key, said in (("down", "p50,"), ("j", "p95,"), ("k", "p50,"), ("up", "latency, mean,"),
                          ("end", "time per output token,"), ("home", "latency, mean,")):  # fmt: skip
            await pilot.press(key)
            await pilot.pause()
            assert widget_text(app.screen, "#chosen").startswith(said), key


async def test_question_mark_explains_the_number_and_its_verdict() -> None:
    some_runs()
    app = RecordingApp(ComparePlace(("aaaa", "5a3e")))
    async with app.run_test(size=(120, 60)) as pilot:
        await compared(pilot)
        await pilot.press("question_mark")
        await wait_until_idle(pilot)
        assert isinstance(app.screen, HelpScreen)
        shown = " ".join(widget_text(app.screen, "#help").split())
        for words in ("formula", "sum of latencies", "this change", "one run each", "? INCONCLUSIVE",
                      "the whole 95 % interval is within 1 %"):  # fmt: skip
            assert words in shown
        await pilot.press("escape", "d")
        await wait_until_idle(pilot)
        assert "no known difference" in widget_text(app.screen, "#help")


async def test_d_shows_all_differences_in_full() -> None:
    some_runs()
    app = RecordingApp(ComparePlace(("aaaa", "5105", "fa57")))
    async with app.run_test(size=SIZE) as pilot:
        await compared(pilot)
        await pilot.press("d")
        await wait_until_idle(pilot)
        shown = " ".join(widget_text(app.screen, "#help").split())
        assert "machine (not comparable) A bench01 B bench02 C bench01" in shown
        assert "model.dtype A float16 B float16 C bfloat16" in shown


async def test_the_comparison_is_copied_as_markdown(monkeypatch: pytest.MonkeyPatch) -> None:
    some_runs()
    app = RecordingApp(ComparePlace(("aaaa", "5105")))
    copied: list[str] = []
    monkeypatch.setattr(app, "copy_to_clipboard", copied.append)
    async with app.run_test(size=SIZE) as pilot:
        await compared(pilot)
        await pilot.press("C")
        await wait_until_idle(pilot)
        assert notifications(pilot) == ["comparison copied to the clipboard of your terminal, as Markdown"]
    assert copied[0].startswith(
        "**A and B are not comparable: not the same machine: bench01 and bench02.**\n\n"
        "- **A** p (a decoder): `20260101T000000Z_p_aaaa`\n"
    )
    assert "**A → B**: **not comparable**. One run each" in copied[0]
    rows = [line for line in copied[0].splitlines() if line.startswith("| latency, mean, ms")]
    assert len(rows) == 2
    assert all("| NOT JUDGED" in row for row in rows)


@pytest.mark.parametrize(("keys", "letters"), [((), "fa57"), (("left",), "aaaa")])
async def test_enter_opens_the_run_of_the_selected_side(keys: tuple[str, ...], letters: str) -> None:
    some_runs()
    app = RecordingApp(ComparePlace(("aaaa", "fa57")))
    async with app.run_test(size=SIZE) as pilot:
        await compared(pilot)
        await pilot.press(*keys, "enter")
        await wait_until_idle(pilot)
        assert app.went == [("result", find_run(letters))]


async def test_a_double_click_opens_the_run() -> None:
    some_runs()
    app = RecordingApp(ComparePlace(("aaaa", "fa57")))
    async with app.run_test(size=SIZE) as pilot:
        await compared(pilot)
        await pilot.click("#change-list", offset=(10, 1), times=2)
        await wait_until_idle(pilot)
        assert app.went == [("result", find_run("fa57"))]


async def test_s_makes_the_selected_side_the_first() -> None:
    some_runs()
    app = RecordingApp(ComparePlace(("aaaa", "fa57", "5105")))
    async with app.run_test(size=SIZE) as pilot:
        await compared(pilot)
        await pilot.press("right", "b")
        await wait_until_idle(pilot)
        assert app.went == [("compare", ("5105", "aaaa", "fa57"))]


@pytest.mark.parametrize(("key", "place"), [("r", "runs"), ("h", "home"), ("q", "away")])
async def test_keys_that_leave_the_screen(key: str, place: str) -> None:
    some_runs()
    app = RecordingApp(ComparePlace(("aaaa", "fa57")))
    async with app.run_test(size=SIZE) as pilot:
        await compared(pilot)
        await pilot.press(key)
        await wait_until_idle(pilot)
        assert app.went == [place]


async def test_escape_returns_to_the_previous_screen() -> None:
    some_runs()
    app = TrtbenchApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("space", "space", "c")
        await compared(pilot)
        await pilot.press("escape")
        await wait_until_idle(pilot)
        assert app.place == RunsPlace()


# --- runs that cannot be compared ---------------------------------------------------------------------------


def unmeasured() -> Path:
    return histories.ended("none", "p", ago=10)


def unreadable() -> Path:
    folder = paths.runs_dir() / "20260101T000009Z_p_torn"
    folder.mkdir(parents=True)
    (folder / layout.PLAN).write_text('{"engi')
    return folder


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (unmeasured, "has no measured configuration to compare"),
        (unreadable, "cannot be read as a plan"),
        (lambda: Path("gone"), "there is no run 'gone'"),
    ],
    ids=["unmeasured", "unreadable", "gone"],
)
async def test_the_reason_is_shown_if_runs_cannot_be_compared(other: Callable[[], Path], said: str) -> None:
    some_runs()
    app = RecordingApp(ComparePlace(("aaaa", other().name)))
    async with app.run_test(size=SIZE) as pilot:
        await compared(pilot)
        assert said in " ".join(widget_text(app.screen, "#problem").split())
        assert not app.screen.query_one("#changes").display
        await pilot.press("enter", "left", "right", "b", "d", "C", "question_mark")
        await wait_until_idle(pilot)
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("escape", "r")
        await wait_until_idle(pilot)
        assert app.went == ["runs"]


async def test_no_configuration_in_common() -> None:
    run({1: some()}, name="aaaa")
    run({4: some()}, name="bbbb", second=1)
    app = RecordingApp(ComparePlace(("aaaa", "bbbb")))
    async with app.run_test(size=SIZE) as pilot:
        await compared(pilot)
        assert "no configuration in common" in lines(pilot)[0]
        await pilot.press("question_mark", "escape", "down", "enter")
        await wait_until_idle(pilot)
        assert app.went == [("result", find_run("bbbb"))]


# --- from the list of runs ----------------------------------------------------------------------------------


def test_repeats_of_a_sweep_are_one_side() -> None:
    chosen = (("a", None), ("b", ("s", 0)), ("c", ("s", 1)), ("d", ("s", 0)))
    assert group_sides(chosen) == ("a", "b,d", "c")


async def test_marked_runs_are_compared_in_the_order_of_marking() -> None:
    histories.ended("aaaa", ago=100, figures=[figure()])
    histories.ended("bbbb", ago=200, figures=[figure()])
    by_letters = {entry.run[-4:]: entry.run for entry in read_entries()}
    app = RecordingApp(RunsPlace())
    async with app.run_test(size=SIZE) as pilot:
        await wait_until_idle(pilot)
        await pilot.press("c")
        await wait_until_idle(pilot)
        assert notifications(pilot) == ["mark two or more runs with space to compare them"]
        await pilot.press("down", "space", "up", "c")
        await wait_until_idle(pilot)
        assert app.went == [("compare", (by_letters["bbbb"], by_letters["aaaa"]))]
        await pilot.press("space", "c")
        await wait_until_idle(pilot)
        assert app.went[1] == app.went[0]


# --- pictures -----------------------------------------------------------------------------------------------

Snap = Callable[..., bool]


SIDES = {"fair": ("aaaa", "fa57"), "unfair": ("aaaa", "5105"), "four": ("aaaa", "5a3e", "5105", "fa57"),
         "chinese": ("aaaa", "c1c1")}  # fmt: skip


@pytest.mark.parametrize(
    ("sides", "size"),
    [
        *(("fair", size) for size in world.SIZES),
        *((sides, size) for sides in ("unfair", "four", "chinese") for size in world.SMALL_SIZES),
    ],
    ids=lambda value: value if isinstance(value, str) else world.size_id(value),
)
def test_picture(snap_compare: Snap, sides: str, size: tuple[int, int]) -> None:
    some_runs()
    if sides == "chinese":
        named = PROFILE.replace("name: p", "name: p\ndescription: 用于测量延迟的小型解码器，半精度浮点")
        run({1: some(80)}, name="c1c1", second=4, profile=named, host="台式机")

    async def look(pilot: Pilot[int]) -> None:
        await wait_until_idle(pilot)
        await pilot.press("down", "down")
        await wait_until_idle(pilot)

    assert snap_compare(TrtbenchApp(ComparePlace(SIDES[sides])), terminal_size=size, run_before=look)


@pytest.mark.parametrize("keys", [("question_mark",), ("d",)], ids=["explain", "differences"])
def test_picture_of_help(snap_compare: Snap, keys: tuple[str, ...]) -> None:
    some_runs()

    async def look(pilot: Pilot[int]) -> None:
        await wait_until_idle(pilot)
        await pilot.press(*keys)
        await wait_until_idle(pilot)

    assert snap_compare(TrtbenchApp(ComparePlace(("aaaa", "5105"))), terminal_size=SIZE, run_before=look)


@pytest.mark.parametrize("size", world.SMALL_SIZES, ids=world.size_id)
def test_picture_of_a_problem(snap_compare: Snap, size: tuple[int, int]) -> None:
    assert snap_compare(
        TrtbenchApp(ComparePlace(("gone", "lost"))), terminal_size=size, run_before=wait_until_idle
    )


async def test_o_writes_a_page_with_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    some_runs()
    monkeypatch.setattr("runner.export.report_file.show", lambda path: False)
    app = RecordingApp(ComparePlace(("aaaa", "fa57")))
    async with app.run_test(size=SIZE) as pilot:
        await compared(pilot)
        await pilot.press("o")
        await wait_until_idle(pilot)
        page = paths.state_home() / "reports" / "compare-aaaa-fa57.html"
        assert notifications(pilot) == [f"no desktop here; copy the file to one, or open {page}"]
        assert "B is faster than A in all 2 configurations" in page.read_text(encoding="utf-8")
