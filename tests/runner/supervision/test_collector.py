"""From ranks' files and raw output to events."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner import events as ev
from runner.engines import benchmark_line
from runner.engines.output import OutputReader
from runner.events.journal import LineReader
from runner.supervision.collector import MAX_LINE_BYTES, Collector

HELLO = {"kind": "hello", "t": 1, "rank": 0, "world": 1, "pid": 7, "host": "h", "device": "cpu", "label": "x"}
BYE = {"kind": "bye", "t": 2, "rank": 0, "count": 1}


def line(record: dict[str, object]) -> bytes:
    return json.dumps(record).encode() + b"\n"


@pytest.fixture
def collector(tmp_path: Path) -> Collector:
    (tmp_path / "ranks").mkdir()
    (tmp_path / "log").touch()
    return Collector(3, tmp_path / "ranks", LineReader(tmp_path / "log"), OutputReader(benchmark_line.parse))


def test_records_of_a_file_become_events_of_the_stage(collector: Collector) -> None:
    (collector.records / "0.jsonl").write_bytes(line(HELLO) + line(BYE))
    hello, bye = collector.collect(now=9)
    assert hello == ev.Hello(t=1, stage=3, rank=0, world=1, pid=7, host="h", device="cpu", label="x")
    assert bye == ev.Bye(t=2, stage=3, rank=0, count=1)


def test_half_a_record_waits_for_its_end(collector: Collector) -> None:
    path = collector.records / "0.jsonl"
    path.write_bytes(line(HELLO)[:20])
    assert collector.collect(now=9) == []
    path.write_bytes(line(HELLO))
    assert len(collector.collect(now=9)) == 1


@pytest.mark.parametrize("prefix", [b"", b"[1,3]<stdout>: ", b"3: ", b"progress 10 %\r"])
def test_marked_records_are_found_behind_any_prefix(collector: Collector, prefix: bytes) -> None:
    collector.log.path.write_bytes(prefix + b"\x1e" + line(HELLO))
    (event,) = collector.collect(now=9)
    assert isinstance(event, ev.Hello)


def test_of_a_very_long_line_beginning_and_end_are_looked_at(tmp_path: Path) -> None:
    """A program may print megabytes without ending a line; patterns would take minutes to search them."""
    (tmp_path / "log").write_bytes(b"begins " + b"[WARNING] check " * 60_000 + b" ends\n")
    seen: list[str] = []

    def notice_of(text: str) -> None:
        seen.append(text)

    found = Collector(
        3, tmp_path, LineReader(tmp_path / "log"), OutputReader(benchmark_line.parse, notice_of)
    )
    found.finish(now=9)
    longest = max(seen, key=len)
    assert len(longest) <= MAX_LINE_BYTES
    assert longest.startswith("begins ")
    assert longest.endswith(" ends")


def test_a_rank_cannot_end_the_run_it_is_part_of(collector: Collector) -> None:
    (collector.records / "0.jsonl").write_bytes(
        line({"kind": "run_ended", "t": 1, "status": "finished", "wall": 1})
    )
    assert collector.collect(now=9) == []
    assert collector.bad_records == 1


def test_a_printed_result_becomes_an_event(collector: Collector) -> None:
    collector.log.path.write_bytes(b"noise\n[BENCHMARK] engine_dir e batch_size 1 latency(ms) 5.0\n")
    (event,) = collector.collect(now=9)
    assert event == ev.Result(
        t=9, stage=3, values={"engine_dir": "e", "batch_size": "1", "latency(ms)": "5.0"}
    )


def test_finish_takes_the_unfinished_last_line_too(collector: Collector) -> None:
    noise = b"noise\n" * 400_000  # more than one read takes
    collector.log.path.write_bytes(noise + b"[BENCHMARK] engine_dir e batch_size 1 latency(ms) 5.0")
    events = collector.finish(now=9)
    assert [type(event) for event in events] == [ev.Result]
