"""The network interfaces of this node, and which of them NCCL may take."""

from __future__ import annotations

import fcntl
import ipaddress
import os
import socket
import struct
from pathlib import Path

from runner.preflight.node_answer import NetworkInterface
from runner.util.files import system_text

_NET, _INFINIBAND = Path("/sys/class/net"), Path("/sys/class/infiniband")
_SIOCGIFADDR = 0x8915
_MOST = 32
_GLOBAL_SCOPE = "00"
_AUTOMATIC = ("ib", "^docker,lo", "docker", "lo")
"""what NCCL tries in this order without NCCL_SOCKET_IFNAME (src/misc/socket.cc, ncclFindInterfaces)"""


def list_interfaces(wanted: str) -> list[NetworkInterface]:
    """Return the interfaces that are up and have an address; loopback only if NCCL may take it.

    Args:
        wanted: NCCL_SOCKET_IFNAME; empty: not set.
    """
    rdma = {interface: device for device in _rdma_devices() for interface in _interfaces_of(device)}
    found = [
        NetworkInterface(
            name=name,
            address=address,
            speed=max(0, _number(_NET / name / "speed")),
            rdma=rdma.get(name, ""),
        )
        for name in sorted(os.listdir(_NET))
        if _is_up(name) and (address := _address(name))
    ]
    chosen = set(chosen_by_nccl([interface.name for interface in found], wanted))
    return [
        NetworkInterface(
            name=one.name, address=one.address, speed=one.speed, rdma=one.rdma, nccl=one.name in chosen
        )
        for one in found
        if one.name != "lo" or "lo" in chosen
    ][:_MOST]


def chosen_by_nccl(names: list[str], wanted: str) -> list[str]:
    """Return the interfaces that NCCL may take.

    Args:
        names: interfaces that are up and have an address.
        wanted: NCCL_SOCKET_IFNAME: prefixes, `^` before them to exclude, `=` before them for whole names.
    """
    for rule in (wanted,) if wanted else _AUTOMATIC:
        if chosen := [name for name in names if _matches(name, rule)]:
            return chosen
    return []


def _matches(name: str, rule: str) -> bool:
    excludes = rule.startswith("^")
    rule = rule.removeprefix("^")
    is_exact = rule.startswith("=")
    words = [word for word in rule.removeprefix("=").split(",") if word]
    return excludes != any(name == word if is_exact else name.startswith(word) for word in words)


def active_rdma_devices() -> list[str]:
    """Return the RDMA devices that have an active port, each with the rate of that port."""
    found = []
    for device in _rdma_devices():
        for port in sorted((_INFINIBAND / device / "ports").glob("[0-9]*")):
            if "ACTIVE" in _text(port / "state"):
                found.append(f"{device} {_text(port / 'rate')}".rstrip())
                break
    return found[:_MOST]


def _rdma_devices() -> list[str]:
    try:
        return sorted(os.listdir(_INFINIBAND))
    except OSError:
        return []


def _interfaces_of(device: str) -> list[str]:
    try:
        return os.listdir(_INFINIBAND / device / "device" / "net")
    except OSError:
        return []


def _is_up(name: str) -> bool:
    return _text(_NET / name / "operstate") in ("up", "unknown")


def _address(name: str) -> str:
    """Return the IPv4 address of an interface, else its global IPv6 address; empty: it has neither."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            request = struct.pack("256s", name.encode()[:15])
            return socket.inet_ntoa(fcntl.ioctl(any_socket.fileno(), _SIOCGIFADDR, request)[20:24])
        except OSError:
            pass
    for line in _text(Path("/proc/net/if_inet6")).splitlines():
        words = line.split()
        if len(words) == 6 and words[5] == name and words[3] == _GLOBAL_SCOPE:
            return str(ipaddress.IPv6Address(int(words[0], 16)))
    return ""


def _number(path: Path) -> int:
    text = _text(path)
    return int(text) if text.isdigit() else 0


def _text(path: Path) -> str:
    return system_text(path).strip()
