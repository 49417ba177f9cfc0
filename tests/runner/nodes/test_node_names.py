"""Names of a host list and names that nodes give themselves."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from runner.nodes.node_names import match_hosts


def test_hosts_match_by_name_address_or_as_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(name: str, _: Any) -> list[Any]:
        if name == "unknown":
            raise OSError
        return [(0, 0, 0, "", ("10.0.0.9" if name == "gate" else name, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    joined = {"a1": ["10.0.0.1"], "b.cluster": ["10.0.0.2"], "c": ["10.0.0.3"], "d": []}
    matched = match_hosts(["a1.cluster", "b", "10.0.0.3", "unknown"], joined)
    assert matched == {"a1.cluster": "a1", "b": "b.cluster", "10.0.0.3": "c", "unknown": "d"}
    assert match_hosts(["gate", "unknown"], joined) == {}
