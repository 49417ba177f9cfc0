"""The hosts that a profile names, from its list or from a host file of Open MPI or MPICH."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from runner.schema.base import HOST_PATTERN, Mpirun, host_advice
from runner.util.errors import UserError
from runner.util.formatting import plural

_LARGEST_FILE = 1 << 20
_FORMS = "allowed: HOST, HOST:N (MPICH), HOST slots=N max_slots=N (Open MPI)"
_SLOTS = re.compile(r"(slots|max[_-]slots|cpu|count)=([1-9][0-9]{0,5})")
"""Open MPI takes `cpu` and `count` for `slots`."""


class Node(NamedTuple):
    """A host, and the most ranks on it."""

    host: str
    slots: int


class _Stated(NamedTuple):
    host: str
    slots: int | None


def find_nodes(section: Mpirun, ranks: int) -> list[Node]:
    """Return the hosts of a run on several machines, this machine first; empty: it uses this machine only.

    Open MPI 4 puts the machine of mpirun first in any case, and with this order the others do as well.

    Raises:
        UserError: the host file cannot be read, or no host is this machine.
    """
    stated = _stated(section)
    if not stated:
        return []
    here = _find_this_machine(list(stated))
    if here is None:
        field = "hostfile" if section.hostfile is not None else "hosts"
        names = ", ".join(list(stated)[:4]) + (", ..." if len(stated) > 4 else "")
        raise UserError(
            f"launch.mpirun.{field}: this machine ({os.uname().nodename}) is not one of {names}, and a run is"
            " started on a machine that it uses",
            hint=f"start it on {next(iter(stated))}, or add {os.uname().nodename} to the hosts",
        )
    if len(stated) == 1:
        return []
    default = section.slots or _even_share(stated.values(), ranks)
    nodes = [Node(host, slots or default) for host, slots in stated.items()]
    return sorted(nodes, key=lambda node: node.host != here)


def is_several(section: Mpirun) -> bool:
    """Check whether a profile names hosts; they may still be this machine alone."""
    return bool(section.hosts) or section.hostfile is not None


def _stated(section: Mpirun) -> dict[str, int | None]:
    """Return the hosts with the slots that are stated for them; a host that is repeated has those of each."""
    if section.hostfile is not None:
        entries = list(_read_hostfile(os.path.expanduser(section.hostfile)))
    else:
        entries = [_host(text) for text in section.hosts]
    found: dict[str, int | None] = {}
    for host, slots in entries:
        found[host] = (found[host] or 1) + (slots or 1) if host in found else slots
    return found


def _host(text: str) -> _Stated:
    found = re.fullmatch(HOST_PATTERN, text)
    if found is None:
        raise UserError(f"launch.mpirun.hosts: {text!r} is not a host{host_advice(text)}")
    return _Stated(found["name"], int(found["slots"]) if found["slots"] else None)


def _even_share(slots: Iterable[int | None], ranks: int) -> int:
    """Return the slots of each host that states none, so that all ranks have one."""
    stated = list(slots)
    unstated = stated.count(None)
    rest = ranks - sum(number or 0 for number in stated)
    return max(1, -(-rest // unstated)) if unstated else 1


def _read_hostfile(path: str) -> Iterator[_Stated]:
    """Yield the hosts of a file.

    Raises:
        UserError: it cannot be read, or a line is not understood.
    """
    try:
        with open(path, "rb") as file:
            text = file.read(_LARGEST_FILE).decode("utf-8", "replace")
    except OSError as error:
        raise UserError(f"launch.mpirun.hostfile: {path}: {error.strerror}") from None
    count = 0
    for number, line in enumerate(text.splitlines(), 1):
        words = re.sub(r"\s*=\s*", "=", line.partition("#")[0]).split()
        if words:
            count += 1
            yield _line(words, f"{path}:{number}")
    if not count:
        raise UserError(f"launch.mpirun.hostfile: {path} names no host", hint=_FORMS)


def _line(words: list[str], where: str) -> _Stated:
    found = re.fullmatch(HOST_PATTERN, words[0])
    if found is None:
        raise UserError(f"{where}: {words[0]!r} is not a host{host_advice(words[0])}", hint=_FORMS)
    slots = int(found["slots"]) if found["slots"] else None
    most: int | None = None
    for word in words[1:]:
        setting = _SLOTS.fullmatch(word)
        if setting is None:
            raise UserError(f"{where}: {word!r} is not understood", hint=_FORMS)
        if setting[1].startswith("max"):
            most = int(setting[2])
        else:
            slots = int(setting[2])
    if slots is not None and most is not None and slots > most:
        raise UserError(
            f"{where}: {plural(slots, 'slot')}, but max_slots is {most}", hint="lower one of them"
        )
    return _Stated(found["name"], slots or most)


def _find_this_machine(hosts: list[str]) -> str | None:
    """Return the name in a list of hosts that means this machine; None: no name does.

    Addresses are looked up only if no name is equal: a name server may be slow.
    """
    own = os.uname().nodename
    names = {own, own.partition(".")[0], "localhost"}
    equal = (host for host in hosts if host in names or host.partition(".")[0] == own)
    return next(equal, None) or next(filter(_is_own_address, hosts), None)


@lru_cache(maxsize=256)
def _is_own_address(host: str) -> bool:
    """Check whether a name has an address of this machine: only such an address can be bound."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)
    except OSError:
        return False
    for family, kind, protocol, _, address in found:
        try:
            with socket.socket(family, kind, protocol) as probe:
                probe.bind(address)
        except OSError:
            continue
        return True
    return False
