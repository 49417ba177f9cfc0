"""What a queued run waits for, as text."""

from __future__ import annotations

from runner.events.run import Queued


def waiting_text(queued: Queued) -> str:
    """Return `waiting for the CPU: in use by run 1223 (alice)`, with the last part of the run's id."""
    run = queued.holder.rpartition("_")[2]
    holder = f"run {run}" if run != queued.holder else queued.holder
    user = f" ({queued.user})" if queued.user else ""
    why = f"{holder}{user} came first" if queued.waits else f"in use by {holder}{user}"
    where = f" of {queued.node}" if queued.node else ""
    return f"waiting for {_device_text(queued.device)}{where}: {why}"


def _device_text(device: str) -> str:
    """Return `the CPU` for `cpu`, and `GPU 0` for `gpu-0`."""
    if device == "cpu":
        return "the CPU"
    return f"GPU {device.removeprefix('gpu-')}" if device.startswith("gpu-") else device
