"""The environment of a run: machine, GPUs, driver and versions, read from its log and its output."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from runner.events import GpuIdentity
from runner.metrics import rank_gpus
from runner.plan.plan import Plan
from runner.run import layout
from runner.state.nodes import NodeCondition, in_order
from runner.state.run import RunState
from runner.util.files import read_file

_HEAD = 1 << 18
"""Bytes of a log that are read: programs print their versions when they start."""
_PRINTED = {
    "TensorRT-LLM": re.compile(r"\[TensorRT-LLM\] TensorRT-LLM version: ([\w.+-]+)"),
    "NCCL": re.compile(r"\bNCCL version ([\d.]+)"),
}
"""How programs print their version; NCCL does if NCCL_DEBUG is set."""


class Rank(msgspec.Struct, frozen=True, kw_only=True):
    """One rank, as it reported itself."""

    rank: int
    host: str
    device: str
    """`cpu`, or `cuda:N` with the CUDA index on that host"""
    label: str = ""
    """name of the device, from its driver"""


class NodeEnvironment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One machine of a run on several; unknown fields are missing."""

    name: str
    first: bool = False
    """the node of the supervisor"""
    condition: NodeCondition = "joined"
    """how it was connected at the end"""
    cores: int = 0
    ranks: list[int] = []
    network: dict[str, str] = {}
    """network interfaces that were up: name -> address and speed"""
    clock_offset_ns: int | None = None
    """its clock minus that of the supervisor; None: not measured"""
    clock_error_ns: int | None = None
    """the offset is wrong by at most this"""
    driver: str = ""
    cuda: str = ""
    gpus: list[GpuIdentity] = []
    """all of the machine"""
    no_gpu: str = ""
    """why there are no GPU readings of it"""


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """Machine and software of a run; unknown fields are empty."""

    host: str = ""
    cores: int = 0
    version: str = ""
    """of trtbench-tui"""
    versions: dict[str, str] = {}
    """versions of the measured software by its name, as the ranks reported or the stages printed them"""
    driver: str = ""
    nvml: str = ""
    cuda: str = ""
    """newest CUDA version that the driver supports"""
    gpus: list[GpuIdentity] = []
    """the GPUs of the ranks, in the order of the ranks"""
    no_gpu: str = ""
    """why there are no GPU readings"""
    ranks: list[Rank] = []
    nodes: list[NodeEnvironment] = []
    """the machines of a run on several, the first node first; empty: it ran on one"""


def read_environment(run_dir: Path, plan: Plan, state: RunState) -> Environment:
    """Read the environment of a run from its state and its raw output."""
    started, inventory = state.started, state.telemetry.inventory
    hellos = [rank.hello for _, rank in sorted(state.ranks.items()) if rank.hello is not None]
    return Environment(
        host=started.host if started else "",
        cores=started.cores if started else 0,
        version=started.version if started else "",
        versions={**_versions(run_dir, plan), **(hellos[0].versions if hellos else {})},
        driver=inventory.driver if inventory else "",
        nvml=inventory.nvml if inventory else "",
        cuda=inventory.cuda if inventory else "",
        gpus=[gpu.identity for gpu in rank_gpus.used_gpus(state)],
        no_gpu=state.no_gpu or "",
        ranks=[Rank(rank=one.rank, host=one.host, device=one.device, label=one.label) for one in hellos],
        nodes=_nodes(state),
    )


def _nodes(state: RunState) -> list[NodeEnvironment]:
    ranks: dict[str, list[int]] = {}
    for number in sorted(state.ranks):
        node = state.node_of(number)
        if node is not None:
            ranks.setdefault(node.name, []).append(number)
    found = []
    for node in in_order(state.nodes):
        joined, clock, inventory = node.joined, node.clock, node.telemetry.inventory
        found.append(
            NodeEnvironment(
                name=node.name,
                first=node.first,
                condition=node.condition,
                cores=joined.cores if joined is not None else 0,
                ranks=ranks.get(node.name, []),
                network=joined.network if joined is not None else {},
                clock_offset_ns=clock.offset_ns if clock is not None else None,
                clock_error_ns=clock.error_ns if clock is not None else None,
                driver=inventory.driver if inventory is not None else "",
                cuda=inventory.cuda if inventory is not None else "",
                gpus=[gpu.identity for gpu in node.telemetry.gpus.values()],
                no_gpu=node.no_gpu or "",
            )
        )
    return found


def _versions(run_dir: Path, plan: Plan) -> dict[str, str]:
    """Return the versions that the last stage with any of them printed."""
    for index, stage in reversed(list(enumerate(plan.stages))):
        try:
            head = read_file(layout.stage_log(run_dir, index, stage.name), _HEAD)
        except OSError:
            continue
        text = head.decode(errors="replace")
        found = {name: match[1] for name, pattern in _PRINTED.items() if (match := pattern.search(text))}
        if found:
            return found
    return {}
