"""What a killed supervisor had not read is found in the files of ranks and programs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from runner import events as ev
from runner.events.base import Event
from runner.history.recovery import recover
from runner.history.unlogged import find_unlogged
from runner.history.verification import checks
from runner.run import layout
from runner.util import paths
from tests.support.runs import record, single, state_of

STARTED = [
    ev.RunStarted(t=1, run="r", schema=1, wall=1e9, host="h", boot_id="b", pid=1, cores=2, version="0"),
    ev.StageStarted(t=2, stage=0, name="benchmark", pid=1, ranks=2),
]
RESULT = (
    "[BENCHMARK] engine_dir program world_size 2 batch_size 1 gpu_weights_percent 1.0 input_length 8"
    " output_length 4 tokens_per_sec 1.0 percentile95(ms) 12.0 percentile99(ms) 12.0 latency(ms) 11.0\n"
)


def hello(rank: int, t: int) -> ev.Hello:
    return ev.Hello(t=t, stage=0, rank=rank, world=2, pid=1, host="h", device="cpu")


def iteration(rank: int, i: int, t: int) -> ev.Iteration:
    return ev.Iteration(t=t, stage=0, rank=rank, config=0, i=i, phase="timed", latency_ms=10.0)


CONFIGURATION = ev.ConfigurationStarted(
    t=11, stage=0, index=0, batch_size=1, input_len=8, output_len=4, num_runs=3, duration=0.0, warm_up=0
)
RANK_0 = [
    hello(0, 10),
    CONFIGURATION,
    *(iteration(0, i, 20 + 10 * i) for i in range(3)),
    ev.Bye(t=50, stage=0, rank=0, count=5),
]
RANK_1 = [
    hello(1, 10),
    *(iteration(1, i, 21 + 10 * i) for i in range(3)),
    ev.Bye(t=51, stage=0, rank=1, count=4),
]


def as_record(event: Event) -> bytes:
    """As a rank writes it: without its stage."""
    fields = msgspec.to_builtins(event)
    del fields["stage"]
    return msgspec.json.encode(fields) + b"\n"


def killed(log: Iterable[Event], *, output: bytes = b"", torn: bytes = b"") -> Path:
    """A run whose ranks had finished when its supervisor had logged `log`."""
    run_dir = record(paths.runs_dir() / "20260101T000000Z_program_0001", single("ok"), [*STARTED, *log])
    folder = run_dir / layout.RANKS / "0"
    folder.mkdir()
    (folder / "0.jsonl").write_bytes(b"".join(map(as_record, RANK_0)))
    (folder / "1.jsonl").write_bytes(b"".join(map(as_record, RANK_1)) + torn)
    layout.stage_log(run_dir, 0, "benchmark").write_bytes(output)
    return run_dir


def unlogged(run_dir: Path) -> list[ev.AnyEvent]:
    return find_unlogged(run_dir, layout.load_plan(run_dir), state_of(run_dir))


@pytest.mark.parametrize("logged", range(6))
def test_every_record_is_logged_once(logged: int) -> None:
    run_dir = killed([*RANK_0[:logged], *RANK_1[: max(0, logged - 2)]], torn=b'{"kind":"iter')
    recover(run_dir)
    state = state_of(run_dir)
    assert [rank.complete for rank in state.ranks.values()] == [True, True]
    assert state.configurations[0].latency.n == 3
    assert recover(run_dir) == []


def test_records_are_in_the_order_of_time() -> None:
    times = [event.t for event in unlogged(killed(RANK_0[:2]))]
    assert times == [10, 20, 21, 30, 31, 40, 41, 50, 51]


def test_a_printed_result_is_found_once() -> None:
    run_dir = killed(RANK_0, output=RESULT.encode())
    (result,) = [event for event in unlogged(run_dir) if isinstance(event, ev.Result)]
    logged = killed_again(run_dir, [*RANK_0, result])
    assert not [event for event in unlogged(logged) if isinstance(event, ev.Result)]


def killed_again(run_dir: Path, log: list[Event]) -> Path:
    (run_dir / layout.EVENTS).write_bytes(b"".join(ev.encode(event) for event in [*STARTED, *log]))
    return run_dir


def test_records_on_stdout_count_as_those_in_files() -> None:
    run_dir = killed([], output=b"".join(b"\x1e" + as_record(event) for event in RANK_0))
    (run_dir / layout.RANKS / "0" / "0.jsonl").unlink()
    assert sum(isinstance(event, ev.Iteration) for event in unlogged(run_dir)) == 6


def test_a_stage_that_had_ended_lacks_nothing() -> None:
    ended = ev.StageEnded(t=60, stage=0, name="benchmark", status="ok")
    assert unlogged(killed([*RANK_0, ended])) == []


def test_a_missing_engine_hides_no_record() -> None:
    run_dir = killed([])
    plan = msgspec.structs.replace(layout.load_plan(run_dir), engine="not installed")
    assert len(find_unlogged(run_dir, plan, state_of(run_dir))) == len(RANK_0) + len(RANK_1)


def test_recovery_writes_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "from-this-shell")
    run_dir = killed(RANK_0[:2])
    said = [ev.Notice(t=30, level="warning", text=f"from-this-shell {'hf_' + 'x1' * 17}", rank=0)]
    (run_dir / layout.RANKS / "0" / "0.jsonl").write_bytes(
        b"".join(map(as_record, RANK_0)) + msgspec.json.encode(said[0]) + b"\n"
    )
    recover(run_dir)
    log = (run_dir / layout.EVENTS).read_bytes() + (run_dir / layout.REPORT).read_bytes()
    assert b"(withheld) (withheld)" in log
    assert b"from-this-shell" not in log
    assert b"hf_" not in log


def test_records_dated_in_the_future_are_logged_once() -> None:
    ahead = [msgspec.structs.replace(event, t=event.t + 2**61) for event in RANK_0]
    run_dir = killed([msgspec.structs.replace(event, t=5) for event in RANK_0[:3]])
    (run_dir / layout.RANKS / "0" / "0.jsonl").write_bytes(b"".join(map(as_record, ahead)))
    assert [event for event in unlogged(run_dir) if event.t > 2**61] == ahead[3:]


def test_records_of_another_node_are_logged_once_by_its_clock() -> None:
    ahead = 2**40
    records = [msgspec.structs.replace(RANK_1[0], host="other"), *RANK_1[1:]]
    joined = [
        ev.NodeJoined(t=3, node="other", boot_id="2", cores=2),
        ev.NodeClock(t=4, node="other", offset_ns=ahead, error_ns=3),
    ]
    # The offset was another one when they were logged.
    logged = [msgspec.structs.replace(event, t=event.t + 2) for event in records[:2]]
    run_dir = killed([*joined, *logged])
    there = [msgspec.structs.replace(event, t=event.t + ahead) for event in records]
    (run_dir / layout.RANKS / "0" / "0.jsonl").unlink()
    (run_dir / layout.RANKS / "0" / "1.jsonl").write_bytes(b"".join(map(as_record, there)))
    assert unlogged(run_dir) == records[2:]
    killed_again(run_dir, [*joined, *logged, *records[2:]])
    assert unlogged(run_dir) == []
    ended = ev.RunEnded(t=99, status="lost", wall=1.0)
    killed_again(run_dir, [*joined, *logged, *records[2:], ended])
    assert {check.name: check.verdict for check in checks(run_dir)}["ranks"] == "pass"
    killed_again(run_dir, [*joined, *logged, ended])
    assert {check.name: check.verdict for check in checks(run_dir)}["ranks"] == "fail"
