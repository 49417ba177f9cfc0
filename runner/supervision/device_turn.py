"""Wait until a run may use its devices; `runner.util.machine_queue` decides the order of those that wait."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from runner import events as ev
from runner.run.device_locks import DeviceLocks, Occupied, device_user
from runner.supervision.run_log import RunLog

logger = logging.getLogger(__name__)

QUEUE_S = 0.5


def wait_for_devices(
    locks: DeviceLocks,
    devices: list[str],
    run_log: RunLog,
    *,
    node: str = "",
    stop_wanted: Callable[[], bool],
    idle: Callable[[], object] | None = None,
) -> bool:
    """Wait until no other run uses devices of this machine; return False if stopped while waiting.

    Args:
        locks: of the run.
        devices: to lock.
        run_log: for whom the run waits.
        node: this node, in a run with several; empty: the run has one.
        stop_wanted: whether the run was asked to stop.
        idle: work at every look; None: none.
    """
    reported: Occupied | None = None
    unlocked: set[str] = set()
    while True:
        busy = locks.take(devices)
        for device in sorted(locks.problems.keys() - unlocked):
            unlocked.add(device)
            why = locks.problems[device]
            run_log.warn(f"{device} is not locked, so other runs may use it at once: {why}")
        if busy is None:
            return True
        if busy != reported:
            holder = busy.holder or "another run"
            run_log.emit(
                ev.Queued(
                    t=time.monotonic_ns(),
                    device=busy.device,
                    node=node,
                    holder=holder,
                    waits=busy.waits,
                    user="" if busy.waits else device_user(busy.device),
                )
            )
            logger.info("waiting for device %s, after %s", busy.device, holder)
            reported = busy
        if stop_wanted():
            return False
        if idle is not None:
            idle()
        time.sleep(QUEUE_S)
