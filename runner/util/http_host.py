"""The Host header of requests to a server on this machine, as protection against DNS rebinding.

A page of another site can have its own name resolve to this machine, and its requests then count as requests
to that site. They carry its name; a browser that opened this server itself sends an address, `localhost` or
the name that the server was given.
"""

from __future__ import annotations

import ipaddress
import os
import re

_HOST = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[a-z0-9._-]+))(?::\d{1,5})?")
REFUSED = "this name is not one of this server: use its address, or localhost\n"


def is_own_host(header: str, listening: str) -> bool:
    """Check that a Host header names this machine in a way that no other site can.

    Args:
        header: `name`, `name:port`, `address:port` or `[address]:port`; empty: the header is missing.
        listening: the host that the server was told to listen on.
    """
    found = _HOST.fullmatch(header.lower())
    if found is None:
        return False
    name = found["address"] or found["name"]
    if name in {"localhost", listening.lower(), os.uname().nodename.lower()}:
        return True
    try:
        ipaddress.ip_address(name)  # no name server decides where an address leads
    except ValueError:
        return False
    return True
