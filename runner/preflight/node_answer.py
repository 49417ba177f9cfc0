"""What preflight asks every node of a run, and what a node answers: JSON in lines of `launcher_frames`."""

from __future__ import annotations

import msgspec

from runner.run.layout import UNREADABLE
from runner.util.bounds import Count, Reading, Time, Whole


class NodeQuestions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a node is asked; part of the command line, so it holds no secret."""

    probe: list[str]
    """command of the interpreter of the measured processes; empty: it is in an image, so it is not asked"""
    env: dict[str, str] = {}
    """variables of the profile that decide what is found"""
    mpirun: str | None = None
    """the program that starts ranks; None: another program does"""
    gpus: bool = True
    """whether the ranks use GPUs"""
    paths: list[str] = []
    """must exist"""
    folders: list[str] = []
    """hold the model, checkpoint or engine"""
    disks: list[str] = []
    """folders whose free disk space is measured"""
    tokens: dict[str, str] = {}
    """files that the first node has just written, and their content: who reads it shares the folder"""


class NetworkInterface(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A network interface that is up and has an address."""

    name: str
    address: str
    speed: Whole = 0
    """Mbit/s; 0: not known"""
    rdma: str = ""
    """its RDMA device; empty: none"""
    nccl: bool = False
    """whether NCCL may take it"""

    def __str__(self) -> str:
        """Return `eth0 10.0.0.2 (100 Gbit/s, RDMA)`."""
        return f"{self.name} {self.address_and_speed}"

    @property
    def address_and_speed(self) -> str:
        """Return `10.0.0.2 (100 Gbit/s, RDMA)`."""
        more = [f"{self.speed / 1000:g} Gbit/s"] if self.speed > 0 else []
        more += ["RDMA"] if self.rdma else []
        return self.address + (f" ({', '.join(more)})" if more else "")


class NodeAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="facts"):
    """What a node found out about itself."""

    node: str
    """its own host name"""
    boot_id: str
    kernel: str
    versions: dict[str, str] = {}
    """of the software by its name; what is not installed is absent"""
    no_probe: str = ""
    """why the interpreter of the measured processes did not answer; empty: it did"""
    gpus: list[str] | None = None
    """model of each; None: not asked, or NVML did not answer in time"""
    no_gpu: str = ""
    """why there is none"""
    gpu_use: list[str] = []
    """programs that use GPUs"""
    interfaces: list[NetworkInterface] = []
    rdma: list[str] = []
    """RDMA devices with an active port"""
    missing: list[str] = []
    """of the paths asked for"""
    files: dict[str, dict[str, str]] = {}
    """of each folder that exists: file -> size, and what is hashed of it"""
    shared: list[str] = []
    """tokens that it reads"""
    memory: Count = 0
    """bytes that can be allocated; 0: not known"""
    free: dict[str, Count] = {}
    """bytes free on the disk of each folder asked for"""
    cpus: Reading = 0.0
    """that ranks can use at once"""
    load: Reading = 0.0
    """load average of the last minute"""
    memlock: Whole = -1
    """bytes that a process may lock; -1: unlimited"""
    nofile: Whole = -1
    """files that a process may open"""


class Pong(msgspec.Struct, frozen=True, kw_only=True, tag="pong"):
    """The answer to a line `ping N`: the clock of the node."""

    ping: Count
    """0: the start of the program"""
    wall_ns: Time
    """nanoseconds since 1970"""


_DECODER: msgspec.json.Decoder[NodeAnswer | Pong] = msgspec.json.Decoder(NodeAnswer | Pong)


def decode_message(content: bytes) -> NodeAnswer | Pong | None:
    """Return a message of a node; None: it is not one."""
    try:
        return _DECODER.decode(content)
    except UNREADABLE:
        return None
