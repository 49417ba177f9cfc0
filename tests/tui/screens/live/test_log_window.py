"""A window into a log of any size: following, scrolling, filtering, searching."""

from __future__ import annotations

import re
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.util.log_file import LONGEST, WINDOW, LogFile, level_of, passes
from tui.framework.rows import row_text
from tui.screens.live.log_view import draw_line
from tui.screens.live.log_window import MAX_LINES, LogWindow

HEIGHT = 10


def window_on(content: bytes, path: Path, height: int = HEIGHT) -> LogWindow:
    path.write_bytes(content)
    window = LogWindow(path)
    window.poll(height)
    return window


def texts(window: LogWindow) -> list[str]:
    return [row_text(draw_line(line, 10_000, None)) for line in window.visible()]


def write(path: Path, more: bytes) -> None:
    with open(path, "ab") as file:
        file.write(more)


def numbered(count: int) -> bytes:
    return b"".join(b"line %d\n" % n for n in range(count))


# --- lines -------------------------------------------------------------------------------------------------


def test_lines_are_shown_as_a_terminal_would_show_them(tmp_path: Path) -> None:
    raw = b'one\r\nbar 10 %\rbar 99 %\n\x1b[31mred\x1b[0m\x07\n\x1e{"rank":0}\nlast\n'
    assert texts(window_on(raw, tmp_path / "log")) == ["one", "bar 99 %", "red·", "last"]


def test_an_unfinished_line_is_shown_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "log"
    window = window_on(b"one\nloading 10 %", path)
    assert texts(window) == ["one", "loading 10 %"]
    write(path, b"\rloading 20 %")
    assert window.poll(HEIGHT)
    assert texts(window) == ["one", "loading 20 %"]
    write(path, b"\rdone\n")
    window.poll(HEIGHT)
    assert texts(window) == ["one", "done"]
    assert not window.poll(HEIGHT)


def test_a_deleted_log_keeps_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    window = LogWindow(path)
    window.poll(HEIGHT)
    assert not window.poll(HEIGHT)
    path.write_bytes(b"one\n")
    assert window.poll(HEIGHT)
    path.unlink()
    window.poll(HEIGHT)
    assert texts(window) == ["one"]


def test_a_megabyte_line_is_cut_with_a_mark(tmp_path: Path) -> None:
    shown = texts(window_on(b"before\n" + b"x" * (20 * WINDOW) + b"\nafter\n", tmp_path / "log"))
    assert [len(line) for line in shown] == [6, LONGEST + 1, 5]
    assert shown[1].endswith("…")


def test_a_megabyte_progress_bar_shows_its_last_state(tmp_path: Path) -> None:
    bar = b"\r".join(b"loading %6d of 60000" % n for n in range(60_000))
    shown = texts(window_on(b"before\n" + bar + b"\rloaded\nafter\n", tmp_path / "log"))
    assert shown == ["before", "loaded", "after"]


def test_invalid_utf8_is_shown(tmp_path: Path) -> None:
    assert texts(window_on(b"\xff\xfe caf\xc3\xa9 \xe9\x80\x9a\n", tmp_path / "log"))[0].endswith("café 通")


@settings(max_examples=60)
@given(
    st.lists(st.binary(max_size=30).map(lambda raw: raw.replace(b"\n", b"")), max_size=60), st.integers(1, 9)
)
def test_reading_forwards_and_backwards_gives_the_same_lines(lines: list[bytes], count: int) -> None:

    with tempfile.NamedTemporaryFile() as file:
        file.write(b"".join(line + b"\n" for line in lines))
        file.flush()
        log = LogFile(Path(file.name))
        log.refresh()
        ends = [0]
        for line in lines:
            ends.append(ends[-1] + len(line) + 1)
        forwards, offset = log.after(0, 1 << 20, lambda _: True, 1.0)
        assert (offset, [line.start for line in forwards]) == (ends[-1], ends[:-1])
        backwards, offset = log.before(ends[-1], 1 << 20, lambda _: True, 1.0)
        assert (offset, backwards) == (0, forwards)
        log.close()


# --- any size ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sparse log of two gigabytes with lines at both ends."""
    path = tmp_path_factory.mktemp("big") / "log"
    with open(path, "wb") as file:
        file.write(numbered(1000))
        file.seek(2 << 30)
        file.write(b"\n" + b"".join(b"late %d\n" % n for n in range(2_000)))
    return path


def test_two_gigabytes_open_at_once_at_both_ends(big: Path) -> None:
    began = time.thread_time()
    window = LogWindow(big)
    window.poll(HEIGHT)
    assert texts(window)[-1] == "late 1999"
    window.scroll(-1500)
    assert texts(window)[-1] == "late 499"
    window.go_home()
    assert texts(window)[0] == "line 0"
    window.follow()
    assert texts(window)[-1] == "late 1999"
    assert time.thread_time() - began < 1.0


def test_a_search_stays_within_its_time_of_a_frame(big: Path) -> None:
    window = LogWindow(big)
    window.poll(HEIGHT)
    began = time.thread_time()
    window.find("nothing like this")
    window.poll(HEIGHT)
    assert time.thread_time() - began < 0.5
    assert not window.search or not window.search.complete
    assert " in " in window.status


def test_following_skips_output_that_is_too_far_ahead(tmp_path: Path) -> None:
    path = tmp_path / "log"
    window = window_on(b"first\n", path)
    write(path, numbered(2_000_000))
    began = time.thread_time()
    window.poll(HEIGHT)
    assert time.thread_time() - began < 0.5
    assert texts(window)[-1] == "line 1999999"


