"""Start a command once a node, as a launcher of node agents does: `several_nodes.py a,b DIR command ...`.

Each gets the name of its node as its last argument, its own directory of device locks below DIR, and a copy
of the standard input; all write to the same output. With `NAME=PATH` instead of a name, the node does not see
the run directory: PATH replaces the argument that names it.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys


def main(names: str, locks: str, *command: str) -> int:
    started = []
    for entry in names.split(","):
        node, _, path = entry.partition("=")
        argv = [*command, node]
        if path:
            argv[-4] = path  # RUN_DIR TOKEN FIRST NODE
        env = {**os.environ, "TRTBENCH_LOCKS": os.path.join(locks, node)}
        started.append(subprocess.Popen(argv, env=env, stdin=subprocess.PIPE))
    while any(child.poll() is None for child in started):
        if not select.select([0], [], [], 0.05)[0]:
            continue
        piece = os.read(0, 1 << 16)
        if not piece:
            break
        for child in started:
            with contextlib.suppress(BrokenPipeError):
                os.write(child.stdin.fileno(), piece)  # type: ignore[union-attr]
    for child in started:
        child.stdin.close()  # type: ignore[union-attr]
    return max(child.wait() for child in started)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
