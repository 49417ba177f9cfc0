"""A launcher that starts a program twice on this machine, as if on `node1` and `node2`.

The program is `python -c CODE ...`; standard input goes to both processes, and their output is merged.
"""

from __future__ import annotations

import subprocess
import sys

NAMED = "import os; os.uname = lambda own=os.uname(): os.uname_result((own[0], {name!r}, *own[2:])); {code}"


def main() -> None:
    python, option, code, *arguments = sys.argv[1:]
    nodes = [
        subprocess.Popen(
            [python, option, NAMED.format(name=name, code=code), *arguments], stdin=subprocess.PIPE, bufsize=0
        )
        for name in ("node1", "node2")
    ]
    for line in sys.stdin.buffer:
        for node in nodes:
            assert node.stdin is not None
            node.stdin.write(line)
    for node in nodes:
        assert node.stdin is not None
        node.stdin.close()
    sys.exit(max(node.wait() for node in nodes))


main()
