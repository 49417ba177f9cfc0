"""Which node is meant by a name of the host list: users write short names, full names and addresses."""

from __future__ import annotations

import socket
from collections.abc import Collection, Mapping, Sequence


def match_hosts(hosts: Sequence[str], joined: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Return the node of each name of a host list that is known.

    Args:
        hosts: names of the host list.
        joined: name of each node as it names itself, and its addresses.
    """
    found: dict[str, str] = {}
    for host in hosts:
        node = _by_name(host, joined) or _by_address(host, joined)
        if node is not None:
            found[host] = node
    rest = [host for host in hosts if host not in found]
    free = [node for node in joined if node not in found.values()]
    if len(rest) == len(free) == 1 and len(joined) == len(hosts):
        found[rest[0]] = free[0]
    return found


def _by_name(host: str, joined: Mapping[str, Collection[str]]) -> str | None:
    if host in joined:
        return host
    if host in ("localhost", "127.0.0.1"):
        return None
    short = [node for node in joined if node.partition(".")[0] == host.partition(".")[0]]
    return short[0] if len(short) == 1 and not host[:1].isdigit() else None


def _by_address(host: str, joined: Mapping[str, Collection[str]]) -> str | None:
    try:
        addresses = {str(found[4][0]) for found in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return None
    matching = [node for node, own in joined.items() if addresses & set(own)]
    return matching[0] if len(matching) == 1 else None
