"""An agent that is cut off keeps the locks of its node for the agent that replaces it.

When the launcher of the agents dies, the supervisor starts it once more; when only the connection to one node
is gone, `fan_out.py` does so. A process of its own waits for the new agent of the node and hands the locks
over; without one, it ends what is left of the run.
"""

from __future__ import annotations

import array
import contextlib
import os
import signal
import socket
from pathlib import Path

import msgspec

from runner.run.device_locks import DeviceLocks
from runner.run.layout import UNREADABLE
from runner.util.machine_lock import Lock

WAIT_S = 20.0
"""How long processes of the run may go on without an agent on their node."""
_ANSWER_S = 2.0
_MOST_LOCKS = 64


class _Held(msgspec.Struct, frozen=True):
    device: str
    path: str
    is_own: bool


def _address(run: str, node: str) -> str:
    """Return an address in the abstract namespace, which leaves no file behind (unix(7))."""
    return f"\0trtbench-{run[-60:]}-{node[-30:]}"


def wait_for_successor(run: str, node: str, locks: DeviceLocks, wait_s: float = WAIT_S) -> bool:
    """Continue in the background, with the locks; return in that process whether they were handed over.

    The caller's process ends here: the process that waits for it sees the end of an agent.
    """
    if os.fork():
        os._exit(0)
    os.setsid()  # launchers kill the process group of an agent
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    return _hand_over(run, node, locks, wait_s)


def _hand_over(run: str, node: str, locks: DeviceLocks, wait_s: float) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as listening:
        listening.bind(_address(run, node))
        listening.listen(1)
        listening.settimeout(wait_s)
        asking, _ = listening.accept()
        with asking:
            asking.settimeout(_ANSWER_S)
            held = [_Held(device, str(lock.path), lock.is_own) for device, lock in locks.held.items()]
            files = array.array("i", [lock.file for lock in locks.held.values()])
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files.tobytes())] if held else []
            asking.sendmsg([msgspec.json.encode(held)], rights)
            asking.recv(1)  # until the other side has the files
        return True
    return False


def take_over(run: str, node: str) -> DeviceLocks:
    """Return the locks of an agent of this node that was cut off; without one, none."""
    locks = DeviceLocks(run)
    with contextlib.suppress(OSError, *UNREADABLE), socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(_ANSWER_S)
        asking.connect(_address(run, node))
        text, files, _, _ = socket.recv_fds(asking, 1 << 16, _MOST_LOCKS)
        held = msgspec.json.decode(text, type=list[_Held])
        for one, file in zip(held, files, strict=False):
            os.set_inheritable(file, False)
            locks.held[one.device] = Lock(Path(one.path), file, one.is_own)
    return locks
