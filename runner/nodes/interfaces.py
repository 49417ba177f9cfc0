"""The network interfaces of this machine that are up."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
from pathlib import Path

_SIOCGIFADDR = 0x8915
_MOST = 16
"""interfaces that are reported; a machine with containers has hundreds"""


def interfaces_up(sysfs: Path = Path("/sys/class/net")) -> dict[str, str]:
    """Return name -> IPv4 address and speed, `10.0.0.2 (100 Gb/s)`, of the interfaces that are up.

    Loopback and what is not known are left out.
    """
    found: dict[str, str] = {}
    for _, name in socket.if_nameindex():
        folder = sysfs / name
        if name == "lo" or _read(folder / "operstate") == "down" or len(found) == _MOST:
            continue
        speed = _read(folder / "speed")  # Mb/s; virtual interfaces have none, or -1
        known = f"({int(speed) / 1000:g} Gb/s)" if speed.isdigit() else ""
        if text := " ".join(filter(None, (_address(name), known))):
            found[name] = text
    return found


def _address(name: str) -> str:
    request = struct.pack("256s", name.encode()[:15])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket, contextlib.suppress(OSError):
        return socket.inet_ntoa(fcntl.ioctl(any_socket.fileno(), _SIOCGIFADDR, request)[20:24])
    return ""


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
