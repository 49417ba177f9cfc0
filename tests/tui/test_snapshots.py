"""Pictures of the live and the result screen in their main states, at several sizes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from runner.cli.places import LivePlace, ResultPlace
from runner.plan.plan import Configuration
from tests.support import recorded_runs, recorder
from tests.support.recorder import Recorder
from tests.support.slow import first_of
from tui.app import TrtbenchApp

SIZES = first_of([(80, 24), (120, 40), (200, 50)], 2)
Compare = Callable[..., bool]


def live(run: Recorder, root: Path, after_s: float = 1.0) -> TrtbenchApp:
    return TrtbenchApp(LivePlace(run.feed(root, after_s)))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    "make",
    [
        recorded_runs.warming_up,
        recorded_runs.under_way,
        recorded_runs.finished,
        recorded_runs.failed,
        recorded_runs.queued,
        recorded_runs.not_started,
        recorded_runs.converting,
        recorded_runs.stalled,
        recorded_runs.starved,
        recorded_runs.stopped,
        recorded_runs.stale,
        recorded_runs.with_outliers,
        recorded_runs.long_names,
        recorded_runs.chinese,
    ],
    ids=lambda make: make.__name__,
)
def test_live(
    make: Callable[[], Recorder], size: tuple[int, int], snap_compare: Compare, tmp_path: Path
) -> None:
    assert snap_compare(live(make(), tmp_path), terminal_size=size)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_live_with_eight_ranks(size: tuple[int, int], snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(live(recorded_runs.under_way(8), tmp_path), terminal_size=size)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(("gpus", "ranks"), [(1, 1), (8, 8), (16, 2)])
def test_live_with_gpus(
    gpus: int, ranks: int, size: tuple[int, int], snap_compare: Compare, tmp_path: Path
) -> None:
    run = recorded_runs.on_gpus(gpus, ranks, hot=gpus - 2)
    assert snap_compare(live(run, tmp_path), terminal_size=size)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_live_with_a_recorded_gpu(size: tuple[int, int], snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(live(recorded_runs.recorded_on_an_h200(), tmp_path), terminal_size=size)


@pytest.mark.parametrize("key", ["3", "p"])
def test_live_with_gpus_maximised(key: str, snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(live(recorded_runs.on_gpus(16, 16), tmp_path), terminal_size=SIZES[0], press=[key])


@pytest.mark.parametrize("key", ["2", "3"])
def test_live_full_pages(key: str, snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(live(recorded_runs.shared_gpus(), tmp_path), terminal_size=SIZES[1], press=[key])


@pytest.mark.parametrize(
    "size", [(60, 20), (100, 16), (40, 12), (250, 70)], ids=lambda size: f"{size[0]}x{size[1]}"
)
def test_live_in_unusual_sizes(size: tuple[int, int], snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(live(recorded_runs.on_gpus(8, 8, hot=6), tmp_path), terminal_size=size)


@pytest.mark.parametrize("keys", ["v", "v v", "y", "d", "exclamation_mark", "slash W e i", "f"])
def test_live_display_keys(keys: str, snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(
        live(recorded_runs.with_outliers(), tmp_path), terminal_size=SIZES[1], press=keys.split()
    )


@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: f"{size[0]}x{size[1]}")
def test_live_lost(size: tuple[int, int], snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(live(recorded_runs.lost(), tmp_path), terminal_size=size)


@pytest.mark.parametrize("keys", ["p", "l", "x", "question_mark"])
def test_live_keys(keys: str, snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(live(recorded_runs.under_way(), tmp_path), terminal_size=SIZES[1], press=[keys])


def test_live_silent(snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(live(recorded_runs.under_way(), tmp_path, after_s=75), terminal_size=SIZES[1])


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    "make",
    [recorded_runs.finished, recorded_runs.failed, recorded_runs.stopped, recorded_runs.chinese],
    ids=lambda make: make.__name__,
)
def test_result(
    make: Callable[[], Recorder], size: tuple[int, int], snap_compare: Compare, tmp_path: Path
) -> None:
    with recorder.on_disk(make(), tmp_path) as run_dir:
        app = TrtbenchApp(ResultPlace(run_dir))
        assert snap_compare(app, terminal_size=size, press=["down", "down", "right"])


@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: f"{size[0]}x{size[1]}")
def test_result_on_gpus(size: tuple[int, int], snap_compare: Compare, tmp_path: Path) -> None:
    run = recorded_runs.on_gpus(8, 8, hot=6)
    run.result()
    run.bye()
    run.end_stage()
    run.end("finished")
    assert snap_compare(TrtbenchApp(ResultPlace(run.write(tmp_path))), terminal_size=size)


def test_result_of_one_configuration(snap_compare: Compare, tmp_path: Path) -> None:
    app = TrtbenchApp(ResultPlace(recorded_runs.finished(1, iterations=120).write(tmp_path)))
    assert snap_compare(app, terminal_size=SIZES[1])


def test_result_with_many_configurations(snap_compare: Compare, tmp_path: Path) -> None:
    run = recorder.Recorder(
        [Configuration(batch, 128, 1024) for batch in range(1, 12)], log=recorded_runs.LOG
    )
    run.begin()
    run.begin_stage()
    run.hello()
    for index in range(11):
        run.begin_configuration(index)
        run.iterate(2, "warmup", index, 900.0 + 100 * index)
        run.iterate(120, "timed", index, 900.0 + 100 * index, spike=17 * index)
        run.result(index)
    run.end("finished")
    press = [*["right"] * 6, "%", "end"]
    assert snap_compare(TrtbenchApp(ResultPlace(run.write(tmp_path))), terminal_size=SIZES[1], press=press)


@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    "make",
    [recorded_runs.lost, recorded_runs.queued, recorded_runs.long_names],
    ids=lambda make: make.__name__,
)
def test_result_of_rare_states(
    make: Callable[[], Recorder], size: tuple[int, int], snap_compare: Compare, tmp_path: Path
) -> None:
    with recorder.on_disk(make(), tmp_path) as run_dir:
        assert snap_compare(TrtbenchApp(ResultPlace(run_dir)), terminal_size=size)


def test_result_in_ascii(snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRTBENCH_ASCII", "1")
    assert snap_compare(
        TrtbenchApp(ResultPlace(recorded_runs.finished().write(tmp_path))), terminal_size=SIZES[1]
    )


@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    "make", [recorded_runs.failed, recorded_runs.chinese], ids=lambda make: make.__name__
)
def test_log_of_a_result(
    make: Callable[[], Recorder], size: tuple[int, int], snap_compare: Compare, tmp_path: Path
) -> None:
    with recorder.on_disk(make(), tmp_path) as run_dir:
        assert snap_compare(TrtbenchApp(ResultPlace(run_dir)), terminal_size=size, press=["l", "slash", "M"])


@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: f"{size[0]}x{size[1]}")
def test_health_of_a_stall(size: tuple[int, int], snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(live(recorded_runs.stalled(), tmp_path), terminal_size=size, press=["d"])


def test_stop_confirmation(snap_compare: Compare, tmp_path: Path) -> None:
    assert snap_compare(live(recorded_runs.under_way(), tmp_path), terminal_size=SIZES[0], press=["x"])


def test_result_explained(snap_compare: Compare, tmp_path: Path) -> None:
    app = TrtbenchApp(ResultPlace(recorded_runs.finished().write(tmp_path)))
    assert snap_compare(app, terminal_size=SIZES[1], press=["down", "down", "question_mark"])


def test_live_in_ascii(snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRTBENCH_ASCII", "1")
    assert snap_compare(live(recorded_runs.chinese(), tmp_path), terminal_size=SIZES[1])


def test_live_in_light_colours(snap_compare: Compare, tmp_path: Path) -> None:
    app = live(recorded_runs.under_way(), tmp_path)
    app.theme = "light"
    assert snap_compare(app, terminal_size=SIZES[1])


def test_live_without_colour(snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(live(recorded_runs.failed(), tmp_path), terminal_size=SIZES[1])
