"""Which machines are meant, and the command that reaches each."""

from __future__ import annotations

import re
from collections.abc import Sequence

from runner.profile import settings
from runner.profile.settings import FleetHost
from runner.util import paths
from runner.util.errors import UserError

SERVE = "serve-stdio"
"""the command of the other side; `runner.cli.main` has it, too"""
CONNECT_TIMEOUT_S = 15
MOST_HOSTS = 64
_ADDRESS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:%@\[\]~+-]{0,254}")
_RULE = "allowed: what ssh takes as a destination without options, as user@box or a Host of ~/.ssh/config"


def chosen_hosts(text: str) -> list[FleetHost]:
    """Return the hosts of `--host`, with what the settings say of them.

    Args:
        text: names with commas between them; empty: all hosts of the settings.

    Raises:
        UserError: a name is not one, or the settings are invalid.
    """
    known = configured_hosts()
    names = [name.strip() for name in text.split(",") if name.strip()]
    if text and not names:
        raise UserError(f"--host {text!r} names no host", hint=_RULE)
    by_name = {host.host: host for host in known}
    chosen = [by_name.get(name) or FleetHost(host=name) for name in dict.fromkeys(names)] if text else known
    for host in chosen:
        check_address(host.host, "--host")
    return _limited(chosen)


def configured_hosts() -> list[FleetHost]:
    """Return the hosts of the settings.

    Raises:
        UserError: the settings are invalid.
    """
    found = settings.load().hosts
    for number, host in enumerate(found):
        where = f"{paths.settings_file()}: hosts[{number}]"
        check_address(host.host, f"{where}.host")
        if not host.ssh:
            raise UserError(f"{where}.ssh: is empty; allowed: a list of words like [ssh, -p, '2222']")
        if not host.command.strip():
            raise UserError(f"{where}.command: is empty; allowed: a path like /opt/venv/bin/trtbench-tui")
    return _limited(list({host.host: host for host in found}.values()))


def _limited(hosts: list[FleetHost]) -> list[FleetHost]:
    if len(hosts) > MOST_HOSTS:
        raise UserError(f"{len(hosts)} hosts; allowed: {MOST_HOSTS}")
    return hosts


def check_address(host: str, where: str) -> None:
    """Refuse what ssh would take as an option, or a shell as something else than a word.

    Raises:
        UserError: the name is not a destination.
    """
    if not _ADDRESS.fullmatch(host):
        raise UserError(f"{where}: {host!r} is not the name of a host; {_RULE}")


def short_name(host: str) -> str:
    """Return `box` for `user@box`."""
    return host.rpartition("@")[2]


def connect_argv(host: FleetHost) -> Sequence[str]:
    """Return the command whose input and output are the stream.

    The user's own ssh with the user's own configuration; it never asks, because there is no terminal.
    """
    options = ("-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_TIMEOUT_S}")
    return (*host.ssh, *options, "--", host.host, f"{host.command} {SERVE}")
