"""What happens on the nodes of a run that uses several machines.

The first node is the one of the supervisor; its readings are ordinary events. What another node reports
arrives through its node agent, with times that are already on the supervisor's clock.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from runner.events.base import Event
from runner.events.gpu import (
    GpuEnergy,
    GpuHealth,
    GpuInventory,
    GpuMapping,
    GpuProblem,
    GpuProcesses,
    GpuProcessTable,
    GpuReason,
    GpuSamples,
    GpuSource,
    NoGpu,
    Telemetry,
    TelemetryCost,
)
from runner.events.run import Host
from runner.util.bounds import Count, Duration, Reading

NodeStatusName = Literal["silent", "back", "lost", "ended"]
ClockOffset = Annotated[int, Meta(ge=-(2**62), le=2**62)]
"""nanoseconds"""

NodeReading = (
    Host
    | NoGpu
    | GpuInventory
    | GpuSamples
    | GpuEnergy
    | GpuHealth
    | GpuSource
    | GpuReason
    | GpuProblem
    | GpuProcesses
    | GpuProcessTable
    | GpuMapping
    | Telemetry
    | TelemetryCost
)
"""Events that a node other than the first reports of itself."""


class NodeJoined(Event, frozen=True, kw_only=True, tag="node_joined", gc=False):
    """The node agent of a node has started; each node of the run sends this once, the first one too."""

    node: str
    boot_id: str
    cores: Count
    """logical processors"""
    first: bool = False
    """the node of the supervisor"""
    shares_run_dir: bool = True
    """it sees the run directory; if not, the agent sends the records of its ranks"""
    network: dict[str, str] = msgspec.field(default_factory=dict)
    """network interfaces that are up: name -> address and speed, `10.0.0.2 (100 Gbit/s)`"""


class NodeClock(Event, frozen=True, kw_only=True, tag="node_clock", gc=False):
    """How far the clock of a node is ahead of the supervisor's, measured by messages there and back.

    The offset is that of the message with the smallest round trip; it is wrong by at most half of it.
    """

    node: str
    offset_ns: ClockOffset
    """CLOCK_MONOTONIC of the node minus that of the supervisor, nanoseconds"""
    error_ns: Count
    """half of the smallest round trip, nanoseconds"""
    wall_offset_s: Reading | None = None
    """the same for the time of day, seconds; None: not measured"""


class NodeStatus(Event, frozen=True, kw_only=True, tag="node_status", gc=False):
    """The connection to a node agent changed."""

    node: str
    status: NodeStatusName
    text: str
    """what was noticed, in a sentence"""
    silent_s: Duration = 0.0
    """seconds since its last message"""


class FromNode(Event, frozen=True, kw_only=True, tag="from_node", gc=False):
    """A reading of a node other than the first."""

    node: str
    event: NodeReading
