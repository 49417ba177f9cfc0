"""What a copy of a remote run is: equal to the original, without secrets, and not believed."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from runner import events as ev
from runner.fleet import run_source
from runner.fleet.mirror import Mirror, mirror_dir, remove_unused
from runner.fleet.remote_host import Connection, RemoteHost, VersionError
from runner.fleet.service import Service
from runner.fleet.wire import (
    MARK,
    MOST_FRAME,
    ListRuns,
    Piece,
    Receiver,
    Reply,
    Sender,
    Whole,
    WireError,
    greeting,
)
from runner.history.run_entry import read_entry
from runner.history.run_feed import RunFeed, known_until, open_feed, why_cut_off
from runner.run import layout, liveness
from runner.state.stages import StageState
from runner.util import paths
from tests.runner.fleet.support import Machines, iterations

RUN = "20260101T000000Z_p_7f3a"
SECRET = "correct-horse-battery"


@pytest.fixture
def machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    return Machines(tmp_path, monkeypatch)


def copied(machines: Machines, run_dir: Path) -> Path:
    machines.on(machines.here)
    copy = machines.remote.follow(run_dir.name)
    machines.exchange()
    assert copy.is_complete()
    return copy.run_dir


def test_a_copied_run_is_read_as_a_live_run(machines: Machines) -> None:
    run_dir = machines.add_run([*iterations(50), ev.Notice(t=99, level="warning", text="late")])
    (run_dir / "0-benchmark.log").write_text("loading\nready\n")
    copy = copied(machines, run_dir)
    assert (copy / "0-benchmark.log").read_text() == "loading\nready\n"
    assert liveness.check(copy) is liveness.Liveness.ELSEWHERE
    feed = open_feed(copy)
    while feed.drain(1.0):
        pass
    assert feed.state.running
    assert feed.state.last_t == 99
    assert not liveness.may_change(copy)
    assert not (copy / layout.REPORT).exists(), "a reader does not finalise a copy"


def test_secrets_stay_on_the_other_machine(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_PASSWORD", "line one of it\nline two of it")
    notice = ev.Notice(t=1, level="info", text=f"{SECRET} and hf_abcdefghijklmnopqrstuvwx")
    run_dir = machines.add_run([notice, *iterations(3)], env={"API_TOKEN": SECRET})
    (run_dir / "0-benchmark.log").write_text(f"a\nAPI_TOKEN={SECRET}\nline two of it\nz\n")
    copy = copied(machines, run_dir)
    for file in copy.iterdir():
        if file.is_file():
            content = file.read_text()
            assert not any(text in content for text in (SECRET, "hf_abcdef", "line two")), file.name
    assert (copy / layout.EVENTS).read_bytes().count(b"\n") == 5, "no event is lost"
    assert layout.load_plan(copy).stages[0].env == {"API_TOKEN": "(withheld)"}


def test_only_the_end_of_a_long_output_is_copied(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_source, "LOG_TAIL", 40)
    run_dir = machines.add_run(iterations(1))
    log = run_dir / "0-benchmark.log"
    log.write_text("".join(f"line {number:04d}\n" for number in range(50)))
    copy = copied(machines, run_dir) / log.name
    lines = copy.read_text().splitlines()
    assert lines[0] == "[trtbench] 470 bytes before this line were not copied"
    assert lines[1:] == ["line 0047", "line 0048", "line 0049"]
    log.write_text("shorter\n")
    machines.exchange()
    assert copy.read_text() == "shorter\n"


def test_a_stop_in_a_copy_reaches_the_run(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    run_dir = machines.add_run(iterations(1))
    copy = copied(machines, run_dir)
    liveness.request_stop(copy, "anna, in the dashboard")
    service, connection = Service(), Connection(machines.remote)
    connection.receive(service.step())
    sent = connection.send()
    machines.on(machines.there)
    monkeypatch.setattr("runner.fleet.service.stop_run", lambda run_dir, by: None)
    service.receive(sent)
    assert layout.read_stop_request(run_dir) == "anna, in the dashboard, from another machine"
    service.wait_for_stops()
    assert not (copy / layout.STOP).exists()
    connection.receive(service.step())
    assert machines.remote.stops[run_dir.name].answer == ""


def test_two_programs_share_one_copy(machines: Machines) -> None:
    run_dir = machines.add_run(iterations(20))
    copied(machines, run_dir)
    reader = Mirror("user@box", run_dir.name)
    assert not reader.is_writer
    assert reader.is_complete()
    machines.remote.close()
    assert reader.take_over(), "it continues when the first one has ended"
    assert reader.request().at == {layout.EVENTS: (run_dir / layout.EVENTS).stat().st_size}


@pytest.mark.parametrize(
    "reply",
    [
        Piece(RUN, layout.EVENTS, 1, 5, b"x"),
        Piece(RUN, layout.EVENTS, 0, 0, b"x"),
        Piece(RUN, "../../.bashrc", 0, 5, b"x"),
        Piece(RUN, layout.OWNER, 0, 5, b"x"),
        Whole(RUN, "../labels.jsonl", (1, 1), b"x"),
        Whole(RUN, layout.LOCK, (1, 1), b"x"),
        Whole(RUN, "/etc/passwd", (1, 1), b"x"),
    ],
    ids=["gap", "empty", "climbs", "owner", "climbs-whole", "lock", "absolute"],
)
def test_a_piece_that_does_not_belong_is_refused(reply: Piece | Whole) -> None:
    remote = RemoteHost("box")
    mirror = remote.follow(RUN)
    connection = Connection(remote)
    connection.receive(greeting())
    connection.send()
    with pytest.raises(WireError, match="run 7f3a: "):
        connection.receive(Sender().pack([reply]))
    written = {path.name for path in paths.state_home().rglob("*") if path.is_file()}
    assert written <= {"lock", ".mirror.json"}
    assert mirror.run_dir.parent.parent == paths.fleet_dir()


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", f"{RUN}/..", f"{RUN}\n"])
def test_only_the_id_of_a_run_becomes_a_folder(name: str) -> None:
    with pytest.raises(WireError, match="is not the id of a run"):
        mirror_dir("box", name)


def test_frames_are_bounded() -> None:
    receiver: Receiver[Reply] = Receiver(Reply)  # type: ignore[arg-type]
    stream = Sender()
    packed = stream._stream.compress((MOST_FRAME + 1).to_bytes(4, "big")) + stream._stream.flush()
    with pytest.raises(WireError, match="allowed: 33554432"):
        list(receiver.feed(packed))


@pytest.mark.parametrize(
    ("arrives", "error", "sentence"),
    [
        (MARK + b'{"protocol":99,"version":"9.1"}\n', VersionError, "trtbench-tui 9.1 there speaks fleet"),
        (MARK + b"nonsense\n", WireError, "the versions in the first line"),
        (MARK + b'{"x":' + b"[" * 50_000 + b"\n", WireError, "the versions in the first line"),
        (b"Last login: today\n" * 5000, WireError, "something else than trtbench-tui answers"),
        (b"motd\n" + greeting() + b"not zlib", WireError, "the stream is damaged"),
    ],
    ids=["version", "nonsense", "deep", "noise", "damaged"],
)
def test_a_wrong_answer_is_named(arrives: bytes, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        Connection(RemoteHost("box")).receive(arrives)


def test_noise_of_a_shell_before_the_stream_is_skipped(machines: Machines) -> None:
    machines.add_run(iterations(1))
    service, connection = machines.service(), Connection(machines.remote)
    connection.receive(b"Welcome to box!\n")
    connection.receive(service.step())
    service.receive(connection.send())
    connection.receive(service.step())
    assert machines.remote.listing is not None
    (run,) = machines.remote.listing.runs
    assert run.status == "starting"


def test_numbers_that_are_none_are_refused(machines: Machines) -> None:
    listing = machines.service()._list(ListRuns(newest=1))
    connection = Connection(machines.remote)
    connection.receive(greeting())
    broken = msgspec.structs.replace(listing.machine, load=float("nan"))
    with pytest.raises(WireError, match="the list of runs cannot be read"):
        connection.receive(Sender().pack([msgspec.structs.replace(listing, machine=broken)]))


def test_an_unused_copy_is_removed(machines: Machines) -> None:
    run_dir = machines.add_run(iterations(1))
    copy = copied(machines, run_dir)
    os.utime(copy, (0, 0))
    remove_unused()
    assert copy.is_dir(), "a process writes it"
    machines.remote.close()
    os.utime(copy, (0, 0))
    remove_unused()
    assert not copy.exists()


def test_an_ended_run_arrives_with_its_report(machines: Machines) -> None:
    run_dir = machines.add_run(iterations(5))
    copy = copied(machines, run_dir)
    assert not read_entry(copy).ended
    (run_dir / layout.REPORT).write_text("{}")
    machines.exchange()
    assert (copy / layout.REPORT).read_text() == "{}"


def test_a_copy_ends_when_the_supervisor_died(machines: Machines) -> None:
    run_dir = machines.add_run(iterations(5))
    copy = copied(machines, run_dir)
    machines.kill_supervisor(run_dir)
    machines.exchange()
    assert read_entry(copy).status == "lost"
    assert (copy / layout.EVENTS).read_bytes() == (run_dir / layout.EVENTS).read_bytes()


def test_an_unanswered_stop_is_asked_again_after_a_cut(machines: Machines) -> None:
    connection = Connection(machines.remote)
    machines.remote.stop(RUN, "anna")
    connection.receive(greeting())
    connection.send()
    again = Connection(machines.remote)
    again.receive(greeting())
    service = machines.service()
    service.step()
    service.receive(again.send())
    again._receiver = Receiver(Reply)  # type: ignore[arg-type]
    again.receive(service.step())
    answer = machines.remote.stops[RUN].answer
    assert answer is not None
    assert answer.startswith("there is no run")


def test_a_copy_shows_the_place_in_the_queue_of_slurm(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = machines.add_run([])
    (run_dir / layout.EVENTS).unlink(missing_ok=True)
    place = ev.JobQueued(t=0, job="17", reason="Resources", priority=42, partition="main")
    monkeypatch.setattr("runner.fleet.run_source.waiting_job", lambda run_dir, wait: place)
    feed = open_feed(copied(machines, run_dir))
    feed.drain(1.0)
    assert feed.state.status == "queued"
    assert feed.state.job_queued == place


def test_a_reader_sees_that_nothing_arrives_and_why(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = copied(machines, machines.add_run(iterations(5)))
    feed = open_feed(copy)
    while feed.drain(1.0):
        pass
    assert feed.now() >= feed.state.last_t, "the clock of the run continues"
    machines.remote.tell_readers("no answer for 30 s")
    assert liveness.mirror_problem(copy) == "user@box: no answer for 30 s"
    assert why_cut_off(feed) == "", "an event arrived a moment ago"
    later = feed.state.last_t + 36 * 10**9
    monkeypatch.setattr(RunFeed, "now", lambda feed: later)
    assert why_cut_off(feed) == "no data from its machine for 0:36: user@box: no answer for 30 s"
    assert known_until(feed) == feed.state.last_t, "what happened since then is no stall"
    machines.remote.tell_readers("")
    assert liveness.mirror_problem(copy) == ""
    assert why_cut_off(feed) == "", "before the first stage, a run may wait in silence"
    feed.state.stages.append(StageState(0, "benchmark", feed.state.last_t, ranks=1, pid=1))
    assert why_cut_off(feed) == "no data from its machine for 0:36"
