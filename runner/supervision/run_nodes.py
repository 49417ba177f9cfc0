"""The nodes of a run that uses several machines, as the supervisor sees them through their agents."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from runner import events as ev
from runner.plan.node_launch import NodeLaunch
from runner.plan.plan import Plan
from runner.run import layout
from runner.state.stages import RankState
from runner.supervision.nodes import messages as msg
from runner.supervision.nodes.question import Question
from runner.util.formatting import plural

if TYPE_CHECKING:
    from runner.supervision.nodes.link import NodeLink

logger = logging.getLogger(__name__)

LOG = "nodes.log"
POLL_S = 0.025
PREPARE_S = 20.0
SWEEP_S = 10.0
"""How long the answers of nodes to a sweep are waited for, on top of the grace period."""
RETURN_S = 40.0
"""How long after its last answer a node may be back, before the end of a run that failed is explained."""
SILENCE_S = 60.0
"""How long a stage may report nothing after a node was lost."""
RECENT_S = 60.0
"""How long a connection that was cut and is back explains missing ranks."""
RANKS_SILENCE_S = 180.0
"""How long the ranks of a lost node may report nothing; its agent ends them after 120 s."""


def given_up(lost: Mapping[str, str], ranks: Iterable[RankState], now: int) -> str:
    """Return the reasons of the lost nodes whose unfinished ranks have been silent for `RANKS_SILENCE_S`.

    Ranks that do not wait for each other would otherwise measure on without those of a lost node.

    Args:
        lost: node -> what happened to it.
        ranks: of the stage; those that have not reported yet count for no node.
        now: CLOCK_MONOTONIC in nanoseconds.
    """
    newest: dict[str, int] = {}
    for rank in ranks:
        if rank.hello is not None and rank.bye is None and rank.hello.host in lost:
            host = rank.hello.host
            newest[host] = max(newest.get(host, 0), rank.hello.t, rank.last_t)
    return "; ".join(lost[node] for node, t in sorted(newest.items()) if now - t > RANKS_SILENCE_S * 1e9)


@dataclass
class RunNodes:
    """All nodes of a run; methods that wait go on with the work of the supervisor (`idle`)."""

    launch: NodeLaunch
    run_dir: Path
    plan: Plan
    emit: Callable[[ev.AnyEvent], None]
    idle: Callable[[], object]
    """work of the supervisor at every poll, `poll` of this object included"""
    stop_wanted: Callable[[], bool]
    link: NodeLink = field(init=False)
    swept: dict[str, int] = field(default_factory=dict)
    """processes that had to be killed on each node after the last stage"""
    _sweep: Question | None = None
    _unreachable: set[str] = field(default_factory=set)
    """nodes that the log names as not swept"""

    def __post_init__(self) -> None:
        from runner.supervision.nodes.link import (
            NodeLink,  # most runs are on one host and start faster without it
        )

        self.link = NodeLink(self.launch, self.run_dir, log=self.run_dir / LOG)

    # --- the start -----------------------------------------------------------------------------------------

    def join(self) -> str:
        """Start the agents and wait for all; return why a node is missing, empty: none is."""
        from runner.supervision.nodes.link import JOIN_S

        self.link.start()
        until = time.monotonic() + JOIN_S
        while not (self.link.is_ready or self.stop_wanted()):
            if self.link.problem:
                return self.link.problem
            if time.monotonic() > until:
                return self.link.too_late
            self._wait()
        return ""

    def device_turns(self) -> Iterator[tuple[str, list[str], bool]]:
        """Yield (node, devices, whether it is the first) in the order in which all runs take devices.

        Two runs that take the nodes in the same order cannot wait for each other.
        """
        known = self.link.hosts()
        for host in self.launch.hosts:
            if host not in known and self.launch.devices:
                text = f"no node that joined is {host} of the host list: devices are not locked there"
                self.emit(ev.Notice(t=time.monotonic_ns(), level="warning", text=text))
        devices = dict(
            zip((known.get(host, "") for host in self.launch.hosts), self.launch.devices, strict=False)
        )
        for node, peer in sorted(self.link.peers.items()):
            yield node, self.plan.devices if peer.is_first else devices.get(node, []), peer.is_first

    def take_devices(self, node: str, devices: list[str]) -> str:
        """Wait until no other run uses devices of a node; return why that failed, empty: it did not.

        On a stop request, it returns before.
        """
        question = self.link.ask(msg.TakeDevices(devices=devices), [node], is_setup=True)
        while question.missing and not self.stop_wanted():
            peer = self.link.peers[node]
            if peer.status == "lost":
                return f"{peer.why}, before its devices were locked"
            self._wait()
        for done in question.answers.values():
            for device, why in done.unlocked.items():
                text = f"{node}: {device} is not locked, so other runs may use it at once: {why}"
                self.emit(ev.Notice(t=time.monotonic_ns(), level="warning", text=text))
        return ""

    def prepare(self, scratch: Path, gpu_hz: float, visible: str | None) -> str:
        """Create folders and files on the other nodes and start their readings; return what failed."""
        stages = [stage for stage in self.plan.stages if stage.uses_host_memory]
        folders = [str(scratch), *(folder for stage in stages for folder in stage.folders)]
        questions = []
        for node in self.link.others:
            own = list(folders)
            if not self.link.peers[node].joined.shares_run_dir:
                own += [
                    str(self.run_dir / layout.RANKS / str(index)) for index in range(len(self.plan.stages))
                ]
                for path, text in self.plan.files.items():
                    write = msg.WriteFile(path=path, text=text)
                    questions.append(self.link.ask(write, [node], is_setup=True))
            begin = msg.Begin(folders=own, gpu_hz=gpu_hz, visible=visible)
            questions.append(self.link.ask(begin, [node], is_setup=True))
        until = time.monotonic() + PREPARE_S
        while any(question.missing for question in questions) and not self.stop_wanted():
            if time.monotonic() > until:
                late = sorted({node for question in questions for node in question.missing})
                return f"{', '.join(late)} did not answer within {PREPARE_S:.0f} s"
            self._wait()
        problems = {node: why for question in questions for node, why in question.problems.items()}
        return "; ".join(f"node {node}: {why}" for node, why in sorted(problems.items()))

    # --- at every poll -------------------------------------------------------------------------------------

    def poll(self, ended: dict[int, int]) -> None:
        """Log what the nodes report; `ended`: exit codes of reaped processes by pid."""
        self.link.reaped(ended)
        for event in self.link.poll():
            self.emit(event)

    def convert(self, host: str, t: int) -> int:
        """Return a time of the node that a rank names as its host, on the supervisor's clock (ns)."""
        peer = self.link.peers.get(host)
        return peer.convert(t) if peer is not None else t

    def lost(self) -> str:
        """Return what happened to the nodes that were lost; empty: none was."""
        return "; ".join(why for _, why in sorted(self._lost().items()))

    def lost_with_ranks(self, ranks: Iterable[RankState], now: int) -> str:
        """Return what happened to the lost nodes whose ranks are silent, too; empty: there is none.

        Args:
            ranks: of the stage.
            now: CLOCK_MONOTONIC in nanoseconds.
        """
        return given_up(self._lost(), ranks, now)

    def _lost(self) -> dict[str, str]:
        return {node: peer.why for node, peer in self.link.peers.items() if peer.status == "lost"}

    def rebooted(self) -> str:
        """Return which nodes were rebooted during the run, with the end of their ranks; empty: none."""
        return ", ".join(f"node {node} was rebooted" for node in sorted(self.link.rebooted))

    def explain(self, host: str = "") -> str:
        """Return what is known of a node, or of all, that explains missing ranks; empty: nothing is wrong."""
        facts = []
        for node, peer in sorted(self.link.peers.items()):
            if host and node != host:
                continue
            if node in self.link.rebooted:
                facts.append(f"node {node} was rebooted")
            elif peer.why and not peer.is_first:
                facts.append(peer.why if node in peer.why else f"node {node}: {peer.why}")
            elif time.monotonic() < peer.replaced + RECENT_S:
                facts.append(f"the connection to node {node} was cut, and its agent was started again")
            if count := self.swept.get(node):
                facts.append(
                    f"{plural(count, 'process', 'processes')} still ran on node {node} and had to be killed"
                )
        return "; ".join(facts)

    # --- the end of stages and of the run ------------------------------------------------------------------

    def begin_sweep(self, grace_s: float) -> None:
        """Have the other nodes kill what is left of a stage, and send the last records of its ranks."""
        self.swept = {}
        self._sweep = self.link.ask(msg.Sweep(grace_s=grace_s), self.link.others)

    def finish_sweep(self) -> None:
        """Wait for the answers for a limited time, and log what was killed and which nodes are silent."""
        sweep, self._sweep = self._sweep, None
        if sweep is None:
            return
        assert isinstance(sweep.command, msg.Sweep)
        until = time.monotonic() + SWEEP_S + sweep.command.grace_s
        while time.monotonic() < until and any(map(self._may_answer, sweep.missing)):
            self._wait()
        self.link.forget(sweep)
        for node, done in sorted(sweep.answers.items()):
            self._unreachable.discard(node)
            if done.killed or done.left:
                self.swept[node] = done.killed
                self.emit(ev.Swept(t=time.monotonic_ns(), killed=done.killed, left=done.left, node=node))
        if new := sweep.missing - self._unreachable:
            self._unreachable |= new
            names = ", ".join(sorted(new))
            text = f"{names} did not answer: what is left of this run there is ended by the agent of the node"
            self.emit(ev.Notice(t=time.monotonic_ns(), level="warning", text=text))

    def _may_answer(self, node: str) -> bool:
        """Check whether to wait for a node: not if it is lost, or is silent and did not answer before."""
        status = self.link.peers[node].status
        return status != "lost" and not (status == "silent" and node in self._unreachable)

    def await_return(self) -> None:
        """After a failure, wait a moment for nodes that do not answer: one that is back may have rebooted."""
        failed = time.monotonic()
        peers = [self.link.peers[node] for node in self.link.others]
        while not self.stop_wanted() and not self.link.rebooted:
            now = time.monotonic()
            if all(peer.heard > failed or now > peer.heard + RETURN_S for peer in peers):
                return
            self._wait()
            peers = [self.link.peers[node] for node in self.link.others]

    def release_devices(self) -> None:
        """Release the devices of the other nodes."""
        self.link.ask(msg.ReleaseDevices(), self.link.others)

    def read_energy(self) -> None:
        """Have the other nodes read the energy counters of their GPUs."""
        self.link.tell(msg.ReadEnergy())

    def close(self) -> None:
        """End all agents."""
        for event in self.link.close():
            self.emit(event)

    def _wait(self) -> None:
        self.idle()
        time.sleep(POLL_S)
