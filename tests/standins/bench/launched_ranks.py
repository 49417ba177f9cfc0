"""The ranks of the stand-in for trtllm-llmapi-launch: `launched_ranks.py address | lead | work | stop`.

The leader waits in one MPI world with the workers, and says over a socket how many there are.
"""

from __future__ import annotations

import os
import socket
import sys

ADDRESS = "TLLM_SPAWN_PROXY_PROCESS_IPC_ADDR"


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def ask(word: str) -> str:
    """Send a word to the leader, which may still be starting, and return its answer."""
    host, _, port = os.environ[ADDRESS].partition(":")
    while True:
        try:
            with socket.create_connection((host, int(port))) as peer:
                peer.sendall(word.encode())
                return peer.recv(100).decode()
        except ConnectionRefusedError:
            continue


def lead() -> None:
    from mpi4py import MPI

    host, _, port = os.environ[ADDRESS].partition(":")
    with socket.create_server((host, int(port))) as server:
        word = ""
        while word != "stop":
            peer, _ = server.accept()
            with peer:
                word = peer.recv(100).decode()
                peer.sendall(str(MPI.COMM_WORLD.size).encode())
    MPI.COMM_WORLD.Barrier()


def work() -> None:
    from mpi4py import MPI

    MPI.COMM_WORLD.Barrier()


if __name__ == "__main__":
    what = sys.argv[1]
    if what == "address":
        print(free_address())
    elif what == "stop":
        ask("stop")
    else:
        {"lead": lead, "work": work}[what]()
