"""One process a node as if one launcher started them: input to all, whole lines, an end that is noticed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from runner.engines.mpi.command import FAN_OUT
from runner.engines.mpi.fan_out import TOGETHER

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


def test_one_failure_ends_all_if_that_is_asked_for() -> None:
    commands = json.dumps([[], ["sh", "-c", "exit 5"]])
    argv = [sys.executable, str(FAN_OUT), commands, "sleep", "1000"]
    env = {**os.environ, TOGETHER: "1"}
    with subprocess.Popen(argv, stdin=subprocess.PIPE, env=env) as running:
        assert running.wait() in (5, 128 + 15)
