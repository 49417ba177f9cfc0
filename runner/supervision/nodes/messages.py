"""What the supervisor tells node agents, and what they report.

The supervisor writes commands to the standard input of the launcher, one JSON object a line, and every agent
reads all of them. A command has a number and is repeated until its agents have answered, so an agent ignores
one that it has seen. Reports of agents travel in frames.
"""

from __future__ import annotations

import msgspec

from runner.events import NodeReading


class _Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    id: int = 0
    """number of the command; 0: it has no answer"""
    to: list[str] = []
    """the nodes; empty: all"""


class Ping(_Command, frozen=True, kw_only=True, tag="ping"):
    """Is answered with a `Pong` at once; also shows that the supervisor lives."""

    n: int


class Acknowledge(_Command, frozen=True, kw_only=True, tag="ack"):
    """Frames that have arrived: session -> number up to which."""

    received: dict[str, int]


class Dismiss(_Command, frozen=True, kw_only=True, tag="dismiss"):
    """End the agent of a session at once: the node has another one."""

    session: str


class Begin(_Command, frozen=True, kw_only=True, tag="begin"):
    """Create folders, and start reading the GPUs and the load of the node."""

    folders: list[str] = []
    """to be created, on a node that does not see the run directory or has paths of its own"""
    gpu_hz: float = 0.0
    """GPU readings a second; 0: none"""
    visible: str | None = None
    """CUDA_VISIBLE_DEVICES of the benchmark, if the plan sets it"""
    readings: bool = True
    """report the load of the node and its GPUs"""


class WriteFile(_Command, frozen=True, kw_only=True, tag="file"):
    """Write a file of the plan into the run directory of a node that does not see the supervisor's."""

    path: str
    text: str


class TakeDevices(_Command, frozen=True, kw_only=True, tag="lock"):
    """Lock devices; the answer comes when all are locked."""

    devices: list[str]


class ReleaseDevices(_Command, frozen=True, kw_only=True, tag="unlock"):
    """Release the locks of devices."""


class ReadEnergy(_Command, frozen=True, kw_only=True, tag="energy"):
    """Read the energy counters now: the timing of a configuration begins or ends."""


class Sweep(_Command, frozen=True, kw_only=True, tag="sweep"):
    """Kill the processes of the run on the node, then send what its ranks have recorded, then answer."""

    grace_s: float = 0.0
    """how long processes may still end by themselves"""


class End(_Command, frozen=True, kw_only=True, tag="end"):
    """Take a last reading, remove what the agent created, answer, and end."""


Command = (
    Ping | Acknowledge | Dismiss | Begin | WriteFile | TakeDevices | ReleaseDevices | ReadEnergy | Sweep | End
)


class _Report(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    pass


class Joined(_Report, frozen=True, kw_only=True, tag="joined"):
    """The first report of an agent."""

    node: str
    boot_id: str
    cores: int
    shares_run_dir: bool
    network: dict[str, str] = {}
    """interface -> address and speed"""
    adopted: list[str] = []
    """devices whose locks it took over from an agent before it"""


class Pong(_Report, frozen=True, kw_only=True, tag="pong"):
    """The answer to a `Ping`, with the clocks of the node."""

    n: int
    received: int
    """CLOCK_MONOTONIC when the ping was read, nanoseconds"""
    sent: int
    """the same when this was written"""
    wall: float
    """time of day at `sent`, seconds since 1970"""


class Reading(_Report, frozen=True, kw_only=True, tag="reading"):
    """An event of the node, with times of its own clock."""

    event: NodeReading


class Records(_Report, frozen=True, kw_only=True, tag="records"):
    """Lines that a rank of the node wrote in a stage, with times of the node's clock."""

    stage: int
    file: str
    start: int
    """offset of the first byte in the file"""
    text: str
    """a character for each byte"""


class Waiting(_Report, frozen=True, kw_only=True, tag="waiting"):
    """A device of the node is in use."""

    device: str
    holder: str
    waits: bool
    user: str


class Remark(_Report, frozen=True, kw_only=True, tag="remark"):
    """Something that the user should know, as part of a sentence about the node."""

    text: str


class Done(_Report, frozen=True, kw_only=True, tag="done"):
    """The answer to a command."""

    id: int
    problem: str = ""
    """why it could not be done; empty: it was"""
    unlocked: dict[str, str] = {}
    """device -> why it has no lock"""
    killed: int = 0
    left: int = 0


Report = Joined | Pong | Reading | Records | Waiting | Remark | Done

_encoder = msgspec.json.Encoder()
_commands: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
_reports: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)


def encode(message: Command | Report) -> bytes:
    """Return a message as JSON, without a newline."""
    return _encoder.encode(message)


def decode_command(line: bytes) -> Command:
    """Decode a line of the supervisor; raises an error of `runner.run.layout.UNREADABLE`."""
    return _commands.decode(line)


def decode_report(message: bytes) -> Report:
    """Decode a message of an agent; raises an error of `runner.run.layout.UNREADABLE`."""
    return _reports.decode(message)
