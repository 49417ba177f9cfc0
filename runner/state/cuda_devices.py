"""Which GPU a rank computes on: CUDA's own rules, applied to what the driver lists, by UUID.

CUDA numbers GPUs by its guess at their speed unless CUDA_DEVICE_ORDER=PCI_BUS_ID, so stages get that order;
NVML's index is not CUDA's, so only UUIDs are compared.
"""

from __future__ import annotations

from collections.abc import Sequence

from runner.events import GpuIdentity

ORDER = "CUDA_DEVICE_ORDER"
VISIBLE = "CUDA_VISIBLE_DEVICES"
PCI_ORDER = "PCI_BUS_ID"


def visible(gpus: Sequence[GpuIdentity], setting: str | None) -> list[str]:
    """UUIDs of the devices that a program sees as `cuda:0`, `cuda:1`, ...

    As CUDA reads CUDA_VISIBLE_DEVICES: indices in PCI order, UUIDs or unique beginnings of them, MIG devices;
    the list ends before the first entry that names nothing; an entry that is there twice leaves no device. A
    GPU that is split stands for its MIG devices, and where there are any, a program uses the first and no
    other GPU (NVIDIA's MIG user guide, "CUDA device enumeration").

    Args:
        gpus: all GPUs of the machine.
        setting: value of CUDA_VISIBLE_DEVICES; None: not set.
    """
    in_order = sorted(gpus, key=lambda gpu: _pci_key(gpu.pci))
    if setting is None:
        return _enumerated([gpu.uuid for gpu in in_order], gpus)
    chosen: list[str] = []
    for word in setting.split(","):
        uuid = _named(in_order, word.strip())
        if uuid is None:
            break
        chosen.append(uuid)
    if len(set(chosen)) < len(chosen):
        return []
    return _enumerated(chosen, gpus)


def gpu_of(uuid: str, gpus: Sequence[GpuIdentity]) -> GpuIdentity | None:
    """The GPU with this UUID, or whose MIG device has it."""
    return next((gpu for gpu in gpus if uuid == gpu.uuid or uuid in (gpu.mig or ())), None)


def device_index(device: str) -> int | None:
    """N of `cuda:N` (0 for `cuda` alone), as ranks name their device; None: no GPU."""
    kind, _, number = device.partition(":")
    if kind != "cuda":
        return None
    return int(number) if number.isdecimal() else 0


def _enumerated(chosen: Sequence[str], gpus: Sequence[GpuIdentity]) -> list[str]:
    """What CUDA makes of GPUs and MIG devices that are visible together."""
    split = {gpu.uuid: gpu.mig for gpu in gpus if gpu.mig is not None}
    devices = [device for uuid in chosen for device in split.get(uuid, [uuid])]
    mig = [device for device in devices if device.startswith("MIG-")]
    return mig[:1] or devices


def _named(gpus: Sequence[GpuIdentity], word: str) -> str | None:
    """The UUID of the device that an entry of CUDA_VISIBLE_DEVICES names; None: it names nothing."""
    if word.isdecimal():
        return gpus[int(word)].uuid if int(word) < len(gpus) else None
    if word.startswith("MIG-GPU-"):
        # Drivers before R470: MIG-GPU-<uuid>/<GPU instance>/<compute instance>: the GPU it is.
        parent = word.removeprefix("MIG-").partition("/")[0]
        return parent if any(gpu.uuid == parent for gpu in gpus) else None
    known = [uuid for gpu in gpus for uuid in (gpu.uuid, *(gpu.mig or ()))]
    kind = word[:4]
    if kind not in ("GPU-", "MIG-") or len(word) == len(kind):
        return None
    found = [uuid for uuid in known if uuid.startswith(word)]
    return found[0] if len(found) == 1 else None


def _pci_key(pci: str) -> tuple[int, ...]:
    """`00000000:1B:00.0` in the order of the bus."""
    try:
        return tuple(int(part, 16) for part in pci.replace(".", ":").split(":"))
    except ValueError:
        return (1 << 32,)
