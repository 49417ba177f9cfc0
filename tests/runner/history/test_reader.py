"""The list, the index behind it, and the room that runs take."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import msgspec
import pytest

from runner.history import index, labels
from runner.history.disk_usage import disk_use
from runner.history.reader import RunHistory, read_entries
from runner.history.reports import load_report
from runner.history.run_entry import Figure, RunEntry
from runner.report.files import read_summary, write_report
from runner.report.model import ConfigurationReport, MetricCell, Summary
from runner.run import layout
from runner.util import paths
from tests.support.histories import ended, entry, figure


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The reports that were opened."""
    opened: list[Path] = []
    read = read_summary

    def counted(run_dir: Path) -> Summary | None:
        opened.append(run_dir)
        return read(run_dir)

    monkeypatch.setattr("runner.history.run_entry.read_summary", counted)
    return opened


def test_a_row_says_what_the_report_says() -> None:
    slow, fast = figure(50.0, 20.0, batch_size=1), figure(400.0, 40.0, batch_size=16)
    ended(figures=[slow, fast], flags=["one", "two"], gpus=["NVIDIA H200", "NVIDIA H200"])
    (row,) = read_entries()
    assert (row.figures, row.best) == ((slow, fast), fast)
    assert (row.flags, row.gpus, row.host) == (2, ("NVIDIA H200",) * 2, "bench01")


def test_a_cause_that_looks_like_a_secret_is_masked() -> None:
    ended("0001", "p", "failed", cause="401 for https://me:word@host/x")
    for _ in range(2):  # from the report, then from the index
        (row,) = read_entries()
        assert row.cause == "401 for https://(withheld)@host/x"


def test_without_tokens_the_lowest_latency_stands_for_the_run() -> None:
    quick = figure(None, 10.0)
    assert entry(figures=[figure(None, 20.0, batch_size=8), quick]).best == quick
    assert entry().best is None


def test_a_run_that_ended_is_read_once_by_all_readers_together(reads: list[Path]) -> None:
    run_dirs = [ended(f"000{number}", ago=10.0 * number, figures=[figure()]) for number in (1, 2, 3)]
    first = read_entries()
    assert sorted(reads) == sorted(run_dirs)
    assert read_entries() == first
    assert RunHistory().entries() == first
    assert len(reads) == 3


def test_a_report_that_changed_is_read_again(reads: list[Path]) -> None:
    run_dir = ended(status="finished")
    assert [row.status for row in read_entries()] == ["finished"]
    write_report(run_dir, msgspec.structs.replace(load_report(run_dir), status="failed"))
    assert [row.status for row in read_entries()] == ["failed"]


@pytest.mark.parametrize("spoil", ["delete", "empty", "tear", "flip", "replace", "directory"])
def test_the_index_heals(spoil: str) -> None:
    ended("0001", figures=[figure()])
    ended("0002", ago=100.0)
    expected = read_entries()
    path = paths.history_index()
    content = path.read_bytes()
    path.unlink()
    if spoil == "directory":
        path.mkdir()
    elif spoil != "delete":
        flipped = content[:-9] + bytes([content[-9] ^ 0xFF]) + content[-8:]
        path.write_bytes({"empty": b"", "tear": content[:50], "flip": flipped, "replace": b"x" * 999}[spoil])
    assert read_entries() == expected
    if spoil != "directory":
        assert index.load_index(path).keys() == {row.run for row in expected}


def test_an_index_of_another_version_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    ended()
    expected = read_entries()
    monkeypatch.setattr(index, "VERSION", index.VERSION + 1)
    assert index.load_index(paths.history_index()) == {}
    assert read_entries() == expected


