"""How the ranks of a run are started: by which mpirun, on which hosts, with which variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from runner.engines.mpi.command import container_options, mpirun_argv, node_launch, remote_variables
from runner.engines.mpi.hosts import Node, find_nodes
from runner.engines.mpi.placement import ranks_of_nodes
from runner.engines.mpi.program import MpirunProgram
from runner.plan.node_launch import NodeLaunch
from runner.schema.base import Mpirun


@dataclass(frozen=True)
class RankLaunch:
    """The ranks of a run; its properties raise UserError where the hosts of the profile cannot be used."""

    mpirun: MpirunProgram
    section: Mpirun
    ranks: int
    env: Mapping[str, str]
    """the variables of the stages with ranks"""
    in_containers: bool = False
    """on several hosts, mpirun starts a container for each rank"""

    @cached_property
    def nodes(self) -> list[Node]:
        """The hosts, this machine first; empty: this machine only."""
        return find_nodes(self.section, self.ranks)

    @cached_property
    def placed(self) -> list[list[int]]:
        """The numbers of the ranks on each host; empty: one machine, or only mpirun knows."""
        return ranks_of_nodes(self.section, self.nodes, self.ranks) if self.nodes else []

    @property
    def most_ranks(self) -> list[int]:
        """The most ranks on each node, also of a run on one machine."""
        return [len(there) for there in self.placed] or [node.slots for node in self.nodes] or [self.ranks]

    def argv(self, *, as_called: bool = False) -> list[str]:
        """Return mpirun and its arguments; see `mpirun_argv`."""
        variables = remote_variables(self.section, self.env)
        words = mpirun_argv(self.mpirun, self.ranks, self.section, self.nodes, variables, as_called=as_called)
        if self.in_containers and self.nodes:
            words += container_options(self.mpirun, self.ranks)
        return words

    def node_launch(self, devices: Sequence[Sequence[str]]) -> NodeLaunch | None:
        """Return how node agents are started, given the devices of each node; None on one machine."""
        counts = [len(there) for there in self.placed]
        return node_launch(self.mpirun, self.section, self.nodes, counts, devices, self.env)
