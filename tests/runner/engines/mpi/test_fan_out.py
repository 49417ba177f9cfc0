"""One process a node as if one launcher started them: input to all, whole lines, an end that is noticed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from runner.engines.mpi.command import FAN_OUT
from runner.engines.mpi.fan_out import NOT_STARTED, RESTART, FanOut, Heard, Member

ECHO = "import sys\nfor line in sys.stdin:\n    print(len(line), flush=True)\nsys.exit(int(sys.argv[1]))"


def test_input_goes_to_all_and_lines_stay_whole() -> None:
    commands = json.dumps([[], ["env", "X=1"], ["sh", "-c", 'exec "$@" "7"', "sh"]])
    lines = ["x" * size for size in (10, 70_000, 3)]
    argv = [sys.executable, str(FAN_OUT), commands, sys.executable, "-c", ECHO, "0"]
    done = subprocess.run(argv, input="\n".join(lines) + "\n", capture_output=True, text=True, check=False)
    assert sorted(done.stdout.splitlines()) == sorted(["11", "70001", "4"] * 3)
    assert done.returncode == 0


def test_the_first_failure_is_the_exit_code() -> None:
    commands = json.dumps([[], ["sh", "-c", "exit 5"]])
    argv = [sys.executable, str(FAN_OUT), commands, sys.executable, "-c", ECHO, "0"]
    assert subprocess.run(argv, stdin=subprocess.DEVNULL, check=False).returncode == 5


def test_a_failure_before_the_first_message_ends_all() -> None:
    commands = json.dumps([[], ["sh", "-c", "echo Connection refused; exit 5"]])
    argv = [sys.executable, str(FAN_OUT), commands, "sleep", "1000"]
    env = {**os.environ, RESTART: "1"}
    with subprocess.Popen(argv, stdin=subprocess.PIPE, env=env) as running:
        assert running.wait() in (5, 128 + 15)


def test_a_process_that_ends_early_is_started_once_more() -> None:
    ends = ["sh", "-c", r"printf '\036here\n'; read line; exit 0"]
    argv = [sys.executable, str(FAN_OUT), json.dumps([[], ends]), "cat"]
    env = {**os.environ, RESTART: "1"}
    with subprocess.Popen(argv, stdin=-1, stdout=-1, env=env, text=True) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stdout.readline() == "\x1ehere\n"
        running.stdin.write("first\n")
        running.stdin.flush()
        # The other process does not notice it.
        assert sorted([running.stdout.readline(), running.stdout.readline()]) == ["\x1ehere\n", "first\n"]
        running.stdin.write("last\n")
        running.stdin.close()
        assert running.stdout.read() == "last\n"


def test_a_line_that_is_read_after_the_end_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    forward, is_noticed = Member._forward, threading.Event()

    def forward_late(member: Member, process: subprocess.Popen[bytes], heard: Heard) -> None:
        is_noticed.wait()
        forward(member, process, heard)

    class Settled(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            is_noticed.set()  # the end of the process is, and its line is not read yet
            return super().wait(timeout)

    monkeypatch.setattr(Member, "_forward", forward_late)
    fan_out = FanOut([["printf"]], [r"\036here\n"])
    [member] = fan_out.members
    member.heard.settled = Settled()
    fan_out.follow(member, restart=True)
    assert member.retry_until is not None


def test_a_host_that_boots_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.engines.mpi.fan_out.PAUSE_S", 0.0)
    count = tmp_path / "count"
    refused = "echo Connection refused; exit 255"
    connection = f'echo >> {count}; case $(wc -l < {count}) in 1 | 4) exec sh -c "$1" ;; *) {refused} ;; esac'
    fan_out = FanOut([["sh", "-c", connection, "sh"]], [r"printf '\036here\n'; exit 3"])
    assert fan_out.follow(fan_out.members[0], restart=True) == 3
    assert count.read_text() == "\n" * 4


def test_a_process_that_cannot_start_again_has_failed(tmp_path: Path) -> None:
    connection = tmp_path / "connection"
    connection.write_text('#!/bin/sh\nrm "$0"\nprintf "\\036here\\n"\nread line\n')
    connection.chmod(0o755)
    argv = [sys.executable, str(FAN_OUT), json.dumps([[], [str(connection)]]), "cat"]
    env = {**os.environ, RESTART: "1"}
    with subprocess.Popen(argv, stdin=-1, stdout=-1, stderr=-1, env=env, text=True) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline() == "\x1ehere\n"
        running.stdin.write("first\n")
        running.stdin.flush()
        problem = f"{connection} cannot be started again: No such file or directory\n"
        assert running.stderr.readline() == problem
        running.stdin.close()
        assert running.stdout.read() == "first\n"  # the other process went on
        assert running.wait() == NOT_STARTED