def test_a_read_only_state_directory_is_listed_without_index(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended()

    def refuse(source: object, target: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("os.replace", refuse)
    assert len(read_entries()) == 1
    assert os.listdir(paths.state_home()) == ["runs"]


def test_runs_come_and_go() -> None:
    found = RunHistory()
    old = ended("0001", ago=100.0)
    assert [row.run for row in found.entries()] == [old.name]
    new = ended("0002", ago=10.0)
    assert [row.run for row in found.entries()] == [new.name, old.name]
    assert [row.run for row in found.entries(newest=1)] == [new.name]
    old.rename(old.parent.parent / "elsewhere")
    assert [row.run for row in found.entries()] == [new.name]
    assert index.load_index(paths.history_index()).keys() >= {new.name}


def test_labels_are_seen_as_soon_as_they_are_there() -> None:
    run = ended().name
    found = RunHistory()
    found.entries()
    labels.tag(run, ["good"])
    assert [row.tags for row in found.entries()] == [("good",)]
    labels.rename(run, "before the fix")
    labels.tag(run, remove=["good"])
    assert [(row.name, row.tags) for row in found.entries()] == [("before the fix", ())]


def test_the_room_on_the_disk_is_found_out_when_asked_for() -> None:
    run_dir = ended()
    (run_dir / "0-benchmark.log").write_bytes(b"x" * 1_000_000)
    found = RunHistory()
    assert found.entries()[0].disk is None
    disk = found.entries(disk=True)[0].disk
    assert disk is not None
    assert 1_000_000 <= disk <= 1_200_000
    assert read_entries()[0].disk == disk, "the index remembers it"


def test_what_one_reader_found_out_another_does_not_forget(monkeypatch: pytest.MonkeyPatch) -> None:
    ended("0001", ago=100.0)
    careless, careful = RunHistory(), RunHistory()
    careless.entries()
    careful.entries(disk=True)
    ended("0002", ago=10.0)
    careless.entries()
    monkeypatch.setattr("runner.history.reader.disk_use", lambda path: pytest.fail("counted again"))
    assert read_entries()[1].disk is not None


def test_disk_use_counts_what_can_be_seen(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(b"x" * 50_000)
    (folder / "link").symlink_to("/usr")
    (folder / "sparse").touch()
    os.truncate(folder / "sparse", 10**9)
    assert 50_000 <= disk_use(tmp_path / "a") < 100_000
    assert disk_use(tmp_path / "missing") == 0


def test_readers_in_the_same_moment_do_not_spoil_the_index() -> None:
    for number in range(30):
        ended(f"{number:04x}", ago=number * 10.0)
    results: list[list[RunEntry]] = []
    threads = [threading.Thread(target=lambda: results.append(read_entries())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result == results[0] for result in results)
    assert len(index.load_index(paths.history_index())) == 30


def test_ten_thousand_rows_are_looked_through_at_once() -> None:
    from runner.history import ordering, query

    rows = [
        entry(f"{number:04x}", f"p{number % 40}", ago=60.0 * number, figures=[figure(100.0 + number % 97)])
        for number in range(10_000)
    ]
    started = time.thread_time()
    query.filter_entries(rows, "p1 status:finished tokens:>150 since:2020-01-01 -tag:bad")
    for sort in ordering.SORTS:
        ordering.sort_entries(rows, sort)
    ordering.group_by_profile(rows)
    assert time.thread_time() - started < 2, "an order above what it takes"


def test_a_run_under_way_is_never_remembered() -> None:
    run_dir = ended()
    (run_dir / layout.REPORT).unlink()
    (run_dir / layout.EVENTS).write_bytes(b"")
    lock = layout.try_lock(run_dir)
    assert lock is not None
    (row,) = read_entries(disk=True)
    assert not row.ended
    assert not paths.history_index().exists()
    os.close(lock)


def test_requests_in_flight_have_their_own_numbers() -> None:
    run_dir = ended()
    rows = [
        MetricCell(metric="output_tokens_per_sec", unit="tokens/s", n=500, value=9000.0),
        MetricCell(metric="request_latency_ms", unit="ms", n=500, value=1234.0),
    ]
    served = ConfigurationReport(
        batch_size=0, input_len=128, output_len=64, rows=rows, flags=[], requests=500, concurrency=32
    )
    write_report(run_dir, msgspec.structs.replace(load_report(run_dir), configurations=[served]))
    (row,) = read_entries()
    assert row.best is not None
    assert (row.best.tokens_per_sec, row.best.latency_ms) == (9000.0, 1234.0)
    assert "32" in row.best.title


def test_a_configuration_with_one_number_shows_it() -> None:
    only_rate = figure(100.0, 10.0)
    only_rate = Figure(only_rate.values, 100.0, None)
    ended(figures=[only_rate, figure(None, 20.0, batch_size=2)])
    (row,) = read_entries()
    assert len(row.figures) == 2
    assert row.best == only_rate
