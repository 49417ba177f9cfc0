"""The supervisor against programs that behave and programs that do not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from runner.history.reader import read_entries
from runner.history.recovery import recover
from runner.history.reports import load_report
from runner.history.run_entry import read_entry
from runner.history.stop import stop_run
from runner.report.build import build_report
from runner.run import layout, liveness
from runner.run.scratch import scratch_dirs
from runner.util import cgroup, daemon, processes
from tests.support.runs import (
    is_supervised,
    single,
    start,
    state_of,
    under_mpirun,
    wait_for,
    wait_until_ended,
)


@pytest.fixture(autouse=True)
def no_process_left(home: Path) -> Iterator[None]:
    """Whatever a test does to its runs, nothing of them may be alive afterwards."""
    yield
    for run_dir in layout.list_runs():
        if not read_entry(run_dir).ended:
            liveness.request_stop(run_dir, "the end of a test")
            wait_until_ended(run_dir)
        assert processes.find_tagged(run_dir.name) == []
        assert not any(folder.exists() for folder in scratch_dirs(run_dir))


def cause_of(run_dir: Path) -> str:
    state = wait_until_ended(run_dir)
    assert state.status == "failed"
    assert state.failure is not None
    return state.failure.cause


def test_a_run_that_works_is_finished_with_its_report() -> None:
    run_dir = start(single("ok"))
    state = wait_until_ended(run_dir)

    assert state.status == "finished"
    assert [stage.status for stage in state.stages] == ["ok"]
    assert state.configurations[0].latency.n == 30
    assert len(state.configurations[0].warmup) == 2
    final = load_report(run_dir)
    assert final == build_report(layout.load_plan(run_dir), state)
    latency = next(row for row in final.configurations[0].rows if row.metric == "latency_ms")
    assert (latency.value, latency.n, latency.printed) == (11.0, 30, "11.0")

    before = {path: path.stat().st_mtime_ns for path in run_dir.rglob("*")}
    assert read_entries()[0].status == "finished"
    recover(run_dir)
    assert {path: path.stat().st_mtime_ns for path in run_dir.rglob("*")} == before, (
        "nothing changes any more"
    )


def test_the_raw_log_is_kept_verbatim_whatever_a_rank_prints() -> None:
    run_dir = start(single("junk"))

    state = wait_until_ended(run_dir)

    assert state.status == "finished"
    log = layout.stage_log(run_dir, 0, "benchmark").read_bytes()
    assert log.startswith(bytes(range(256)) * 40 + b"\n\x1e{not json}\n\x1e\x00\xff\n")
    assert [notice.text for notice in state.notices] == ["records of ranks that could not be read: 1"]


def test_lines_of_a_megabyte_do_no_harm() -> None:
    run_dir = start(single("long-lines"))
    assert wait_until_ended(run_dir).status == "finished"
    assert layout.stage_log(run_dir, 0, "benchmark").read_bytes().count(b"x") >= 3_000_000


def test_a_run_that_prints_a_lot_can_be_stopped() -> None:
    run_dir = start(single("chatty"))
    wait_for(lambda: bool(state_of(run_dir).configurations), "the first configuration")
    assert stop_run(run_dir, "a test").status == "stopped"
    state = wait_until_ended(run_dir)
    (notice,) = state.notices
    assert notice.text.startswith("the program prints faster than its output can be read")


def test_records_on_stdout_serve_as_well_as_records_in_files() -> None:
    run_dir = start(single("stdout"))
    state = wait_until_ended(run_dir)
    assert state.status == "finished"
    assert state.configurations[0].latency.n == 30


def test_of_chained_exceptions_the_first_is_the_cause() -> None:
    run_dir = start(single("raise"))
    assert cause_of(run_dir) == "a rank raised ValueError: the first cause"
    assert state_of(run_dir).failure.log == "0-benchmark.log"  # type: ignore[union-attr]


def test_a_crash_of_a_lone_rank_names_the_signal() -> None:
    assert cause_of(start(single("segfault"))) == "the program crashed: Segmentation fault"


def test_exit_code_0_is_not_success() -> None:
    run_dir = start(single("silent"))
    assert cause_of(run_dir) == "rank 0 never reported: it did not start, or its records were lost"


def test_a_rank_that_does_not_say_goodbye_has_failed() -> None:
    assert cause_of(start(single("no-bye"))) == "rank 0 ended after 34 records without finishing"


def test_a_program_that_does_not_exist_is_said_in_words() -> None:
    plan = single("ok")
    plan.stages[0].argv[0] = "/nonexistent/python"
    cause = cause_of(start(plan))
    assert cause == "stage benchmark cannot start: /nonexistent/python: No such file or directory"


def helper_of(run_dir: Path) -> int:
    """The process that rank 0 has left."""
    return int((run_dir / layout.RANKS / "0" / "helper.0").read_text())


def test_stop_ends_a_run_and_a_helper_started_meanwhile() -> None:
    run_dir = start(single("late-helper"))
    wait_for(lambda: bool(state_of(run_dir).configurations), "the first configuration")

    liveness.request_stop(run_dir, "a test")
    state = wait_until_ended(run_dir)

    assert state.status == "stopped"
    assert state.stopping is not None
    assert state.stopping.by == "a test"
    assert load_report(run_dir).status == "stopped"
    assert processes.start_time(helper_of(run_dir)) is None


HYDRA = """#!{python}
import subprocess, sys
if sys.argv[0].endswith("mpirun"):
    sys.exit(subprocess.call([{proxy!r}, *sys.argv[1:]]))
