"""Connects stdin and stdout with a TCP port: `stdio_tcp.py ADDRESS PORT`, a ProxyCommand of ssh."""

from __future__ import annotations

import os
import select
import socket
import sys


def main() -> None:
    peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    other = {0: peer.fileno(), peer.fileno(): 1}
    while True:
        for source in select.select(list(other), [], [])[0]:
            data = os.read(source, 65536)
            if not data:
                return
            while data:
                data = data[os.write(other[source], data) :]


if __name__ == "__main__":
    main()
