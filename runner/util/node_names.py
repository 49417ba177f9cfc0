"""Which node is meant by a name of the host list: users write short names, full names and addresses."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection, Mapping, Sequence


def match_hosts(hosts: Sequence[str], nodes: Mapping[str, Collection[str]], here: str) -> dict[str, str]:
    """Return the node of each name of a host list that is known.

    A name means the node that calls itself so, or has the same short name or one of its addresses; a name of
    the loopback interface means this machine. If only one name and one node are left, they belong together. A
    name that could mean several nodes is not known.

    Args:
        hosts: names of the host list.
        nodes: name of each node as it names itself, and its addresses.
        here: the node of this process.
    """
    found: dict[str, str] = {}
    for host in hosts:
        node = _by_name(host, nodes) or _by_address(host, nodes, here)
        if node is not None:
            found[host] = node
    rest = [host for host in hosts if host not in found]
    free = [node for node in nodes if node not in found.values()]
    if len(rest) == len(free) == 1 and len(nodes) == len(hosts):
        found[rest[0]] = free[0]
    return found


def _by_name(host: str, nodes: Mapping[str, Collection[str]]) -> str | None:
    if host in nodes:
        return host
    if host[:1].isdigit() or host.partition(".")[0] == "localhost":
        return None
    short = [node for node in nodes if node.partition(".")[0] == host.partition(".")[0]]
    return short[0] if len(short) == 1 else None


def _by_address(host: str, nodes: Mapping[str, Collection[str]], here: str) -> str | None:
    try:
        addresses = {str(found[4][0]) for found in socket.getaddrinfo(host, None)}
    except (OSError, UnicodeError):
        return here if host == "localhost" and here in nodes else None
    if addresses and all(map(_is_loopback, addresses)):
        return here if here in nodes else None
    matching = [node for node, own in nodes.items() if addresses & set(own)]
    return matching[0] if len(matching) == 1 else None


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback
