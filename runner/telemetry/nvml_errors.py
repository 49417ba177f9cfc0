"""Reasons for missing readings: NVML's error codes as text, with advice where no GPU can be read."""

from __future__ import annotations

from runner.events.missing_readings import HOST_LOAD, LOST, NO_LIBRARY, NO_PERMISSION, UNSUPPORTED

UNREADABLE = "unknown-"
"""Start of the placeholder UUID of a GPU that reports none; NVML's index follows."""

_REASONS = {
    3: UNSUPPORTED,
    4: NO_PERMISSION,
    9: "driver not loaded",
    12: NO_LIBRARY,
    13: UNSUPPORTED,  # the library is older than the function
    15: LOST,
    16: LOST,  # it needs a reset and does not answer before
    18: "driver upgraded",
    25: UNSUPPORTED,  # the library is older than this version of the function
}
_ABSENCES = {
    4: "this user may not read the GPUs: run as a member of the group that owns /dev/nvidia*, or as root",
    9: "the NVIDIA driver is not loaded: load it (modprobe nvidia), or start the container with its GPUs",
    12: "the driver's library libnvidia-ml.so.1 is not installed: install the NVIDIA driver, or start the"
    " container with --gpus all",
    999: "NVML does not start (unknown error): in a container, the host has taken its GPUs away, as"
    " `systemctl daemon-reload` does: restart the container; elsewhere, check whether nvidia-smi works",
    18: "the NVIDIA driver was upgraded but the old one is still loaded: restart the machine, or unload and"
    " load the kernel modules",
}


class ReadingUnavailable(Exception):  # noqa: N818 - not an error: the reading does not exist
    """A reading that is not available; `reason` says why."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason_of(code)


ReadingValue = float | None | ReadingUnavailable
"""A number, None if there is none this time, or why there is none."""


def reason_of(code: int) -> str:
    """Return the reason that an NVML error code means for a missing reading."""
    return _REASONS.get(code, f"NVML error {code}")


def is_final(code: int) -> bool:
    """Check whether a retry is useless: the function does not exist, or not for this GPU."""
    return _REASONS.get(code) in (UNSUPPORTED, NO_PERMISSION)


def is_lost(code: int) -> bool:
    """Check whether the GPU is lost until a reset; more calls with its handle can crash the process."""
    return _REASONS.get(code) == LOST


def absence(code: int) -> str:
    """Return, as one sentence, why NVML does not start and what to do."""
    known = _ABSENCES.get(code, f"NVML does not start: error {code}; check whether nvidia-smi works")
    return known + HOST_LOAD


NO_DEVICE = "the NVIDIA driver sees no GPU: give the container one (--gpus all), or check lspci" + HOST_LOAD
ALL_LOST = (
    "every GPU is lost to the driver: they fell off the bus or need a reset: restart the machine, or reset"
    " them" + HOST_LOAD
)
NOTHING_ALLOWED = _ABSENCES[4] + HOST_LOAD
NOTHING_READABLE = (
    "NVML starts but supports no reading on this machine, as on integrated GPUs: there is nothing to show"
    + HOST_LOAD
)
NO_BINDING = (
    "the Python package nvidia-ml-py cannot be imported, or another package named pynvml hides it:"
    " pip install --force-reinstall nvidia-ml-py" + HOST_LOAD
)
