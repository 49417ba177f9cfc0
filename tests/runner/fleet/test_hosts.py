"""Which hosts are meant, and commands with `--host` through a stand-in for ssh that runs them here."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from runner.cli.main import main
from runner.fleet import link
from runner.fleet.hosts import chosen_hosts, connect_argv
from runner.run import layout
from runner.util import paths
from runner.util.errors import UserError
from runner.util.exit_codes import ExitCode
from tests.support.paths import ROOT
from tests.support.recorded_runs import finished
from tests.support.standin_ssh import reachable_host, write_settings


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return reachable_host(tmp_path, monkeypatch)


def test_runs_of_a_host_are_listed_and_exported(
    there: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("TRTBENCH_HOME", str(there))
        run_dir = finished(1, 5).write(paths.runs_dir())
        assert main(["export", "last", "--format", "json"]) == ExitCode.OK
        exported = capsys.readouterr().out
    assert main(["--host", "user@box,gone", "ls", "--json"]) == ExitCode.BAD_INPUT
    out, err = capsys.readouterr()
    assert json.loads(out)["run"] == run_dir.name
    assert json.loads(out)["from"] == "user@box"
    assert err == "trtbench-tui: gone: ssh: connect to host gone port 22: No route to host\n"
    assert (
        main(["--host", "user@box", "export", f"box:{run_dir.name[-4:]}", "--format", "json"]) == ExitCode.OK
    )
    assert capsys.readouterr().out == exported
    assert not (paths.runs_dir() / run_dir.name).exists()
    (copy,) = paths.fleet_dir().glob(f"*/{run_dir.name}")
    assert (copy / layout.EVENTS).read_bytes() == (run_dir / layout.EVENTS).read_bytes()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--host", "-oProxyCommand=x", "ls"], "is not the name of a host"),
        (["--host", "a b", "ls"], "is not the name of a host"),
        (["--host", "box", "trash", "ls"], "this command does not take --host; ls, attach"),
    ],
)
def test_a_wrong_host_is_one_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"--host={words[1]}", *words[2:]]
    assert main(words) == ExitCode.BAD_INPUT
    assert sentence in capsys.readouterr().err


def test_a_person_does_not_start_the_other_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    assert main(["serve-stdio"]) == ExitCode.BAD_INPUT
    assert "serve-stdio is the other end of --host" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ({"host": "x", "ssh": []}, "hosts[0].ssh: is empty"),
        ({"host": "-x"}, "hosts[0].host: '-x' is not the name of a host"),
        ({"command": "x"}, "hosts[0].host: missing"),
        ({"host": "x", "port": 22}, "hosts[0].port: unknown key; allowed here: host, command, ssh"),
    ],
    ids=["ssh", "option", "missing", "port"],
)
def test_a_wrong_host_of_the_settings_is_named(host: object, sentence: str) -> None:
    write_settings(host)
    with pytest.raises(UserError) as error:
        chosen_hosts("")
    assert sentence in str(error.value)


def test_settings_say_how_a_host_is_reached() -> None:
    write_settings({"host": "box", "command": "/opt/venv/bin/trtbench-tui", "ssh": ["ssh", "-p", "2222"]})
    box, other = chosen_hosts("box,user@other")
    options = ("-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15", "--")
    assert connect_argv(box) == (
        "ssh",
        "-p",
        "2222",
        *options,
        "box",
        "/opt/venv/bin/trtbench-tui serve-stdio",
    )
    assert connect_argv(other) == ("ssh", *options, "user@other", "trtbench-tui serve-stdio")


LIAR = """#!{python}
import os, sys
sys.path.insert(0, {root!r})
from runner.fleet.machine import Machine
from runner.fleet.wire import *
os.write(1, greeting())
requests, replies = Receiver(Request), Sender()
run = RemoteRun(run={run!r}, profile="p", engine="torch", status="finished", started=1.0, seconds=1.0)
machine = Machine(host="box", cores=1, load=0.0, gpus=[], no_gpus="none", uses=[])
while data := os.read(0, 65536):
    for request in requests.feed(data):
        if isinstance(request, ListRuns):
            os.write(1, replies.pack([Listing(machine, [run])]))
        if isinstance(request, Follow):
            os.write(1, replies.pack([Whole(request.run, "../x", (1, 1), b"")]))
"""


def test_a_command_gives_up_on_a_host_that_sends_nonsense(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(link, "FIRST_PAUSE_S", 0.01)
    ssh = tmp_path / "ssh"
    ssh.write_text(LIAR.format(python=sys.executable, root=str(ROOT), run="20260101T000000Z_p_7f3a"))
    ssh.chmod(0o755)
    write_settings({"host": "box", "ssh": [str(ssh)]})
    assert main(["--host", "box", "show", "7f3a"]) == ExitCode.BAD_INPUT
    assert "run 7f3a: '../x' is not a file of a run" in capsys.readouterr().err
