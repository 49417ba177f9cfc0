"""The frame of an HTML page without scripts and network access, for light, dark and print."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from runner.export import svg
from runner.util.foreign_text import html_text

_STYLE = Path(__file__).with_name("page.css")
# A browser must not load or run anything that a name, a log or a prompt contains.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(title: str, body: Iterable[str], footer: str) -> Iterator[str]:
    """Yield a page piece by piece; `title` and `footer` are text, `body` is HTML."""
    style = _STYLE.read_text(encoding="utf-8")
    yield (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html_text(title)}</title>"
        f"<style>{style}{svg.STYLE}</style></head><body><main>\n"
    )
    yield from body
    yield f"<footer>{html_text(footer)}</footer></main></body></html>\n"


def text_table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table of text cells."""
    head = "".join(f"<th>{html_text(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{html_text(cell)}</td>' for cell in row)}</tr>\n" for row in rows)
    table = f'<table class="texts"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="wide">{table}</div>\n'


def text_list(texts: Sequence[str]) -> str:
    """Return a list of texts; empty without any."""
    items = "".join(f"<li>{html_text(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>\n" if items else ""


def figure(chart: str) -> str:
    """Return a chart that a narrow page scrolls instead of making its text too small to read."""
    return f'<div class="wide">{chart}</div>\n'
