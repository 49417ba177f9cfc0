"""Each format gets text of others as text: no control, no formula, no link, no markup."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from runner.util.foreign_text import (
    ascii_json,
    html_text,
    markdown_code,
    markdown_text,
    one_line,
    spreadsheet_cell,
    terminal_lines,
)
from runner.util.markdown import table
from tests.support import characters

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


class _Cells(HTMLParser):
    """Texts of the cells of a page, and every tag that a table has no use for."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.others: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in ("td", "th"):
            self.texts.append("")
        elif tag not in ("table", "thead", "tbody", "tr", "code"):
            self.others.append(tag)

    def handle_data(self, data: str) -> None:
        if self.texts and data != "\n":
            self.texts[-1] += data


def cells_of(lines: list[str]) -> _Cells:
    page = _Cells()
    page.feed(PARSER.render("\n".join(lines)))
    return page


def test_table_is_aligned_with_chinese_text() -> None:
    assert list(table(["metric", "值"], [["延迟", "1.5"], ["p50", "10"]], numbers=[1])) == [
        "| metric |  值 |",
        "| ------ | --: |",
        "| 延迟   | 1.5 |",
        "| p50    |  10 |",
    ]


@given(st.text(alphabet="alt;#3|\\`*_~[]()!<>&\n\t\x00 ", max_size=12))
@example("&lt;")
@example("__init__ and _b_ but not max_batch_size")
@example("[a](b) ![a](b) ~~a~~ <b>")
def test_whatever_is_put_in_a_cell_is_read_in_it_as_it_is(text: str) -> None:
    page = cells_of(list(table(["head", "b"], [[markdown_text(text), "x"]], numbers=[1])))
    assert page.texts == ["head", "b", one_line(text), "x"]
    assert page.others == []


def test_ordinary_names_and_values_are_not_cluttered() -> None:
    for text in ("build.max_batch_size", "[[128, 128], [1024, 1024]]", "R&D (2 x H200)", "64→16, 1 %"):
        assert markdown_text(text) == text


def test_text_is_one_line_without_control_characters() -> None:
    assert one_line("a\tb\r\n\x1b[31mc") == "a b c"


@pytest.mark.parametrize(
    ("text", "line", "lines"),
    [
        ("\x1b[31mred\x1b[0m", "red", "red"),
        ("a\x1b]52;c;aGk=\x1b\\b\x9b2J", "ab·2J", "ab·2J"),
        ("\x1b]0;no end", "0;no end", "0;no end"),
        ("100 %\rok", "100 % ok", "100 %·ok"),
        ("a\r\nb\n", "a b", "a\nb\n"),
        ("a\tb", "a b", "a\tb"),
        ("\u061c\ufe0f\u3164\U000e0041\u202e\u2066\u2800\x07", "·" * 8, "·" * 8),
        ("\udcc2\udc9b\udcff", "···", "···"),
        ("汉字 שלום é \U0001f600", "汉字 שלום é \U0001f600", "汉字 שלום é \U0001f600"),
    ],
)
def test_terminal_text_has_no_effect(text: str, line: str, lines: str) -> None:
    assert one_line(text) == line
    assert terminal_lines(text) == lines


def test_bytes_of_file_names_are_kept_unless_they_form_a_control() -> None:
    assert terminal_lines("\udcff\udcc2\udc9b\udcc3\udca9", keep_bytes=True) == "\udcff·é"


@given(st.text(characters.ANY, max_size=30))
@example("\x7f\x9b\u2028\U000e0041")
def test_json_is_ascii_and_has_the_same_content(text: str) -> None:
    document = ascii_json(msgspec.json.encode({text: [text]}))
    assert document.isascii()
    assert document.decode().isprintable()
    assert json.loads(document) == {text: [text]}


@pytest.mark.parametrize(
    "text", ["=1+1", "+x", "-cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\r=1", "＝1", "- a", "\x1b[m=1"]
)
def test_formulas_become_text_in_a_spreadsheet(text: str) -> None:
    assert spreadsheet_cell(text).startswith("'")


@pytest.mark.parametrize("text", ["-1.5", "+3 %", "1e-5", "-1.2e+05", "p50", "a=b", ""])
def test_numbers_and_names_stay_in_a_spreadsheet(text: str) -> None:
    assert spreadsheet_cell(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("thanks @octocat", "thanks `@octocat`"),
        ("see https://x.example/a|b.", r"see `https://x.example/a`\|`b.`"),
        ("fixes #12, GH-3", "fixes `#12,` `GH-3`"),
        ("[a]: b", r"[a]\: b"),
        ("> quote", r"\> quote"),
        ("# head", r"\# head"),
        ("a `b` @c`d", r"a \`b\` ``@c`d``"),
        ("4 @ 5", "4 @ 5"),
        ("-5.2", "-5.2"),
    ],
)
def test_markdown_has_no_link_and_no_mention(text: str, shown: str) -> None:
    assert markdown_text(text) == shown


def test_code_cannot_be_left() -> None:
    assert markdown_code("a`b``c") == "```a`b``c```"
    assert markdown_code("`") == "`` ` ``"


def test_html_has_no_markup_and_no_hidden_character() -> None:
    assert html_text("<b a='\"'>&\x00\u202e\n") == "&lt;b a=&#x27;&quot;&#x27;&gt;&amp;··\n"
