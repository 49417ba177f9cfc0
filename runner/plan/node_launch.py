"""How the node agents of a run are started, when it uses several machines."""

from typing import Literal

import msgspec

from runner.util.bounds import Count

Launcher = Literal["openmpi", "mpich", "slurm"]


class NodeLaunch(msgspec.Struct, frozen=True, kw_only=True):
    """A command that starts one process on every node and hands its standard input to all of them."""

    launcher: Launcher
    argv: list[str]
    """up to the program"""
    env: dict[str, str] = {}
    """variables that the launcher needs"""
    python: str
    """interpreter on every node, in which this package is installed"""
    nodes: Count
    """number of nodes"""
    hosts: list[str] = []
    """their names in the host list, first node first; empty: only the launcher knows them"""
    ranks_per_node: list[Count] = []
    """ranks on each node, in the same order; empty: only the launcher knows"""
    devices: list[list[str]] = []
    """devices of each node that only one run at a time may use; `cuda:0` of another node is the first GPU
    that its ranks see; empty: an allocation reserves them"""
