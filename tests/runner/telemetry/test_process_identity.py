"""Whose a process on a GPU is: certain or empty, and without arguments that may be secret."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from runner.telemetry import process_identity
from runner.telemetry.process_identity import HOST_PID_NAMESPACE, describe_process, short_command
from runner.util import processes


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["/usr/bin/python3.12", "/home/a/train.py", "--token", "hf_x"], "python3.12 train.py"),
        (
            ["python", "-u", "-X", "dev", "-m", "vllm.entrypoints", "--api-key=k"],
            "python -m vllm.entrypoints",
        ),
        (["python3", "-c", "secret = 1"], "python3 -c"),
        (["/opt/bin/trtllm-bench", "--model", "m"], "trtllm-bench"),
        (["ray::IDLE worker", ""], "ray::IDLE"),
        (["java", "-cp", "x", "-jar", "/a/b.jar", "p=1"], "java b.jar"),
        (["bash"], "bash"),
        ([""], ""),
        ([], ""),
    ],
    ids=range(9),
)
def test_a_command_has_no_arguments(arguments: list[str], shown: str) -> None:
    assert short_command(arguments) == shown


def test_a_process_of_a_run_has_user_command_and_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "pid_namespace", lambda: HOST_PID_NAMESPACE)
    environment = os.environ | {processes.TAG: "20260101T000000Z_p_7f3a"}
    argv = [sys.executable, "-c", "print(flush=True); input()"]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, env=environment, stdin=pipe, stdout=pipe) as process:
        assert process.stdout is not None
        process.stdout.readline()  # its arguments are in /proc now
        found = describe_process(process.pid)
        process.communicate(b"\n")
    assert found["user"] == processes.user_name()
    assert found["run"] == "20260101T000000Z_p_7f3a"
    assert found["command"].endswith(" -c")
    assert describe_process(process.pid) == {}


def test_pids_of_another_namespace_are_not_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "pid_namespace", lambda: HOST_PID_NAMESPACE + 1)
    assert describe_process(os.getpid()) == {}
    monkeypatch.setattr(process_identity, "_DEVICES", ("/dev/null",))
    with open(os.devnull):
        assert describe_process(os.getpid())["user"] == processes.user_name()
