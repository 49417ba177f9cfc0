"""How the GPUs of this machine are set up and connected, as `runner.telemetry.survey` reports it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec


class GpuProcess(msgspec.Struct, frozen=True):
    """A program that computes on a GPU."""

    pid: int
    """as the driver counts: in a container, the pid of the host"""
    memory: int | None = None
    """bytes; None: the driver does not say"""
    name: str = ""
    """empty: not visible from here"""
    user: str = ""
    seconds: float | None = None
    """how long it has existed"""

    def __str__(self) -> str:
        if not self.name:
            return f"pid {self.pid} (not visible from here)"
        minutes = f", {self.seconds / 60:.0f} min" if self.seconds is not None else ""
        return f"{self.pid} {self.name} ({self.user}{minutes})"


class GpuSetup(msgspec.Struct, frozen=True, kw_only=True):
    """One GPU. None: this driver or this GPU does not report it."""

    index: int
    uuid: str
    name: str = "GPU"
    pci: str = ""
    memory_total: int | None = None
    """bytes"""
    memory_used: int | None = None
    """bytes, with what the driver reserves for itself: no program can have either"""
    persistence: bool | None = None
    power_limit_w: float | None = None
    power_max_w: float | None = None
    """the highest limit that can be set"""
    power_default_w: float | None = None
    sm_clock_limit: int | None = None
    """MHz: the application clock"""
    sm_clock_default: int | None = None
    max_sm_clock: int | None = None
    clocks_are_set: bool | None = None
    """now limited by application clocks or locked clocks (event reason 0x2)"""
    ecc: bool | None = None
    ecc_pending: bool | None = None
    uncorrected: int | None = None
    """uncorrected memory errors since the driver was loaded"""
    mig: bool | None = None
    mig_pending: bool | None = None
    pcie_generation: int | None = None
    """now; it falls when the GPU is idle"""
    pcie_width: int | None = None
    max_pcie_generation: int | None = None
    """that GPU and slot both support"""
    max_pcie_width: int | None = None
    own_pcie_generation: int | None = None
    """that the GPU supports"""
    cpus: tuple[int, ...] = ()
    """CPUs next to it"""
    numa_node: int | None = None
    processes: tuple[GpuProcess, ...] = ()


class GpuLink(msgspec.Struct, frozen=True, kw_only=True):
    """How two GPUs reach each other."""

    a: int
    """index"""
    b: int
    nvlink: bool | None = None
    p2p: bool | None = None
    """whether one can read the memory of the other"""
    level: int | None = None
    """the nearest common place by NVML's numbers: 0 board, 10 to 20 PCIe switches, 30 host bridge, 40 NUMA
    node, 50 system"""


class GpuSurvey(msgspec.Struct, frozen=True, kw_only=True):
    """All GPUs of this machine."""

    absent: str = ""
    """why there is none, as a sentence; empty: `gpus` has them"""
    driver: str = ""
    """version of the driver; empty: no driver"""
    cuda: str = ""
    """newest CUDA that the driver supports"""
    gpus: tuple[GpuSetup, ...] = ()
    links: tuple[GpuLink, ...] = ()
    numa_distances: tuple[tuple[int, ...], ...] = ()
    """between the NUMA nodes of this machine, as the firmware states them; 10: local"""


def chosen_gpus(survey: GpuSurvey, visible: str | None, count: int) -> list[GpuSetup]:
    """Return the GPUs of the first ranks.

    Args:
        survey: all GPUs; NVML lists them in the order of the PCI bus.
        visible: CUDA_VISIBLE_DEVICES; None: not set.
        count: number of ranks.
    """
    if visible is None:
        return list(survey.gpus[:count])
    found: list[GpuSetup] = []
    for name in (part.strip() for part in visible.split(",")):
        gpu = _find(survey.gpus, name)
        if gpu is None:
            break  # CUDA ignores everything after the first name that it does not know
        found.append(gpu)
    return found[:count]


def _find(gpus: Sequence[GpuSetup], name: str) -> GpuSetup | None:
    if name.isdigit():
        return next((gpu for gpu in gpus if gpu.index == int(name)), None)
    return next((gpu for gpu in gpus if name and gpu.uuid.startswith(name)), None)


def visible_devices(profile: Mapping[str, str], shell: Mapping[str, str]) -> str | None:
    """Return the CUDA_VISIBLE_DEVICES of the ranks: the profile's, else the shell's; None: not set."""
    return profile.get("CUDA_VISIBLE_DEVICES", shell.get("CUDA_VISIBLE_DEVICES"))
