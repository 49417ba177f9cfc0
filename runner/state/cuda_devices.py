"""Which GPU a rank computes on: CUDA's rules, applied to the GPUs that the driver lists, by UUID.

CUDA numbers GPUs by its estimate of their speed unless CUDA_DEVICE_ORDER=PCI_BUS_ID, so stages get that
order. NVML's index differs from CUDA's, so only UUIDs are compared.
"""

from __future__ import annotations

from collections.abc import Sequence

from runner.events import GpuIdentity, GpuInventory, GpuMapping

ORDER = "CUDA_DEVICE_ORDER"
VISIBLE = "CUDA_VISIBLE_DEVICES"
PCI_ORDER = "PCI_BUS_ID"


def mapping(inventory: GpuInventory, setting: str | None) -> GpuMapping:
    """Return which GPU each `cuda:N` of the benchmark is.

    Args:
        inventory: the GPUs of the machine.
        setting: value of CUDA_VISIBLE_DEVICES; None: not set.
    """
    gpus = visible(inventory.gpus, setting)
    return GpuMapping(t=inventory.t, order=PCI_ORDER, visible=setting, gpus=gpus)


def visible(gpus: Sequence[GpuIdentity], setting: str | None) -> list[str]:
    """Return the UUIDs of the devices that a program sees as `cuda:0`, `cuda:1`, ...

    As CUDA reads CUDA_VISIBLE_DEVICES: indices in PCI order, UUIDs or unique prefixes of them, MIG devices.
    The list ends before the first entry that names no device; a duplicate entry leaves no device. A split GPU
    means its MIG devices; if there are any, a program uses the first one and no other GPU (NVIDIA's MIG user
    guide, "CUDA device enumeration").

    Args:
        gpus: all GPUs of the machine.
        setting: value of CUDA_VISIBLE_DEVICES; None: not set.
    """
    in_order = sorted(gpus, key=lambda gpu: _pci_key(gpu.pci))
    if setting is None:
        return _enumerated([gpu.uuid for gpu in in_order], gpus)
    chosen: list[str] = []
    for entry in setting.split(","):
        uuid = _named(in_order, entry.strip())
        if uuid is None:
            break
        chosen.append(uuid)
    if len(set(chosen)) < len(chosen):
        return []
    return _enumerated(chosen, gpus)


def gpu_of(uuid: str, gpus: Sequence[GpuIdentity]) -> GpuIdentity | None:
    """Return the GPU with this UUID, or the GPU whose MIG device has it."""
    return next((gpu for gpu in gpus if uuid == gpu.uuid or uuid in (gpu.mig or ())), None)


def device_index(device: str) -> int | None:
    """Return N of `cuda:N` (0 for `cuda` alone), as ranks name their device; None: not a GPU."""
    kind, _, number = device.partition(":")
    if kind != "cuda":
        return None
    return int(number) if number.isdecimal() else 0


def _enumerated(chosen: Sequence[str], gpus: Sequence[GpuIdentity]) -> list[str]:
    """Return the devices that CUDA uses if these GPUs and MIG devices are visible."""
    split = {gpu.uuid: gpu.mig for gpu in gpus if gpu.mig is not None}
    devices = [device for uuid in chosen for device in split.get(uuid, [uuid])]
    mig = [device for device in devices if device.startswith("MIG-")]
    return mig[:1] or devices


def _named(gpus: Sequence[GpuIdentity], entry: str) -> str | None:
    """Return the UUID of the device that an entry of CUDA_VISIBLE_DEVICES names; None: no device."""
    if entry.isdecimal():
        return gpus[int(entry)].uuid if int(entry) < len(gpus) else None
    if entry.startswith("MIG-GPU-"):
        # Drivers before R470: MIG-GPU-<uuid>/<GPU instance>/<compute instance>: the GPU it is.
        parent = entry.removeprefix("MIG-").partition("/")[0]
        return parent if any(gpu.uuid == parent for gpu in gpus) else None
    known = [uuid for gpu in gpus for uuid in (gpu.uuid, *(gpu.mig or ()))]
    kind = entry[:4]
    if kind not in ("GPU-", "MIG-") or len(entry) == len(kind):
        return None
    found = [uuid for uuid in known if uuid.startswith(entry)]
    return found[0] if len(found) == 1 else None


def _pci_key(pci: str) -> tuple[int, ...]:
    """Return `00000000:1B:00.0` as a key in the order of the bus."""
    try:
        return tuple(int(part, 16) for part in pci.replace(".", ":").split(":"))
    except ValueError:
        return (1 << 32,)
