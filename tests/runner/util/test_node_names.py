"""Names of a host list and names that nodes give themselves."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from runner.util.node_names import match_hosts


def test_hosts_match_by_name_address_or_as_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(name: str, _: Any) -> list[Any]:
        address = {"gate": "10.0.0.9", "localhost": "::1", "me": "127.0.1.1"}.get(name, name)
        if not address[-1].isdigit():
            raise OSError
        return [(0, 0, 0, "", (address, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    joined = {"a1": ["10.0.0.1"], "b.cluster": ["10.0.0.2"], "c": ["10.0.0.3"], "d": []}
    matched = match_hosts(["a1.cluster", "b", "10.0.0.3", "unknown"], joined, "c")
    assert matched == {"a1.cluster": "a1", "b": "b.cluster", "10.0.0.3": "c", "unknown": "d"}
    assert match_hosts(["gate", "unknown"], joined, "c") == {}
    own = ["localhost", "127.0.0.1", "me"]
    assert match_hosts(own, joined, "c") == dict.fromkeys(own, "c"), "the loopback interface is this machine"
    assert match_hosts(["localhost"], joined, "elsewhere") == {}
    twins = {"n.a": ["10.0.0.1"], "n.b": ["10.0.0.2"]}
    assert match_hosts(["n", "10.0.0.2"], twins, "n.a") == {"n": "n.a", "10.0.0.2": "n.b"}
    assert match_hosts(["n", "other"], twins, "n.a") == {}, "a name of two nodes is none"