rank = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
while line := rank.stdout.readline():
    sys.stdout.buffer.write(line)
    sys.stdout.flush()
sys.exit(rank.wait())
"""
"""A launcher that starts its rank through a proxy and waits until its output is closed, as MPICH does."""


def test_a_helper_of_a_rank_does_not_keep_a_proxy_waiting(tmp_path: Path) -> None:
    launcher, proxy = tmp_path / "mpirun", tmp_path / "hydra_pmi_proxy"
    for script in (launcher, proxy):
        script.write_text(HYDRA.format(python=sys.executable, proxy=str(proxy)))
        script.chmod(0o755)
    plan = single("helper")
    plan.stages[0].argv.insert(0, str(launcher))
    run_dir = start(plan)
    assert wait_until_ended(run_dir).status == "finished"
    assert processes.start_time(helper_of(run_dir)) is None


def test_sigterm_to_the_supervisor_is_a_stop() -> None:
    run_dir = start(single("slow"))
    wait_for(lambda: bool(state_of(run_dir).configurations), "the first configuration")
    os.kill(state_of(run_dir).started.pid, signal.SIGTERM)  # type: ignore[union-attr]
    assert wait_until_ended(run_dir).status == "stopped"


def test_a_hang_up_does_not_touch_a_run() -> None:
    run_dir = start(single("short"))
    wait_for(lambda: bool(state_of(run_dir).configurations), "the first configuration")
    os.kill(state_of(run_dir).started.pid, signal.SIGHUP)  # type: ignore[union-attr]
    assert wait_until_ended(run_dir).status == "finished"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGHUP, "finished"), (signal.SIGTERM, "stopped")])
def test_a_signal_in_its_first_moment_is_handled(
    monkeypatch: pytest.MonkeyPatch, number: int, status: str
) -> None:
    spawn = daemon.spawn

    def spawn_and_signal(*args: Any) -> subprocess.Popen[bytes]:
        process = spawn(*args)
        os.kill(process.pid, number)
        return process

    monkeypatch.setattr(daemon, "spawn", spawn_and_signal)
    assert wait_until_ended(start(single("ok"))).status == status


@pytest.fixture
def careless_starter() -> Iterator[None]:
    """What starts the run ignores the end of its children and blocks SIGTERM; both are inherited."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    signal.signal(signal.SIGCHLD, before)


@pytest.mark.usefixtures("careless_starter")
class TestInheritedSignals:
    def test_how_a_program_ended_is_known(self) -> None:
        run_dir = start(single("raise"))
        assert cause_of(run_dir) == "a rank raised ValueError: the first cause"
        assert state_of(run_dir).stages[0].exit_code == 1

    def test_a_program_can_be_asked_to_end(self) -> None:
        run_dir = start(single("slow"))
        wait_for(lambda: bool(state_of(run_dir).configurations), "the first configuration")
        liveness.request_stop(run_dir, "a test")
        assert wait_until_ended(run_dir).stages[0].exit_code == -signal.SIGTERM


def test_two_runs_on_one_device_wait_for_each_other() -> None:
    first = start(single("slow", devices=["cpu"]))
    wait_for(lambda: bool(state_of(first).stages), "the first run's stage")
    second = start(single("ok", devices=["cpu"]))
    wait_for(lambda: state_of(second).status == "queued", "the second run to queue")

    queued = state_of(second).queued
    assert queued is not None
    assert (queued.device, queued.holder) == ("cpu", first.name)
    third = start(single("ok", devices=["cpu"]))
    wait_for(lambda: state_of(third).status == "queued", "the third run to queue")
    liveness.request_stop(third, "a test")
    assert wait_until_ended(third).status == "stopped", "a run that waits can be stopped"
    assert state_of(first).running
    liveness.request_stop(first, "a test")
    assert wait_until_ended(first).status == "stopped"
    assert wait_until_ended(second).status == "finished"


def test_a_device_that_cannot_be_locked_is_told() -> None:
    place = Path(os.environ["TRTBENCH_LOCKS"])
    place.mkdir()
    os.mkfifo(place / "trtbench-cpu.lock")
    state = wait_until_ended(start(single("ok", devices=["cpu"])))
    assert state.status == "finished"
    (notice,) = state.notices
    assert notice.level == "warning"
    assert notice.text.startswith("cpu is not locked, so other runs may use it at once: ")