# --- moving ------------------------------------------------------------------------------------------------


def test_a_scrolled_log_does_not_move_until_end_is_pressed(tmp_path: Path) -> None:
    path = tmp_path / "log"
    window = window_on(numbered(100), path)
    window.scroll(-3)
    assert texts(window)[-1] == "line 96"
    write(path, b"line 100\n")
    window.poll(HEIGHT)
    assert texts(window)[-1] == "line 96"
    assert window.status == "at 96 %, end follows"
    window.follow()
    assert texts(window)[-1] == "line 100"
    assert window.status == ""


def test_scrolling_to_the_end_follows_it(tmp_path: Path) -> None:
    path = tmp_path / "log"
    window = window_on(numbered(100), path)
    window.scroll(-20)
    window.scroll(30)
    assert window.following
    write(path, b"more\n")
    window.poll(HEIGHT)
    assert texts(window)[-1] == "more"


def test_scrolling_keeps_memory_bounded(tmp_path: Path) -> None:
    window = window_on(numbered(50_000), tmp_path / "log")
    for by in (-20_000, -15_000, 9_000):
        while by:
            step = max(-900, min(900, by))
            window.scroll(step)
            by -= step
        assert len(window._lines) <= MAX_LINES
    assert texts(window)[0] == "line 23990"


# --- levels ------------------------------------------------------------------------------------------------

MIXED = [
    b"[TRT-LLM] [I] fine",
    b"[TRT-LLM] [W] careful",
    b"UserWarning: old",
    b"[TRT-LLM] [E] broken",
    b"Traceback (most recent call last):",
    b"torch.cuda.OutOfMemoryError: CUDA out of memory",
    b"terrorist mirrors",
]


def test_the_level_of_a_line_is_recognised() -> None:
    assert [level_of(line) for line in MIXED] == [
        "all", "warnings", "warnings", "errors", "errors", "errors", "all",
    ]  # fmt: skip
    assert not passes(b'\x1e{"error": 1}', "errors"), "a record of a rank is no error"


def test_next_level_cycles_through_the_filters(tmp_path: Path) -> None:
    window = window_on(b"".join(line + b"\n" for line in MIXED), tmp_path / "log")
    window.next_level()
    assert len(texts(window)) == 5
    assert window.status == "warnings and errors"
    window.next_level()
    assert texts(window)[0].endswith("broken")
    assert len(texts(window)) == 3
    window.next_level()
    assert len(texts(window)) == 7


def test_errors_far_up_are_found_over_several_frames(tmp_path: Path) -> None:
    window = window_on(b"error: the only one\n" + numbered(400_000), tmp_path / "log")
    window.next_level()
    window.next_level()
    while window.is_scanning:
        window.poll(HEIGHT)
    assert texts(window) == ["error: the only one"]


# --- searching ---------------------------------------------------------------------------------------------


def current(window: LogWindow) -> str:
    [line] = [line for line in window.visible() if line.start == window.current_match]
    return line.text.decode()


def test_a_search_finds_the_last_match_and_steps_through_all(tmp_path: Path) -> None:
    window = window_on(numbered(1000), tmp_path / "log")
    window.find("LINE 99")
    assert current(window) == "line 999"
    assert window.status == "/LINE 99: 11 of 11 · at 100 %, end follows"
    window.step_match(-1)
    assert current(window) == "line 998"
    for _ in range(9):
        window.step_match(-1)
    assert current(window) == "line 99"
    assert window.status.startswith("/LINE 99: 1 of 11")
    window.step_match(-1)
    assert current(window) == "line 999", "wraps around to the last"
    window.step_match(1)
    assert current(window) == "line 99", "wraps around to the first"


def test_a_search_without_match_reports_it(tmp_path: Path) -> None:
    window = window_on(numbered(10), tmp_path / "log")
    window.find("absent")
    assert window.status == "/absent: not found"
    assert texts(window)[-1] == "line 9"


def test_an_empty_search_ends_the_search(tmp_path: Path) -> None:
    window = window_on(numbered(10), tmp_path / "log")
    window.find("line")
    window.find("")
    assert window.search is None
    assert "/" not in window.status


def test_a_search_finds_chinese(tmp_path: Path) -> None:
    window = window_on("一\n加载完成\n三\n".encode(), tmp_path / "log")
    window.find("完成")
    assert current(window) == "加载完成"


def test_a_search_finds_later_output(tmp_path: Path) -> None:
    path = tmp_path / "log"
    window = window_on(numbered(10), path)
    window.find("line")
    write(path, b"another line\n")
    window.poll(HEIGHT)
    assert window.search is not None
    assert window.search.count == 11


def test_only_matches_of_the_filtered_lines_count(tmp_path: Path) -> None:
    window = window_on(b"".join(line + b"\n" for line in MIXED), tmp_path / "log")
    window.find("trt-llm")
    assert window.search is not None
    assert window.search.count == 3
    window.next_level()
    assert window.search.count == 2


def test_matches_are_highlighted(tmp_path: Path) -> None:
    window = window_on(b"one two one\n", tmp_path / "log")
    row = draw_line(window.visible()[0], 40, re.compile("one"))
    assert [(span.text, span.style) for span in row] == [("one", "match"), (" two ", ""), ("one", "match")]
