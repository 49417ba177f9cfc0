"""Print how the GPUs of this machine are set up and connected, as one JSON object (`GpuSurvey`), and exit.

Preflight starts it as a process of its own: a call into NVML can hang for minutes or crash.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.events.missing_readings import HOST_LOAD
from runner.telemetry import nvml_errors
from runner.telemetry.nvml_errors import ReadingUnavailable

if TYPE_CHECKING:
    from runner.telemetry.nvml import Nvml

_SM = 1
_CLOCK_SETTING = 0x2
_P2P_READ, _P2P_NVLINK = 0, 2
_MAX_CPUS = 4096
_NODES = Path("/sys/devices/system/node")


def main() -> None:
    """Print the survey."""
    sys.stdout.write(json.dumps(_survey()) + "\n")


def _survey() -> dict[str, Any]:
    try:
        from runner.telemetry.costs import CallCosts
        from runner.telemetry.nvml import Nvml

        nvml = Nvml(CallCosts())
        versions, identities = nvml.machine()
    except ReadingUnavailable as unread:
        return _absent(nvml_errors.absence(unread.code))
    except ImportError:
        return _absent(nvml_errors.NO_BINDING)
    if not identities:
        return _absent(nvml_errors.NO_DEVICE)
    answering = [place for place, one in enumerate(identities) if "unread" not in one]
    return {
        "driver": versions["driver"],
        "cuda": versions["cuda"],
        "gpus": [_setup(nvml, place, identities[place]) for place in answering],
        "links": [_link(nvml, a, b) for a in answering for b in answering if a < b],
        "numa_distances": _numa_distances(),
    }


def _absent(sentence: str) -> dict[str, Any]:
    return {"absent": sentence.removesuffix(HOST_LOAD)}


def _setup(nvml: Nvml, gpu: int, identity: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        key: identity[key]
        for key in ("uuid", "index", "name", "pci", "memory_total", "persistence", "max_sm_clock")
        if key in identity
    }
    for key in ("max_pcie_generation", "max_pcie_width"):
        if key in identity:
            found[key] = identity[key]
    for key, name, arguments, convert in _SETTINGS:
        with contextlib.suppress(ReadingUnavailable):
            found[key] = convert(nvml.query(name, gpu, arguments=arguments))
    with contextlib.suppress(ReadingUnavailable):
        ecc = nvml.query("nvmlDeviceGetEccMode", gpu)
        found |= {"ecc": bool(ecc[0]), "ecc_pending": bool(ecc[1])}
    with contextlib.suppress(ReadingUnavailable):
        mig = nvml.query("nvmlDeviceGetMigMode", gpu)
        found |= {"mig": bool(mig[0]), "mig_pending": bool(mig[1])}
    with contextlib.suppress(ReadingUnavailable):
        used, reserved = nvml.memory(gpu)
        found["memory_used"] = used + (reserved or 0)
    with contextlib.suppress(ReadingUnavailable):
        found["uncorrected"] = nvml.ecc(gpu)[1]
    with contextlib.suppress(ReadingUnavailable):
        found["clocks_are_set"] = bool(nvml.reasons(gpu) & _CLOCK_SETTING)
    with contextlib.suppress(ReadingUnavailable):
        found["pcie_generation"], found["pcie_width"] = nvml.pcie(gpu)
    with contextlib.suppress(ReadingUnavailable):
        processes = nvml.query("nvmlDeviceGetComputeRunningProcesses", gpu)
        found["processes"] = [{"pid": process.pid, "memory": process.usedGpuMemory} for process in processes]
    node = _numa_node(str(identity.get("pci", "")))
    return found | ({"numa_node": node} if node is not None else {})


def _link(nvml: Nvml, a: int, b: int) -> dict[str, Any]:
    """Return the connection of two GPUs; NVML's status 0 means that it works."""
    found: dict[str, Any] = {"a": a, "b": b}
    for key, capability in (("nvlink", _P2P_NVLINK), ("p2p", _P2P_READ)):
        with contextlib.suppress(ReadingUnavailable):
            found[key] = nvml.query("nvmlDeviceGetP2PStatus", a, b, arguments=(capability,)) == 0
    with contextlib.suppress(ReadingUnavailable):
        found["level"] = nvml.query("nvmlDeviceGetTopologyCommonAncestor", a, b)
    return found


def _numa_node(pci: str) -> int | None:
    """Return the NUMA node of a PCI device; None: a machine without nodes, or unknown."""
    # NVML writes the domain with eight digits, sysfs with four.
    try:
        node = int(Path("/sys/bus/pci/devices", pci.lower()[-12:], "numa_node").read_text())
    except (OSError, ValueError):
        return None
    return node if node >= 0 else None


def _numa_distances() -> list[list[int]]:
    folders = sorted(_NODES.glob("node[0-9]*"), key=lambda path: int(path.name[4:]))
    try:
        return [[int(word) for word in (path / "distance").read_text().split()] for path in folders]
    except (OSError, ValueError):
        return []


def _watts(milliwatts: int) -> float:
    return milliwatts / 1000


def _cpus(words: Any) -> list[int]:
    return [cpu for cpu in range(_MAX_CPUS) if words[cpu // 64] >> (cpu % 64) & 1]


# Key of the answer, function, its arguments after the handle, and conversion of the result.
_SETTINGS: tuple[tuple[str, str, tuple[Any, ...], Any], ...] = (
    ("power_limit_w", "nvmlDeviceGetPowerManagementLimit", (), _watts),
    (
        "power_max_w",
        "nvmlDeviceGetPowerManagementLimitConstraints",
        (),
        lambda limits: _watts(limits[1]),
    ),
    ("power_default_w", "nvmlDeviceGetPowerManagementDefaultLimit", (), _watts),
    ("sm_clock_limit", "nvmlDeviceGetApplicationsClock", (_SM,), int),
    ("sm_clock_default", "nvmlDeviceGetDefaultApplicationsClock", (_SM,), int),
    ("own_pcie_generation", "nvmlDeviceGetGpuMaxPcieLinkGeneration", (), int),
    ("cpus", "nvmlDeviceGetCpuAffinity", (_MAX_CPUS // 64,), _cpus),
)