def test_a_deleted_run_directory_ends_the_run() -> None:
    run_dir = start(single("slow"))
    wait_for(lambda: bool(state_of(run_dir).configurations), "the first configuration")
    supervisor = state_of(run_dir).started.pid  # type: ignore[union-attr]

    run_dir.rename(run_dir.with_name("elsewhere"))

    wait_for(lambda: processes.start_time(supervisor) is None, "the supervisor to end")
    assert processes.find_tagged(run_dir.name) == []


def test_a_time_limit_ends_a_run_and_is_its_cause() -> None:
    plan = replace(single("slow"), time_limit=2)
    assert cause_of(start(plan)) == "the run reached its time limit of 2 s (launch.time_limit)"


def test_a_killed_supervisor_ends_its_program() -> None:
    run_dir = start(single("stubborn"))
    wait_for(lambda: len(processes.find_tagged(run_dir.name)) == 3, "the program and its children")

    os.kill(state_of(run_dir).started.pid, signal.SIGKILL)  # type: ignore[union-attr]
    wait_for(lambda: not is_supervised(run_dir), "the lock to be free")

    assert read_entry(run_dir).status == "lost"
    state = state_of(run_dir)
    assert state.failure is not None
    assert state.failure.cause == "the run was lost: its supervisor was killed while it ran"
    assert processes.find_tagged(run_dir.name) == []


def test_what_ranks_wrote_after_its_last_look_is_logged() -> None:
    run_dir = start(single("slow"))
    wait_for(lambda: bool(state_of(run_dir).configurations), "the first configuration")
    supervisor = state_of(run_dir).started.pid  # type: ignore[union-attr]
    os.kill(supervisor, signal.SIGSTOP)
    records = run_dir / layout.RANKS / "0" / "0.jsonl"
    seen = records.stat().st_size
    wait_for(lambda: records.stat().st_size > seen + 1000, "more records")
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: not is_supervised(run_dir), "the lock to be free")

    assert read_entry(run_dir).status == "lost"

    written = [json.loads(line)["t"] for line in records.read_text().splitlines()]
    logged = [
        event["t"]
        for line in (run_dir / layout.EVENTS).read_text().splitlines()
        if (event := json.loads(line))["kind"] in ("hello", "configuration", "iteration")
    ]
    assert logged == written


@pytest.mark.skipif(not cgroup.is_possible(), reason="this user may not create control groups")
def test_a_helper_that_outlives_the_supervisor_is_ended() -> None:
    run_dir = start(single("late-helper"))
    wait_for(lambda: bool(state_of(run_dir).configurations), "the first configuration")
    os.kill(state_of(run_dir).started.pid, signal.SIGKILL)  # type: ignore[union-attr]
    wait_for(lambda: not is_supervised(run_dir), "the lock to be free")
    wait_for((run_dir / layout.RANKS / "0" / "helper.0").exists, "the helper")

    assert read_entry(run_dir).status == "lost"
    assert processes.start_time(helper_of(run_dir)) is None


@pytest.mark.mpi
class TestUnderMpirun:
    """The same with real ranks: their own process groups, ptys, and a launcher in between."""

    def test_two_ranks_report_side_by_side(self) -> None:
        state = wait_until_ended(start(under_mpirun("ok")))
        assert state.status == "finished"
        assert sorted(state.ranks) == [0, 1]
        assert all(rank.complete for rank in state.ranks.values())

    def test_more_ranks_than_cores_work(self) -> None:
        state = wait_until_ended(start(under_mpirun("ok", ranks=8)))
        assert state.status == "finished"
        assert len(state.ranks) == 8

    def test_a_segfault_is_named(self) -> None:
        assert "Segmentation fault" in cause_of(start(under_mpirun("segfault")))

    def test_an_exception_is_named(self) -> None:
        assert cause_of(start(under_mpirun("raise"))) == "a rank raised ValueError: the first cause"

    def test_stop_leaves_nothing_whatever_the_ranks_ignore_or_fork(self) -> None:
        run_dir = start(under_mpirun("stubborn"))
        wait_for(lambda: len(processes.find_tagged(run_dir.name)) >= 7, "mpirun, two ranks and four children")
        liveness.request_stop(run_dir, "a test")
        assert wait_until_ended(run_dir).status == "stopped"
        assert processes.find_tagged(run_dir.name) == []

    @pytest.mark.parametrize("victims", [["supervisor"], ["supervisor", "mpirun"]])
    def test_after_a_kill_the_next_reader_leaves_nothing(self, victims: list[str]) -> None:
        run_dir = start(under_mpirun("stubborn"))
        wait_for(lambda: len(processes.find_tagged(run_dir.name)) >= 7, "mpirun, two ranks and four children")
        state = state_of(run_dir)
        assert state.started is not None
        pids = {"supervisor": state.started.pid, "mpirun": state.stages[0].pid}

        for victim in victims:
            os.kill(pids[victim], signal.SIGKILL)
        wait_for(lambda: not is_supervised(run_dir), "the lock to be free")

        assert read_entry(run_dir).status == "lost"
        assert processes.find_tagged(run_dir.name) == []
        assert not any(folder.exists() for folder in scratch_dirs(run_dir))
