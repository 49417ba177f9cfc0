"""Python stacks of a process, with a stand-in for py-spy."""

from __future__ import annotations

from pathlib import Path

from runner.util.stacks import read_stacks

DUMP = """\
Process 4301: python benchmark.py
Python v3.10.12 (/usr/bin/python3.10)

Thread 4301 (idle): "MainThread"
    all_reduce (torch/distributed.py:1992)
    forward (decoder.py:88)
    main (benchmark.py:12)
"""


def program(root: Path, script: str) -> str:
    path = root / "py-spy"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_the_innermost_frames_are_kept(tmp_path: Path) -> None:
    (tmp_path / "dump").write_text(DUMP)
    reader = program(tmp_path, f'[ "$*" = "dump --pid 4301" ] && cat {tmp_path}/dump')
    assert read_stacks([4301], reader)[4301] == [
        'Thread 4301 (idle): "MainThread"',
        "all_reduce (torch/distributed.py:1992)",
        "forward (decoder.py:88)",
        "main (benchmark.py:12)",
    ]


def test_a_refusal_is_reported(tmp_path: Path) -> None:
    reader = program(tmp_path, "echo 'Error: Permission denied' >&2; exit 1")
    assert read_stacks([1], reader) == {1: ["py-spy cannot read it: Error: Permission denied"]}
    assert read_stacks([1], str(tmp_path / "none"))[1][0].startswith("py-spy did not answer")
