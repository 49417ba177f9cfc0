"""Hostile clients of the web view: guesses, names of other sites, cookies and requests of any bytes."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys

from runner.util import processes
from tests.support.paths import ROOT
from tests.support.patience import PATIENCE_S
from tests.torture.outcome import Outcome, timer

_SERVE = "import sys; from tui.main import main; sys.exit(main(['serve', '--port', '0']))"
_HEAD = b"GET %b HTTP/1.1\r\nHost: %b\r\nCookie: %b\r\nConnection: close\r\n\r\n"


def web(seed: int, seconds: float) -> Outcome:
    """Send requests without a session: none may get a page, an error 500, or a process."""
    outcome = Outcome("web")
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVE], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert server.stdout is not None
    address, _, token = server.stdout.readline().decode().strip().partition("/?token=")
    if not token:
        print("web: not done: the web view cannot start here", flush=True)
        return outcome
    port = int(address.rpartition(":")[2])
    source = random.Random(seed)
    is_over = timer(seconds)
    guesses = 0
    while not is_over():
        request = _request(source, port)
        status = _status(port, request)
        outcome.count("requests")
        if status.startswith((b"2", b"3", b"5")):
            outcome.problems.append(f"{status.decode(errors='replace')} for {request[:200]!r}")
        guesses += status == b"401" and b"?token=" in request
    if guesses > seconds + 10:
        outcome.problems.append(f"{guesses} guesses of the token were answered in {seconds:.0f} s")
    if processes.descendants(server.pid):
        outcome.problems.append("a request without a session started a process")
    if server.poll() is not None:
        outcome.problems.append(f"the server ended with {server.returncode}")
    words = (ROOT / f"/proc/{server.pid}/cmdline").read_bytes()
    if token.encode() in words:
        outcome.problems.append("the token is in the list of processes")
    os.kill(server.pid, signal.SIGTERM)
    if code := server.wait(PATIENCE_S):
        outcome.problems.append(f"the server ended with {code}")
    server.stdout.close()
    return outcome


def _request(source: random.Random, port: int) -> bytes:
    junk = source.randbytes(source.randrange(1, 200))
    if source.random() < 0.2:
        return junk + b"\r\n\r\n"
    line = junk.translate(None, b"\r\n\0")
    path = source.choice([b"/", b"/ws", b"/static/", b"/static/../x", b"/download/x", b"/?token=%d" % port])
    host = source.choice([b"127.0.0.1:%d" % port, b"localhost", b"rebound.example", line or b"x"])
    cookie = source.choice([b"", b"trtbench-%d=%b" % (port, line), line])
    return _HEAD % (path, host, cookie)


def _status(port: int, request: bytes) -> bytes:
    """Return the status of the answer; empty: the server closed the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(4096)
        except OSError:
            return b""
    words = answer.split(b" ", 2)
    return words[1] if len(words) > 1 else b""
