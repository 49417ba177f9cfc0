"""Run directories that are spoilt, foreign or odd: none breaks a list, each is shown as what it is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.cli.main import main
from runner.history.lookup import find_run
from runner.history.reader import RunHistory, read_entries
from runner.run import layout, liveness
from runner.util import paths
from tests.support import recorded_runs
from tests.support.histories import ended, figure
from tests.support.runs import record, single

ID = "20260101T000000Z_odd_0001"
Maker = Callable[[Path], None]


def made(*, plan: bytes | None = None, log: bytes | None = None, table: bytes | None = None) -> Maker:
    def make(run_dir: Path) -> None:
        run_dir.mkdir(parents=True)
        for name, content in ((layout.PLAN, plan), (layout.EVENTS, log), (layout.REPORT, table)):
            if content is not None:
                (run_dir / name).write_bytes(content)

    return make


def a_file(path: Path) -> None:
    path.write_text("not a directory")


def a_dangling_link(path: Path) -> None:
    path.symlink_to("/nowhere")


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def directories_for_files(path: Path) -> None:
    for name in (layout.PLAN, layout.EVENTS, layout.REPORT):
        (path / name).mkdir(parents=True)


def pipes_for_files(path: Path) -> None:
    """Nobody writes to them: whoever waits for their content waits for ever."""
    path.mkdir()
    for name in (layout.PLAN, layout.EVENTS, layout.REPORT):
        os.mkfifo(path / name)


def log_of_nobody(path: Path) -> None:
    record(path, single("ok"), [])
    (path / layout.EVENTS).write_bytes(
        b"\x00\xff\xfe" * 5000 + b"\n" + b'{"kind":"?"}\n' + b"[" * 100_000 + b"\n"
    )


FOREIGN: dict[str, Maker] = {
    "empty": made(),
    "a file": a_file,
    "a dangling link": a_dangling_link,
    "a link to itself": a_link_to_itself,
    "directories for files": directories_for_files,
    "pipes for files": pipes_for_files,
    "empty plan": made(plan=b""),
    "torn plan": made(plan=b'{"engine": "tor'),
    "plan of another program": made(plan=b'{"name": "terraform"}'),
    "plan that is no text": made(plan=b"\xff\xfe\x00"),
    "plan as deep as a well": made(plan=b"[" * 200_000),
    "report that is no text": made(table=b"\xff" * 100),
    "report as deep as a well": made(table=b'{"run":' * 100_000),
    "report of another program": made(table=b'{"tests": 12, "failures": 0}'),
    "report with the wrong types": made(table=b'{"run": 1, "profile": [], "status": "great"}'),
    "only a log": made(log=b'{"kind":"run_started"'),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_no_run_is_one_row_that_says_so(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    good = ended(figures=[figure()])
    FOREIGN[name](good.parent / ID)

    mine, odd = sorted(read_entries(), key=lambda entry: entry.foreign)

    assert mine.run == good.name
    assert (odd.run, odd.foreign) == (ID, True)
    assert odd.cause
    assert main(["ls"]) == 0
    assert "no run" in capsys.readouterr().out


@pytest.mark.parametrize("name", FOREIGN)
def test_nothing_is_written_into_what_is_no_run(name: str) -> None:
    paths.runs_dir().mkdir(parents=True)
    odd = paths.runs_dir() / ID
    FOREIGN[name](odd)
    before = sorted(path.name for path in odd.iterdir()) if odd.is_dir() else []
    read_entries()
    assert (sorted(path.name for path in odd.iterdir()) if odd.is_dir() else []) == before


def test_a_run_with_a_log_of_rubbish_is_lost() -> None:
    paths.runs_dir().mkdir(parents=True)
    log_of_nobody(paths.runs_dir() / ID)
    (entry,) = read_entries()
    assert (entry.status, entry.foreign) == ("lost", False)


@pytest.mark.parametrize("content", [b"", b'{"schema": 1, "run": "x', b"\xff", b"null", b"[" * 200_000])
def test_a_broken_report_is_recomputed_and_left_in_place(content: bytes) -> None:
    run_dir = ended(profile="program", seconds=62.0)
    (run_dir / layout.REPORT).write_bytes(content)

    (entry,) = read_entries()

    assert (entry.status, entry.seconds) == ("finished", 62.0)
    assert entry.cause == "report.json cannot be read; these numbers were rebuilt from the log"
    assert (run_dir / layout.REPORT).read_bytes() == content


def test_a_spoilt_report_of_another_machine_is_no_run_under_way() -> None:
    run_dir = ended(profile="program", seconds=62.0)
    (run_dir / layout.REPORT).write_bytes(b"")
    liveness.write_owner(run_dir, liveness.Owner(pid=1, start_time=1, boot_id="x", host="another machine"))
    (entry,) = read_entries()
    assert (entry.status, entry.seconds) == ("finished", 62.0)


def test_a_report_of_a_later_version_is_read_as_far_as_it_goes() -> None:
    run_dir = ended(figures=[figure(123.0)])
    written = json.loads((run_dir / layout.REPORT).read_bytes())
    written |= {"schema": 99, "verdict": {"is": "new"}}
    (run_dir / layout.REPORT).write_text(json.dumps(written))
    (entry,) = read_entries()
    assert entry.best is not None
    assert entry.best.tokens_per_sec == 123.0


@pytest.mark.parametrize(("field", "value"), [("started", 1e300), ("started", -1e300), ("seconds", 1e300)])
def test_times_beyond_reason_are_not_shown(
    field: str, value: float, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = ended()
    written = json.loads((run_dir / layout.REPORT).read_bytes())
    (run_dir / layout.REPORT).write_text(json.dumps({**written, field: value}))
    assert main(["ls"]) == 0
    assert len(capsys.readouterr().out) < 500


def test_a_renamed_directory_is_listed_last() -> None:
    kept = ended("0001", ago=100.0)
    kept.rename(kept.parent / "zz-kept-by-hand")
    (kept.parent / "notes").mkdir()
    (kept.parent / ".hidden").mkdir()
    newer = ended("0002", ago=10.0)

    entries = read_entries()

    assert [(entry.run, entry.foreign) for entry in entries] == [
        (newer.name, False), ("zz-kept-by-hand", False), ("notes", True)
    ]  # fmt: skip
    assert find_run("last") == newer
    assert find_run("zz-kept-by-hand").name == "zz-kept-by-hand"


def test_names_that_are_no_text_and_causes_with_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    ended(cause="\x1b[31mred\nsecond line\r", profile="torch")
    odd = os.fsencode(paths.runs_dir()) + b"/20260101T000000Z_\xff\xfe_0001"
    os.mkdir(odd)
    for arguments in (["ls"], ["ls", "--json"], ["ls", "--group", "profile"]):
        assert main(arguments) == 0
        out = capsys.readouterr().out
        assert "\x1b" not in out
        out.encode()
    assert len(read_entries()) == 2, "and again, from the index"


@pytest.mark.parametrize("name", [layout.EVENTS, layout.PROFILE, layout.REPRO, "0-benchmark.log"])
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, Path.touch, None])
def test_a_damaged_file_never_hides_the_table(
    name: str, make: Callable[[Path], None] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = recorded_runs.finished(2).write(paths.runs_dir())
    main(["show", "last"])
    table = capsys.readouterr().out
    (run_dir / name).unlink(missing_ok=True)
    if make is not None:
        make(run_dir / name)
    assert main(["show", "last"]) == 0
    assert capsys.readouterr().out == table
    for words in (["attach", "last"], ["export", "last"], ["export", "last", "--format", "html"]):
        assert main(words) == 0
        assert run_dir.name in capsys.readouterr().out


def test_an_unreadable_report_is_not_read_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    run_dir = ended()
    (run_dir / layout.REPORT).write_bytes(b"{")
    found = RunHistory()
    first = found.entries()
    monkeypatch.setattr(
        "runner.history.run_entry.read_state", lambda run_dir: pytest.fail("the log was read again")
    )
    assert found.entries() == first
    assert read_entries() == first
