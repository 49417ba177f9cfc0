"""The screen of other machines: its lines, and its keys on a fleet that is made up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot

from runner.cli.places import FleetPlace
from runner.fleet.fleet import Fleet, HostView
from runner.fleet.found import FoundRun, FoundSweep
from runner.fleet.link import LinkState, LinkStatus
from runner.fleet.machine import GpuNow, Machine, Use
from runner.fleet.remote_host import StopState
from runner.fleet.wire import Listing, RemoteRun
from runner.history.run_entry import Figure
from runner.plan.plan import SweepMembership
from runner.state.run import LiveStatus
from runner.util import paths
from runner.util.errors import UserError
from tests.support import world
from tests.support.world import RecordingApp, notifications, wait_until_idle, widget_text
from tui.framework.rows import row_text
from tui.screens.fleet.fleet_lines import draw_detail, draw_fleet, fleet_data
from tui.screens.fleet.screen import FleetScreen

GIB = 1 << 30
ROUTE = "ssh: connect to host box2 port 22: No route to host"


def run(
    letters: str, status: LiveStatus, *, seconds: float = 754.0, waiting: str = "", cause: str = ""
) -> RemoteRun:
    best = Figure((16, 1024, 1024, 1.0, 0, 0), 1678.4, 43.7) if status == "finished" else None
    return RemoteRun(
        f"20260101T000000Z_qwen2.5-32b_{letters}", "qwen2.5-32b", "trtllm", status, world.NOW, seconds,
        cause=cause, best=best, waiting=waiting,
    )  # fmt: skip


def gpus(count: int) -> list[GpuNow]:
    return [
        GpuNow(
            index,
            "NVIDIA H200",
            f"GPU-{index}",
            140 * GIB,
            71 * GIB if index < 4 else GIB,
            97.0 if index < 4 else 0.0,
        )
        for index in range(count)
    ]


RUNS = [
    run("19bc", "queued", seconds=40.0, waiting="waiting for GPU 0: in use by run 7f3a (alice)"),
    msgspec.structs.replace(run("7f3a", "running"), where="job 7 on node[1-2]"),
    run("a001", "failed", cause="rank 1 ran out of memory"),
    *(run(f"a0{number:02d}", "finished") for number in range(10, 17)),
]
MACHINE = Machine(
    host="bench01",
    cores=64,
    load=3.25,
    gpus=gpus(8),
    no_gpus="",
    uses=[Use(f"gpu-{index}", RUNS[1].run, "alice", 754.0) for index in range(4)],
)
BOX = HostView("user@box", LinkState(LinkStatus.CONNECTED), "0.1.0", Listing(MACHINE, RUNS, 12), 2.0)
GONE = HostView("box2", LinkState(LinkStatus.UNREACHABLE, ROUTE, 108.0), "", None, None)
OLD = HostView(
    "box3",
    LinkState(LinkStatus.UNREACHABLE, "no answer for 30 s", 104.0, was_cut=True),
    "0.1.0",
    Listing(
        Machine("bench03", 8, 0.5, [], "the NVIDIA driver is not installed", [Use("cpu", "", "bob", None)]),
        [],
    ),
    200.0,
)


SWEPT: tuple[tuple[int, LiveStatus], ...] = ((4, "running"), (2, "finished"), (1, "finished"))
TUNED = HostView(
    "box4",
    LinkState(LinkStatus.CONNECTED),
    "0.1.0",
    Listing(
        Machine("bench04", 8, 0.5, [], "the NVIDIA driver is not installed", []),
        [
            run("c003", "running"),
            *(
                msgspec.structs.replace(
                    run(f"b00{cell}", status),
                    sweep=SweepMembership(sweep="s_5f00", cell=cell, values=(("parallel.tp", str(cell)),)),
                )
                for cell, status in SWEPT
            ),
        ],
    ),
    1.0,
)


def lines(
    *views: HostView, width: int = 118, every: bool = False, unfolded: tuple[tuple[str, str], ...] = ()
) -> list[str]:
    marked = frozenset({("user@box", RUNS[1].run)})
    data = fleet_data(views, 100.0, marked=marked, unfolded=frozenset(unfolded), every=every)
    return [row_text(line.row).rstrip() for line in draw_fleet(data, width)]


def test_a_machine_shows_who_has_what_and_who_waits() -> None:
    shown = lines(BOX)
    assert shown[0] == "user@box  ● CONNECTED   bench01  64 cores, load 3.2   v0.1.0"
    assert shown[1] == "  GPUs  8 × NVIDIA H200"
    held = "        0–3   in use by run 7f3a (alice) for 12:34   memory 284.0 of 560.0 GiB   busy 97 %"
    assert shown[2:4] == [held, "        4–7   free   memory 4.0 of 560.0 GiB   busy 0 %"]
    assert "waiting for GPU 0: in use by run 7f3a (alice)" in shown[4]
    assert shown[5].startswith("  ● ● RUNNING   7f3a  qwen2.5-32b")
    assert shown[5].endswith("job 7 on node[1-2]")
    assert "rank 1 ran out of memory" in shown[6]
    assert "1 678 tokens/s" in shown[7]
    assert shown[-1] == "    15 more ended runs", "those that are listed with v, and those that are not"
    assert lines(BOX, every=True)[-1] == "    12 more ended runs"


def test_runs_of_a_sweep_are_one_row_that_unfolds() -> None:
    folded = lines(TUNED)[2:]
    assert folded[1:] == [
        "    ● RUNNING   5f00  ▸ qwen2.5-32b (3)            37:42     1 678 tokens/s"
        "  3 listed runs: tp 1, 2, 4"
    ]
    unfolded = lines(TUNED, unfolded=(("box4", "s_5f00"),))[2:]
    assert [line[16:38].rstrip() for line in unfolded[1:]] == [
        "5f00  ▾ qwen2.5-32b (3",
        "b004    qwen2.5-32b",
        "b002    qwen2.5-32b",
        "b001    qwen2.5-32b",
    ]
    assert unfolded[3].endswith("tp 2")


def test_a_host_that_is_gone_shows_why_and_since_when() -> None:
    again = "  next attempt in 8 s; `ssh box2` has to work without a question"
    assert lines(GONE) == ["box2  ✖ UNREACHABLE", f"  {ROUTE}", again]
    shown = lines(OLD)
    assert shown[0].endswith("list is 3:20 old")
    assert shown[3:] == [
        "  GPUs  the NVIDIA driver is not installed",
        "  CPU   in use by another process (bob)",
    ]


def test_no_line_is_wider_than_the_screen() -> None:
    assert max(map(len, lines(BOX, GONE, OLD, width=76))) <= 76
    assert len(draw_detail(FoundRun("user@box", RUNS[2]), 40, 2)) == 2


class FakeFleet(Fleet):
    """A fleet whose hosts are as above, and which copies and stops nothing."""

    def __init__(self, *views: HostView) -> None:
        super().__init__([])
        self.shown = list(views)
        self.asked: list[object] = []

    def views(self) -> list[HostView]:
        return self.shown

    def refresh(self) -> None:
        self.asked.append("refresh")

    def stop(self, host: str, run: str, by: str) -> StopState:
        self.asked.append(("stop", host, run))
        return StopState(by, answer="the disk is full")

    def copy_all(
        self,
        wanted: Sequence[tuple[str, str]],
        *,
        whole: bool,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> list[Path]:
        if RUNS[2].run in dict(wanted).values():
            raise UserError("it was deleted there")
        return [Path("/copies") / run[-4:] for _, run in wanted]


class FleetApp(RecordingApp):
    def __init__(self, fleet: FakeFleet) -> None:
        super().__init__(FleetPlace())
        self.fake = fleet

    def fleet_of(self, hosts: str) -> Fleet:
        return self.fake

    def open_sweep(self, directory: Path, hosts: str = "") -> None:
        self.went.append(("sweep", directory))


async def pressed(pilot: Pilot[int], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
    await wait_until_idle(pilot)


async def test_keys_attach_compare_stop_and_refresh() -> None:
    app = FleetApp(FakeFleet(BOX, GONE))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = app.screen
        assert isinstance(screen, FleetScreen)
        await pressed(pilot, "enter", "x")
        assert app.went == app.fake.asked == [], "a host is nothing to attach to or to stop"
        await pressed(pilot, "G", "k", "enter")
        assert app.went == [("result", Path("/copies/a013"))]
        await pressed(pilot, "space", "k", "k", "c")
        assert app.went[1:] == [("compare", ("/copies/a012", "/copies/a013"))]
        await pressed(pilot, "g", "j", "j", "x", "n", "x", "y")
        assert app.fake.asked == [("stop", "user@box", RUNS[1].run)]
        await pressed(pilot, "j", "enter", "F")
        assert app.fake.asked[1:] == ["refresh"]
        assert len(app.went) == 2, "a run that cannot be copied opens nothing"


async def test_sweep_is_unfolded_marked_stopped_and_opened() -> None:
    app = FleetApp(FakeFleet(TUNED))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = app.screen
        assert isinstance(screen, FleetScreen)
        await pressed(pilot, "G", "enter", "right", "j", "j", "w")
        assert app.went == [("sweep", Path("/copies/5f00"))] * 2, "from its row, and from a run of it"
        app.went.clear()
        await pressed(pilot, "enter")
        assert app.went == [("result", Path("/copies/b002"))]
        await pressed(pilot, "left")
        assert isinstance(screen.current, FoundSweep), "the cursor goes to the row of the sweep"
        await pressed(pilot, "c")
        assert app.went[1:] == [("compare", ("/copies/b004", "/copies/b002", "/copies/b001"))]
        await pressed(pilot, "x", "y")
        assert app.fake.asked == [("stop", "box4", "sweep:s_5f00")]


@pytest.mark.parametrize(
    ("cells", "sides"),
    [
        ((0, 1, 1, 0), ("/copies/b000,/copies/b003", "/copies/b001,/copies/b002")),
        ((0, 0), None),
    ],
    ids=["two cells", "one cell"],
)
async def test_repeats_of_a_cell_are_one_side(cells: tuple[int, ...], sides: tuple[str, ...] | None) -> None:
    swept = [
        msgspec.structs.replace(
            run(f"b00{number}", "finished"), sweep=SweepMembership(sweep="s_5f00", cell=cell)
        )
        for number, cell in enumerate(cells)
    ]
    app = FleetApp(FakeFleet(replace(TUNED, listing=Listing(MACHINE, swept))))
    async with app.run_test(size=(120, 40)) as pilot:
        await pressed(pilot, "G", "c")
        assert app.went == ([("compare", sides)] if sides else [])
        told = [
            "these runs are repeats of one configuration; mark two or more runs with space to compare them"
        ]
        assert notifications(pilot) == ([] if sides else told)


async def test_single_listed_run_of_a_sweep_does_not_unfold() -> None:
    assert TUNED.listing is not None
    alone = msgspec.structs.replace(TUNED.listing, runs=TUNED.listing.runs[:2])
    app = FleetApp(FakeFleet(replace(TUNED, listing=alone)))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = app.screen
        assert isinstance(screen, FleetScreen)
        await pressed(pilot, "G")
        assert isinstance(screen.current, FoundRun)
        assert not {"fold", "unfold"} & {key.action for key in screen.active_keys()}


@pytest.mark.parametrize("size", world.SIZES, ids=world.size_id)
async def test_without_hosts_the_screen_explains_how_to_add_one(size: tuple[int, int]) -> None:
    app = FleetApp(FakeFleet())
    async with app.run_test(size=size) as pilot:
        await wait_until_idle(pilot)
        shown = widget_text(app.screen, "#host-list")
        assert "    - host: user@box\n" in shown
        assert str(paths.settings_file())[:20] in shown
        assert shown.rstrip().endswith("password.")


@pytest.mark.parametrize("size", world.SMALL_SIZES, ids=world.size_id)
def test_picture(size: tuple[int, int], snap_compare: Callable[..., bool]) -> None:
    async def before(pilot: Pilot[int]) -> None:
        await pressed(pilot, "j", "j")

    assert snap_compare(FleetApp(FakeFleet(BOX, GONE, OLD)), terminal_size=size, run_before=before)
