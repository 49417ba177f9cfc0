"""From ranks' files and raw output to events."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from runner import events as ev
from runner.engines import benchmark_line
from runner.engines.output import OutputReader
from runner.events.journal import LineReader
from runner.supervision import collector as collecting
from runner.supervision import raw_output
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


CHATTER = b"step 12 has finished\n" * 100_000


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "MAX_LAG", 1 << 20)
    monkeypatch.setattr(collecting, "CATCH_UP_S", 0.0)


@pytest.mark.usefixtures("no_patience")
class TestMuchOutput:
    def test_only_marked_lines_and_the_end_are_parsed(self, collector: Collector) -> None:
        result = b"[BENCHMARK] latency(ms) 1.5\n"
        output = CHATTER + b"\x1e" + line(HELLO) + result + CHATTER + b"ValueError is the last line\n"
        collector.log.path.write_bytes(output)
        collector.output = replace(collector.output, marks=(b"[BENCHMARK]",))
        by_type = {type(event): event for event in collector.finish(now=9)}
        assert by_type.keys() == {ev.Hello, ev.Result, ev.Notice}
        notice = by_type[ev.Notice]
        assert isinstance(notice, ev.Notice)
        assert "prints faster than its output can be read" in notice.text
        assert collector.diagnosis.tail[-1] == "ValueError is the last line"

    def test_a_long_line_without_an_end_is_not_skipped(self, collector: Collector) -> None:
        collector.log.path.write_bytes(b"x" * 2 * collecting.RECENT)
        assert collector.finish(now=9) == []

    def test_a_reader_that_lags_behind_skips(self, collector: Collector) -> None:
        collector.log.path.write_bytes(CHATTER)
        (notice,) = collector.collect(now=9)
        assert isinstance(notice, ev.Notice)
        assert len(CHATTER) - collector.log.offset <= collecting.RECENT

    def test_a_search_that_takes_too_long_is_given_up(
        self, collector: Collector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Or the supervisor of a program that writes faster than it searches would do nothing else."""
        monkeypatch.setattr(collecting, "SKIP_S", -1.0)
        collector.log.limit = 1 << 10
        collector.log.path.write_bytes(CHATTER + b"\x1e" + line(HELLO) + CHATTER)
        (notice,) = collector.collect(now=9)
        assert isinstance(notice, ev.Notice)
        assert 2 * len(CHATTER) - collector.log.offset <= collecting.RECENT

    def test_its_log_keeps_beginning_and_end(
        self, collector: Collector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in {"LIMIT": 1 << 20, "HEAD": 100, "TAIL": 1000}.items():
            monkeypatch.setattr(raw_output, name, value)
        path = collector.log.path
        path.write_bytes(b"the beginning\n" + CHATTER)
        with open(path, "ab") as program:
            assert collector.limit_output(now=9) != []
            assert path.stat().st_size < 1200
            assert collector.limit_output(now=9) == []
            program.write(b"\x1e" + line(HELLO))
        (hello,) = collector.finish(now=9)
        assert isinstance(hello, ev.Hello)
        content = path.read_bytes()
        assert content.startswith(b"the beginning\nstep 12 has finished\n")
        assert content.count(raw_output.MARK + b"step 12 has finished\n") == 1
        assert content.endswith(b"step 12 has finished\n\x1e" + line(HELLO))


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


def test_results_beyond_the_limit_are_a_warning(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "MOST_CONFIGURATIONS", 2)
    collector.log.path.write_bytes(b"[BENCHMARK] engine_dir e batch_size 1 latency(ms) 5.0\n" * 4)
    events = collector.finish(now=9)
    assert [type(event) for event in events] == [ev.Result, ev.Result, ev.Notice]


def test_finish_takes_the_unfinished_last_line_too(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "CATCH_UP_S", math.inf)
    noise = b"noise\n" * 200_000  # more than one read takes
    collector.log.path.write_bytes(noise + b"[BENCHMARK] engine_dir e batch_size 1 latency(ms) 5.0")
    events = collector.finish(now=9)
    assert [type(event) for event in events] == [ev.Result]


def test_files_of_many_ranks_are_read_in_turns_all_at_the_end(collector: Collector) -> None:
    collector.ranks = ranks = 2 * collecting.MOST_FILES + 3
    for rank in range(ranks):
        (collector.records / f"{rank}.jsonl").write_bytes(line(HELLO | {"rank": rank}))
    first, second, rest = collector.collect(now=9), collector.collect(now=9), collector.finish(now=9)
    assert len(first) == len(second) == collecting.MOST_FILES
    events = [*first, *second, *rest]
    assert sorted(event.rank for event in events if isinstance(event, ev.Hello)) == list(range(ranks))
