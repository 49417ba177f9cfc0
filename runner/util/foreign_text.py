"""Clean text that someone else wrote, by the rules of the format that it goes into.

Names, tags, notes, causes, GPU names and the output of programs may come from another machine or user. Such
text must not control the terminal, the spreadsheet or the page that shows it, nor look like other text. There
is one function per format; each is used where the format is written.

Patterns are text, which `re` compiles when it first uses one and keeps: a start needs few of them.
"""

from __future__ import annotations

import re

_ESCAPE = (
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movement
    r"|\x1b[\]PX^_][^\n]*?(?:\x07|\x1b\\)"  # OSC, DCS and their like, if they have an end
    r"|\x1b[ -/]*[0-~]?"
)
_LINE_BREAKS = r"\r\n|[\t-\r\x1c-\x1e\x85\u2028\u2029]"
_BYTES = "\udc80-\udcff"  # how Python stores the bytes of a file name that is not UTF-8
_HIDDEN = (
    "\x00-\x1f\x7f-\x9f"  # control characters
    "\xad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2065\u2800\u3164\ufeff\uffa0"  # fillers
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f"  # direction of text
    "\u200c\u200d\ufe00-\ufe0f\U000e0000-\U000e0fff"  # joiners, variation selectors, tags
    "\u2028\u2029\ufff0-\ufffb\ufffe\uffff"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\ud800-\udc7f\udd00-\udfff"
)
UNSAFE = f"[{_HIDDEN}{_BYTES}]"
_STORED_BYTES = f"[{_BYTES}]+"
MARK = "·"
"""Shown for each character that would be invisible or have an effect; its width is one column."""


# --- terminals ---------------------------------------------------------------------------------------------


def plain_text(text: str) -> str:
    """Return one line without colours, cursor movement and hidden characters; tabs become spaces."""
    if text.isascii() and text.isprintable():
        return text
    if "\x1b" in text:
        text = re.sub(_ESCAPE, "", text)
    text = text.expandtabs(8) if "\t" in text else text
    return re.sub(UNSAFE, MARK, text)


def one_line(text: str) -> str:
    """Return the text as one line: line breaks and runs of spaces become one space."""
    return " ".join(plain_text(re.sub(_LINE_BREAKS, " ", text)).split())


def terminal_lines(text: str, *, keep_bytes: bool = False) -> str:
    """Return lines without colours, cursor movement and hidden characters; line ends and tabs stay.

    Args:
        text: any number of lines, or a part of one.
        keep_bytes: keep bytes of file names that are not UTF-8, for programs that read the output.
    """
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    text = re.sub(_ESCAPE, "", text.replace("\r\n", "\n"))
    if not keep_bytes:
        return re.sub(UNSAFE, _mark_in_lines, text)
    # Bytes that form a character would become this character when they are written.
    text = re.sub(_STORED_BYTES, _decode_bytes, text)
    return re.sub(UNSAFE, _mark_in_output, text)


def _mark_in_lines(found: re.Match[str]) -> str:
    return found[0] if found[0] in "\t\n" else MARK


def _mark_in_output(found: re.Match[str]) -> str:
    return found[0] if "\udc80" <= found[0] <= "\udcff" else _mark_in_lines(found)


def _decode_bytes(found: re.Match[str]) -> str:
    return found[0].encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


# --- JSON --------------------------------------------------------------------------------------------------


def ascii_json(document: bytes) -> bytes:
    """Return a JSON document in ASCII: a terminal shows escapes such as `\\u009b` and does not obey them."""
    if document.isascii() and b"\x7f" not in document:
        return document
    # Outside of strings, JSON has no such character.
    return re.sub(_NOT_PLAIN_ASCII, _json_escape, document.decode("utf-8")).encode("ascii")


_NOT_PLAIN_ASCII = r"[^\x00-\x7e]"


def _json_escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


# --- spreadsheets ------------------------------------------------------------------------------------------

_FORMULA = r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]"
_NUMBER = r"(?a)[+-]?(?:\d[\d.,]*|\.\d+)(?:[eE][+-]?\d+)?\s?%?"


def spreadsheet_cell(text: str) -> str:
    """Return the text as one line that a spreadsheet takes as text; a formula gets an apostrophe in front."""
    text = one_line(text)
    return f"'{text}" if re.match(_FORMULA, text) and not re.fullmatch(_NUMBER, text) else text


# --- Markdown ----------------------------------------------------------------------------------------------

_MARKUP = (
    r"[\\`*|]"
    r"|(?<![^\W_])_+|_+(?![^\W_])"  # underscores within a word, as in field names, need no escape
    r"|(?<=\])[(\[:]"  # a link, its definition
    r"|~(?=~)"
)
_ENTITY = r"&(?=#?[A-Za-z0-9]+;)"
_REFERENCE = r"(?i)@\w|#\d|\b(?:GH-\d|www\.|mailto:)|://"
"""addresses, mentions and numbers of issues, which pages turn into links even behind a backslash"""
_BLOCK = r"(?=>|[-+=#]+(?: |$))"
"""the start of a quotation, a list or a heading"""


def markdown_text(text: str) -> str:
    """Return the text on one line with Markdown, HTML and table separators escaped.

    Words that a page would turn into a link or a mention become code, where no page looks for them.
    """
    text = " ".join(map(_markdown_word, one_line(text).split(" ")))
    return f"\\{text}" if re.match(_BLOCK, text) else text


def _markdown_word(word: str) -> str:
    if re.search(_REFERENCE, word):
        return markdown_code(word)
    word = re.sub(_ENTITY, "&amp;", word).replace("<", "&lt;")
    return re.sub(_MARKUP, lambda found: "".join(f"\\{char}" for char in found[0]), word)


def markdown_code(text: str) -> str:
    """Return the text on one line as code; bars are outside of it, because they would end a table cell."""
    return r"\|".join(map(_code_span, one_line(text).split("|")))


def _code_span(text: str) -> str:
    if not text.strip():
        return text
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{space}{text}{space}{fence}"


# --- HTML and Prometheus -----------------------------------------------------------------------------------

_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})


def html_text(text: str) -> str:
    """Return the text escaped for HTML and SVG, without hidden characters; line ends stay."""
    return terminal_lines(text).translate(_HTML)


def prometheus_name(text: str) -> str:
    """Return the text as a part of the name of a metric: letters, digits and underscores."""
    return re.sub(r"[^A-Za-z0-9_]", "_", text)


def prometheus_label(text: str) -> str:
    """Return the text as the value of a label, before the escapes of the format."""
    return terminal_lines(text)
