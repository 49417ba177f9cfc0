"""The text of a check that compares a value between nodes: which nodes have which value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from runner.engines.check import Check, Verdict
from runner.util.host_names import fold_hosts

NARROW = 50
"""characters of a text that fits next to the name of its check in 80 columns"""


def describe(values: Mapping[str, str]) -> str:
    """Return the nodes of each value, the most frequent value first.

    On one line if it is short: `node[1-7]: 570.86 · node8: 565.57`.
    """
    groups: dict[str, list[str]] = {}
    for node, value in values.items():
        groups.setdefault(value, []).append(node)
    ordered = sorted(groups.items(), key=lambda group: -len(group[1]))
    parts = [f"{fold_hosts(nodes)}: {value}" for value, nodes in ordered]
    line = " · ".join(parts)
    return line if len(line) <= NARROW else "\n".join(parts)


def differences(name: str, values: Mapping[str, str], verdict: Verdict, fix: str) -> Iterator[Check]:
    """Yield a check if not all nodes have the same value; `values` has one for each node."""
    if len(set(values.values())) > 1:
        yield Check(f"nodes: {name}", verdict, describe(values), fix, brief=f"{name} differs between nodes")
