"""Following a run: what arrives is folded, told piece by piece, and not kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from runner import events as ev
from runner.events import AnyEvent
from runner.events.journal import PIECE
from runner.history import recovery
from runner.history.run_feed import ReplayFeed, RunFeed
from runner.plan.plan import Plan, Stage
from runner.run import layout
from tests.support import recorded_runs

PLAN = Plan(engine="torch", profile="p", summary="", stages=[])


def log_of(run_dir: Path, notices: int) -> int:
    """A log of a run that has ended; returns its size."""
    events: list[AnyEvent] = [ev.Notice(t=t, level="warning", text="x" * 100) for t in range(notices)]
    events.append(ev.RunEnded(t=notices, status="finished", wall=0.0))
    return (run_dir / layout.EVENTS).write_bytes(b"".join(map(ev.encode, events)))


def test_a_feed_says_how_much_arrived(tmp_path: Path) -> None:
    log_of(tmp_path, notices=10)
    feed = RunFeed(tmp_path, PLAN)
    assert feed.drain(1.0) == 11
    assert feed.drain(1.0) == 0
    assert feed.state.status == "finished"


def test_the_clock_of_an_earlier_boot_ends_with_its_log(tmp_path: Path) -> None:
    run = recorded_runs.under_way()  # of a boot with another id
    feed = RunFeed(run.write(tmp_path / "runs"), run.plan())
    feed.drain(1.0)
    assert feed.now() == run.t
    log_of(tmp_path, notices=3)
    ended = RunFeed(tmp_path, PLAN)
    ended.drain(1.0)
    assert ended.now() == 3


def test_events_are_told_in_order_when_the_state_has_them(tmp_path: Path) -> None:
    size = log_of(tmp_path, notices=1000)
    feed = RunFeed(tmp_path, PLAN)
    told: list[int] = []
    pieces: list[int] = []

    def tell(events: list[AnyEvent]) -> None:
        told.extend(event.t for event in events)
        pieces.append(len(events))
        assert feed.state.last_t == told[-1]

    while feed.drain(1.0, tell):
        pass
    assert told == list(range(1001))
    assert len(pieces) >= size // (2 * PIECE)


def test_a_replay_tells_what_is_due(tmp_path: Path) -> None:
    log_of(tmp_path, notices=3)
    feed = ReplayFeed(tmp_path, PLAN, speed=1e9)
    told: list[AnyEvent] = []
    while not feed.over:
        feed.drain(1.0, told.extend)
    assert [event.t for event in told] == [0, 1, 2, 3]


def test_a_replay_skips_to_events_far_in_the_future(tmp_path: Path) -> None:
    events = [ev.Notice(t=1, level="info", text="x"), ev.RunEnded(t=2**61, status="finished", wall=0.0)]
    (tmp_path / layout.EVENTS).write_bytes(b"".join(map(ev.encode, events)))
    feed = ReplayFeed(tmp_path, PLAN)
    while not feed.over:
        feed.drain(1.0)
    assert feed.state.status == "finished"


def test_a_log_that_becomes_shorter_is_followed_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / layout.EVENTS
    notice = ev.encode(ev.Notice(t=1, level="info", text="x"))
    end = ev.encode(ev.RunEnded(t=2, status="finished", wall=0.0))
    for cut, later in ((b"", notice), (end, b"")):  # the end comes after the new length is seen, or before
        log.write_bytes(notice * 100)
        feed = RunFeed(tmp_path, PLAN)
        feed.drain(1.0)
        monkeypatch.setattr(recovery, "recover", lambda _, wait: None)
        log.write_bytes(cut)
        feed.drain(1.0)
        (warning,) = [notice for notice in feed.state.notices if notice.level == "warning"]
        assert warning.text.startswith("the log became shorter while it was followed")
        with log.open("ab") as file:
            file.write(later + end if later else b"")
        monkeypatch.setattr(recovery, "recover", lambda _, wait: [])
        feed._checked = 0.0
        feed.drain(1.0)
        assert feed.state.status == "finished"


@pytest.mark.parametrize("make", [RunFeed, ReplayFeed])
def test_secrets_in_an_old_log_are_masked(
    make: type[RunFeed | ReplayFeed], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "from-this-shell")
    texts = ["from-this-shell", "of-the-plan-1", "hf_" + "x1" * 17]
    stage = Stage(name="benchmark", argv=["x", "--api-key=of-the-plan-1"], cwd="/")
    events = [ev.Failure(t=1, cause=f"bad {' '.join(texts)}"), ev.RunEnded(t=1, status="failed", wall=0.0)]
    (tmp_path / layout.EVENTS).write_bytes(b"".join(map(ev.encode, events)))
    feed = make(tmp_path, replace(PLAN, stages=[stage]))
    while not feed.state.failure:
        feed.drain(1.0)
    assert feed.state.failure.cause == "bad (withheld) (withheld) (withheld)"


def test_how_much_was_read_counts_what_became_events(tmp_path: Path) -> None:
    log_of(tmp_path, notices=1000)
    feed = RunFeed(tmp_path, PLAN)
    feed.drain(0.0)
    assert 0 < feed.loaded < 0.5
    while feed.drain(1.0):
        pass
    assert feed.loaded == 1.0
