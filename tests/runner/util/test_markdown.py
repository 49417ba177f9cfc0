"""Markdown as a reader of it sees it: with the parser that rich brings along."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from runner.util.markdown import escaped, one_line, table

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
        elif tag not in ("table", "thead", "tbody", "tr"):
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
    page = cells_of(list(table(["head", "b"], [[escaped(text), "x"]], numbers=[1])))
    assert page.texts == ["head", "b", one_line(text), "x"]
    assert page.others == []


def test_ordinary_names_and_values_are_not_cluttered() -> None:
    for text in ("build.max_batch_size", "[[128, 128], [1024, 1024]]", "R&D (2 x H200)", "64→16, 1 %"):
        assert escaped(text) == text


def test_text_is_one_line_without_control_characters() -> None:
    assert one_line("a\tb\r\n\x1b[31mc") == "a b [31mc"
