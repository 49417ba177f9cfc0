"""A stand-in for ssh that runs the command of the other machine here, in a home of its own."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
import yaml

from runner.fleet import link
from runner.util import paths
from tests.support.paths import ROOT

SSH = """#!/bin/sh
# Runs the last word, as sshd would. The host is the word before; the connection to the box is cut twice.
for word; do host=$command command=$word; done
case $host in
user@box)
    echo x >> {calls}
    case $(wc -l < {calls}) in
    1) sh -c "$command" | {{ dd bs=1 count=300 2> /dev/null; kill $$; }} ;;
    3) sh -c "$command" | {{ dd bs=1 count=1500 2> /dev/null; kill $$; }} ;;
    esac
    exec sh -c "$command" ;;
*)
    echo "debug1: noise" >&2
    echo "ssh: connect to host $host port 22: No route to host" >&2
    exit 255 ;;
esac
"""


def reachable_host(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the home of `user@box`, which can be reached; `gone` is a host that is off."""
    monkeypatch.setattr(link, "FIRST_PAUSE_S", 0.01)
    ssh = folder / "ssh"
    ssh.write_text(SSH.format(calls=shlex.quote(str(folder / "calls"))))
    ssh.chmod(0o755)
    home = folder / "there"
    python = f"PYTHONPATH={ROOT} TRTBENCH_HOME={home} {sys.executable} -m runner.cli.main"
    write_settings(
        {"host": "user@box", "command": python, "ssh": [str(ssh)]}, {"host": "gone", "ssh": [str(ssh)]}
    )
    return home


def write_settings(*hosts: object) -> None:
    paths.settings_file().parent.mkdir(parents=True, exist_ok=True)
    paths.settings_file().write_text(yaml.safe_dump({"hosts": list(hosts)}))
