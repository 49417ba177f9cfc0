from __future__ import annotations

import ast
import math
from pathlib import Path

import pytest

from runner.util.formatting import duration, format_number, plural
from tests.support.paths import ROOT
from tui.text import (
    BrailleCanvas,
    align_right,
    bar,
    clock,
    fit,
    fit_parts,
    format_measurement,
    format_with_margin,
    plain_text,
    shorten,
    shorten_middle,
    to_ascii,
    width_of,
    wrap,
)


def test_durations_are_as_short_as_they_can_be() -> None:
    assert clock(3 * 3600 + 12 * 60 + 44.9) == "03:12:44"
    assert clock(30 * 3600) == "30:00:00"
    assert [duration(s) for s in (0, 12, 842, 11564)] == ["0:00", "0:12", "14:02", "3:12:44"]


def test_a_clock_never_runs_backwards_past_zero() -> None:
    assert (clock(-5), duration(-5)) == ("00:00:00", "0:00")


def test_numbers_have_their_thousands_apart_and_no_nan() -> None:
    assert format_number(63543.4) == "63 543"
    assert format_number(1234567.891, 2) == "1 234 567.89"
    assert [format_number(value) for value in (math.nan, math.inf, -math.inf)] == ["–"] * 3


def test_measures_have_about_four_digits() -> None:
    assert [format_measurement(v) for v in (63543.2, 217.91, 14.938, 0.0421)] == [
        "63 543",
        "217.9",
        "14.94",
        "0.042",
    ]


def test_plural() -> None:
    assert [plural(n, "run") for n in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]
    assert plural(2, "entry", "entries") == "2 entries"


@pytest.mark.parametrize("share", [-1, 0, 0.01, 0.5, 0.999, 1, 7])
def test_a_bar_is_always_as_wide_as_asked(share: float) -> None:
    full, empty = bar(share, 20)
    assert len(full) + len(empty) == 20


def test_dots_fill_braille_cells_and_stay_inside() -> None:
    dots = BrailleCanvas(2, 1)
    dots.column(0, -5, 99)
    dots.column(3, 3, 3)
    assert dots.row(0) == "⡇⢀"


def test_fitting_counts_cells_not_characters() -> None:
    assert fit("abc", 5) == "abc  "
    assert fit("abcdef", 4) == "abc…"
    assert align_right("7", 3) == "  7"
    for text in ("通义千问模型", "a通b义c"):
        for width in range(1, 14):
            assert width_of(fit(text, width)) == width
            assert width_of(shorten(text, width)) <= width
    assert fit("abc", 0) == ""


def test_wrapping_keeps_every_word_and_breaks_the_longest() -> None:
    assert wrap("one two three", 7) == ["one two", "three"]
    assert wrap("a\nb", 7) == ["a", "b"]
    assert wrap("通" * 5, 4) == ["通通", "通通", "通"]
    assert "".join(wrap("x" * 95, 10)) == "x" * 95


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("[TRT-LLM] [I] loaded [/tmp/x]", "[TRT-LLM] [I] loaded [/tmp/x]"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link", "link"),
        ("a\x07b\x00c\x9b31m", "a·b·c·31m"),
        ("a\tb", "a       b"),
        ("half\x1b[", "half"),
        ("left‮thgir", "left·thgir"),
    ],
)
def test_program_output_is_text_and_nothing_else(raw: str, shown: str) -> None:
    assert plain_text(raw) == shown


def test_ascii_keeps_the_columns() -> None:
    for text in ("● RUNNING", "█▊──", "⣰⣶⡇⠁", "通义千问 b4 64→24", "░░ ┤ ┄", "▶ ✓ ✖ ■ ◌"):
        assert to_ascii(text).isascii()
        assert width_of(to_ascii(text)) == width_of(text)
    assert to_ascii("⠁⡀⡇") == "'.:"


def test_every_sign_of_the_screens_has_an_ascii_form() -> None:
    def strings(path: Path) -> str:
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        return "".join(
            node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )

    shown = {char for path in (ROOT / "tui" / "screens").rglob("*.py") for char in strings(path)}
    assert {char for char in shown | {"−", "±"} if to_ascii(char) == "?" and char != "?"} == set()


def test_a_deviation_ends_where_its_mean_does() -> None:
    assert format_with_margin(131.32, 1.839) == "131.3 ±1.8"
    assert format_with_margin(13305.0, 186.3) == "13 305 ±186"
    assert format_with_margin(927.0, None) == "927.0"
    assert format_with_margin(1017.0, 0.04) == "1 017 ±0.04", "one digit at least: the runs did differ"
    assert format_with_margin(1017.0, 1e-13) == "1 017 ±0", "an error of rounding is no difference"


def test_whole_parts_of_a_summary() -> None:
    summary = "32 763.9 M parameters, float16 on cpu"
    assert fit_parts(summary, 40) == summary
    assert fit_parts(summary, 36) == "32 763.9 M parameters"
    assert fit_parts(summary, 20) == ""
    assert fit_parts("sweep · trtllm · 12 runs, 2 repeats", 26) == "sweep · trtllm · 12 runs"


@pytest.mark.parametrize("width", range(12))
@pytest.mark.parametrize("name", ["qwen2.5-32b-fp16-tp8", "通义千问-32b-fp16", "short"])
def test_a_name_cut_in_its_middle_fits(name: str, width: int) -> None:
    assert width_of(shorten_middle(name, width)) <= width


def test_a_name_keeps_its_beginning_and_its_end() -> None:
    assert shorten_middle("qwen2.5-32b-fp16-tp8", 16) == "qwen2.5-…p16-tp8"
    assert shorten_middle("qwen2.5-32b-fp16-tp8", 20) == "qwen2.5-32b-fp16-tp8"
