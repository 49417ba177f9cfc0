"""Everything that is printed is clean, whoever prints it."""

from __future__ import annotations

import io
import sys

import pytest

from runner.util import console
from runner.util.console import CleanStream, clean_output


def test_print_of_any_module_is_clean(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    with clean_output():
        print("a\x1b[31mb\x9b", end="\r\n")
        print("\x07", file=sys.stderr)
        console.control_terminal("\x1b[H", sys.stdout)
    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr() == ("ab·\n\x1b[H", "·\n")


def test_a_clean_stream_takes_no_bytes(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    with clean_output():
        assert not hasattr(sys.stdout, "buffer")
        print("text")
        console.print_json([b'{"a":"\xc2\x9b"}', b"1"])
    assert capsysbinary.readouterr().out == b'text\n{"a":"\\u009b"}\n1\n'


def test_file_names_that_are_not_utf8_reach_a_pipe() -> None:
    raw = io.BytesIO()
    stream = CleanStream(io.TextIOWrapper(raw, encoding="utf-8", errors="surrogateescape"))
    print("name-\udcff-\udcc2\udc9b", file=stream, flush=True)
    assert raw.getvalue() == b"name-" + b"\xff" + "-·\n".encode()
