from __future__ import annotations

import time
from pathlib import Path

from tui.widgets.log_tail import KEPT, LONGEST, WINDOW, TailReader


def tail_of(content: bytes, path: Path) -> list[str]:
    path.write_bytes(content)
    reader = TailReader(path)
    reader.read()
    return list(reader.tail())


def test_lines_are_shown_as_a_terminal_would_have_left_them(tmp_path: Path) -> None:
    shown = tail_of(
        b'one\r\nbar 10 %\rbar 99 %\n\x1b[31mred\x1b[0m\x07\n\x1e{"rank":0}\nlast\n', tmp_path / "log"
    )
    assert shown == ["one", "bar 99 %", "red·", "last"]


def test_a_line_under_way_is_shown_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\nloading 10 %")
    reader = TailReader(path)
    assert reader.read()
    assert list(reader.tail()) == ["one", "loading 10 %"]
    with open(path, "ab") as file:
        file.write(b"\rloading 20 %")
    assert reader.read()
    assert list(reader.tail()) == ["one", "loading 20 %"]
    with open(path, "ab") as file:
        file.write(b"\rdone\n")
    assert reader.read()
    assert list(reader.tail()) == ["one", "done"]
    assert not reader.read()


def test_a_missing_file_is_no_output_yet_and_a_deleted_one_keeps_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    reader = TailReader(path)
    assert not reader.read()
    path.write_bytes(b"one\n")
    assert reader.read()
    path.unlink()
    reader.read()
    assert list(reader.tail()) == ["one"]


def test_a_big_log_is_read_from_near_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"".join(b"line %d\n" % n for n in range(2_000_000)))
    began = time.monotonic()
    reader = TailReader(path)
    reader.read()
    assert time.monotonic() - began < 0.5
    assert reader.tail()[-1] == "line 1999999"
    assert len(reader.tail()) <= KEPT
    assert all(line.startswith("line ") for line in reader.tail())


def test_a_line_of_a_megabyte_is_cut_with_a_mark(tmp_path: Path) -> None:
    shown = tail_of(b"before\n" + b"x" * (3 * WINDOW) + b"\nafter\n", tmp_path / "log")
    assert [len(line) for line in shown] == [6, LONGEST + 1, 5]
    assert shown[1].endswith("…")


def test_a_progress_bar_of_a_megabyte_shows_where_it_is(tmp_path: Path) -> None:
    bar = b"\r".join(b"loading %6d of 12000" % n for n in range(12_000))
    shown = tail_of(b"before\n" + bar[: 3 * WINDOW] + b"\rloaded\nafter\n", tmp_path / "log")
    assert shown == ["before", "loaded", "after"]


def test_bytes_that_are_no_text_are_shown_somehow(tmp_path: Path) -> None:
    shown = tail_of(b"\xff\xfe caf\xc3\xa9 \xe9\x80\x9a\n", tmp_path / "log")
    assert shown[0].endswith("café 通")
