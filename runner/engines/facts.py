"""Facts about the machine that the checks of every engine evaluate.

`runner.preflight` gathers the facts. Checks are pure functions of them, so a test can run a check on any
facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from runner.engines.gpu_facts import GpuSurvey
from runner.plan.plan import Plan
from runner.run.device_locks import DeviceHolder
from runner.schema.base import Container


@dataclass(frozen=True, kw_only=True)
class ProbeQuestions:
    """Questions of an engine about files where its stages run: on the machine or in the container."""

    paths: list[str] = field(default_factory=list)
    """paths whose existence is checked"""
    texts: list[str] = field(default_factory=list)
    """text files to read"""
    weights: list[str] = field(default_factory=list)
    """folders whose weight files are added up"""
    disks: list[str] = field(default_factory=list)
    """folders whose free disk space is measured"""


class ProbeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the interpreter of the measured processes sees (see `preflight/probe.py`)."""

    python: str = "3.12.3"
    packages: dict[str, str] = {}
    programs: dict[str, str | None] = {}
    exists: dict[str, bool] = {}
    texts: dict[str, str] = {}
    weights: dict[str, int] = {}
    free: dict[str, int] = {}
    shm: int = 0
    """bytes of /dev/shm"""
    shm_free: int | None = None
    """bytes; None: not known"""
    shm_writable: bool = True
    memlock: int = -1
    """bytes; -1: unlimited"""
    root: bool = False
    cores: int = 1
    cpus: list[int] = []
    """CPUs that this process may run on"""
    cpu_quota: float | None = None
    """CPUs' worth of time that the control group allows; None: no limit"""
    physical_cores: int = 0
    """of `cpus`: hardware threads of a core count once; 0: unknown"""
    memory_available: int = 0
    """bytes of host memory that can be allocated without swapping; 0: unknown"""
    env: dict[str, str] = {}

    @property
    def usable_cpus(self) -> float:
        """CPUs that the measured processes can use at once."""
        allowed = len(self.cpus) or self.cores
        return allowed if self.cpu_quota is None else min(allowed, self.cpu_quota)


@dataclass(frozen=True, kw_only=True)
class BusyProcess:
    pid: int
    name: str
    user: str
    percent: float
    """of one CPU"""

    def __str__(self) -> str:
        return f"{self.pid} {self.name} ({self.user}) {self.percent:.0f} %"


@dataclass(frozen=True, kw_only=True)
class HostLoad:
    """The use of the CPUs of this machine by others, measured while the facts were gathered."""

    busy: float
    """CPUs in use, on average"""
    average: float
    """load average of one minute: processes that ran or waited"""
    waiting_percent: float | None = None
    """share of the last 10 s in which a process waited for a CPU; None: the kernel does not say"""
    busiest: tuple[BusyProcess, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Gpu:
    name: str
    total: int
    """bytes"""
    used: int


@dataclass(frozen=True, kw_only=True)
class MachineFacts:
    """All facts that the checks evaluate."""

    python: str
    probe: ProbeAnswer | None
    """None: the interpreter does not run"""
    mpirun: str = ""
    """path, flavour and version of mpirun; empty: not found"""
    gpu_count: int = 0
    gpus: tuple[Gpu, ...] | None = None
    """None: nvidia-smi did not answer"""
    gpu_processes: tuple[str, ...] = ()
    """`pid name` of each program that uses a GPU now"""
    survey: GpuSurvey | None = None
    """how the GPUs are set up; None: not asked, or no answer in time"""
    load: HostLoad | None = None
    """None: not measured"""
    holders: tuple[DeviceHolder, ...] = ()
    """who holds the devices that a run would lock"""
    mpirun_is_open: bool | None = None
    """whether mpirun is Open MPI's; None: unknown, as in a container"""
    container: Container | None = None
    container_tool: bool = True
    container_runs: bool = True
    plan: Plan | None = None
    refused: str = ""
    """why there is no plan"""
    helps: Mapping[str, str] = field(default_factory=dict)
    """`--help` texts of the engine's programs or of their commands, by name"""
    environment: dict[str, str] = field(default_factory=dict)
    """variables of the profile for the measured processes"""
    no_home: str = ""
    """why runs cannot be stored; empty: they can"""
    own_cgroup: bool = False
    """whether the processes of a run get a control group of their own"""
    no_locks: str = ""
    """why runs cannot lock devices; empty: they can"""
    ends_at_logout: bool = False
    """whether logging out ends processes started here, detached or not"""
    plugin_errors: tuple[str, ...] = ()
    """why entry points of further engines cannot be loaded"""

    def makes(self, stage: str) -> bool:
        """Check whether a stage would run now and so make its output."""
        return self.plan is not None and any(s.name == stage and not s.skip for s in self.plan.stages)
