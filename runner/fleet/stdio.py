"""The serving side as a process: the stream is its standard input and output, as sshd gives them."""

from __future__ import annotations

import os
import selectors
import sys
import time

from runner.fleet.service import Service
from runner.fleet.wire import WireError
from runner.util.errors import UserError

TICK_S = 0.1
"""how often the followed runs are looked at"""
SILENCE_S = 120.0
"""without a question for so long, the other side counts as gone"""
_CHUNK = 1 << 16
_MOST_WAITING = 1 << 20
"""bytes that wait for the network before more is read from the disk"""


def serve_stdio() -> int:
    """Serve until the other side closes the stream; return the exit code.

    Standard output becomes standard error, so that nothing else can get into the stream.

    Raises:
        UserError: a person started it.
    """
    if sys.stdin.isatty():
        raise UserError(
            "serve-stdio is the other end of --host; ssh starts it",
            hint="`trtbench-tui --host user@box ls` lists the runs of another machine",
        )
    stream = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    service = Service()
    try:
        serve(service, sys.stdin.fileno(), stream)
    except (WireError, OSError) as error:
        print(f"trtbench-tui: {error}", file=sys.stderr)
        return 1
    finally:
        service.wait_for_stops()
    return 0


def serve(service: Service, source: int, target: int) -> None:
    """Move bytes between a service and two file descriptors until `source` ends.

    Raises:
        WireError: what arrives is damaged.
        OSError: `target` is closed.
    """
    for file in (source, target):
        os.set_blocking(file, False)
    waiting = memoryview(service.step())
    heard = time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(source, selectors.EVENT_READ)
        selector.register(target, selectors.EVENT_WRITE)
        while True:
            # Writable descriptors are asked for only while something waits: else this would never sleep.
            if waiting and target not in selector.get_map():
                selector.register(target, selectors.EVENT_WRITE)
            elif not waiting and target in selector.get_map():
                selector.unregister(target)
            for key, _ in selector.select(TICK_S):
                if key.fd == target:
                    waiting = waiting[os.write(target, waiting[:_CHUNK]) :]
                    continue
                data = os.read(source, _CHUNK)
                if not data:
                    return
                heard = time.monotonic()
                service.receive(data)
            if len(waiting) < _MOST_WAITING:
                new = service.step()
                waiting = memoryview(bytes(waiting) + new) if new else waiting
            if time.monotonic() - heard > SILENCE_S:
                raise OSError(f"the other side has not asked for anything in {SILENCE_S:.0f} s")
