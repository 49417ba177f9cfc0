"""The node agent: one helper process on every node of a run that uses several machines.

It is started by the launcher of the ranks in a launch of its own and never calls MPI. It has a low priority
and sleeps; a message wakes it. Without a supervisor it leaves nothing of the run on its node: it kills the
processes of the run after two minutes without a ping, or some seconds after its input has ended.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from runner.preflight.network_interfaces import list_interfaces
from runner.run.layout import UNREADABLE
from runner.supervision.nodes import messages as msg
from runner.supervision.nodes.duties import Duties
from runner.supervision.nodes.takeover import take_over, wait_for_successor
from runner.util import processes
from runner.util.launcher_frames import Frame, LineBuffer, Sender, encode

TICK_S = 0.1
SILENCE_S = 120.0
"""Time without a ping after which the supervisor counts as dead, with everything of its run."""
LAST_FRAMES_S = 20.0
"""How long the end waits for acknowledgements."""
TOKEN_S = 1.0
"""How long the token of a shared run directory is looked for: a network file system may show it late."""
NICE = 5
_MOST_PENDING = 1 << 16
"""bytes that wait for a launcher that does not read; then frames are sent again later"""


@dataclass(frozen=True, slots=True)
class Arguments:
    """The command line of an agent."""

    run_dir: Path
    token: str
    """content of the file `TOKEN` in the run directory of the supervisor"""
    first: str
    """name of the node of the supervisor"""
    node: str
    """name of this node"""

    @staticmethod
    def of(words: Sequence[str]) -> Arguments:
        """Read RUN_DIR TOKEN FIRST [NODE]; tests start several agents on one machine with a name for each."""
        run_dir, token, first, *other = words
        return Arguments(Path(run_dir), token, first, other[0] if other else os.uname().nodename)


TOKEN = "nodes"
"""Name of the file by which an agent recognises the run directory of its supervisor."""


def main(words: Sequence[str]) -> None:
    """Run an agent until its supervisor ends it, or it is cut off."""
    with contextlib.suppress(OSError):
        os.nice(NICE)
    Agent(Arguments.of(words)).run()


@dataclass
class Agent:
    """Reads commands, answers pings, writes frames; everything else is the work of `Duties`."""

    arguments: Arguments
    source: int = 0
    sink: int = 1
    _sender: Sender = field(default_factory=lambda: Sender(secrets.token_hex(4)))
    _duties: Duties = field(init=False)
    _commands: LineBuffer = field(default_factory=LineBuffer)
    _seen: set[int] = field(default_factory=set)
    _pending: bytearray = field(default_factory=bytearray)
    """bytes that the launcher has not taken yet"""
    _pinged: float = field(default_factory=time.monotonic)
    _terminated: bool = False
    _dismissed: bool = False

    def __post_init__(self) -> None:
        own = self.arguments
        adopted = take_over(own.run_dir.name, own.node)
        shares = _sees_token(own.run_dir / TOKEN, own.token)
        self._duties = Duties(
            own.run_dir.name,
            own.run_dir,
            shares,
            adopted,
            report=lambda report: self._sender.put(msg.encode(report)),
            backlog=lambda: self._sender.backlog,
            is_first=own.node == own.first,
        )
        self._sender.put(
            msg.encode(
                msg.Joined(
                    node=own.node,
                    boot_id=processes.boot_id(),
                    cores=os.cpu_count() or 1,
                    shares_run_dir=shares,
                    network={one.name: one.address_and_speed for one in list_interfaces("")},
                    adopted=sorted(adopted.held),
                )
            )
        )

    def run(self) -> None:
        """Serve until the last command; afterwards, or when cut off, leave nothing behind."""
        signal.signal(signal.SIGTERM, lambda *_: self._terminate())
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        os.set_blocking(self.sink, False)
        until: float | None = None
        while not (self._terminated or self._dismissed):
            self._wait()
            now = time.monotonic()
            if not self._read():
                break
            self._duties.tick(now)
            self._write(now)
            if now > self._pinged + SILENCE_S:
                self._duties.kill()
                self._duties.clear()
                return
            if self._duties.ended:
                until = until or now + LAST_FRAMES_S
                if not self._sender.backlog or now > until:
                    return
        self._cut_off()

    def _terminate(self) -> None:
        self._terminated = True

    def _cut_off(self) -> None:
        """Let the next agent of this node go on; if there is none, end what is left of the run."""
        own, duties = self.arguments, self._duties
        if self._dismissed or duties.ended or own.node == own.first:
            duties.clear()
        else:
            duties.stop_readings()
            if not wait_for_successor(own.run_dir.name, own.node, duties.locks):
                duties.kill()
                duties.clear()
        os._exit(0)  # without the buffers of a process that was forked

    def _wait(self) -> None:
        sinks = [self.sink] if self._pending else []
        with contextlib.suppress(InterruptedError):
            select.select([self.source], sinks, [], TICK_S)

    def _read(self) -> bool:
        """Carry out what has arrived; return False at the end of the input."""
        while select.select([self.source], [], [], 0)[0]:
            try:
                piece = os.read(self.source, 1 << 16)
            except OSError:
                return False
            if not piece:
                return False
            received = time.monotonic_ns()
            for line in self._commands.take(piece):
                with contextlib.suppress(*UNREADABLE):  # a line that a launcher has cut is repeated
                    self._obey(msg.decode_command(line), received)
        return True

    def _obey(self, command: msg.Command, received: int) -> None:
        if command.to and self.arguments.node not in command.to:
            return
        match command:
            case msg.Ping():
                self._pinged = time.monotonic()
                self._pong(command.n, received)
            case msg.Acknowledge():
                self._sender.acknowledge(command.received.get(self._sender.session, 0))
            case msg.Dismiss():
                self._dismissed = self._dismissed or command.session == self._sender.session
            case _ if command.id not in self._seen:
                self._seen.add(command.id)
                self._duties.do(command, time.monotonic())

    def _pong(self, number: int, received: int) -> None:
        """Answer at once, before what waits, unless the launcher does not take anything."""
        pong = msg.Pong(n=number, received=received, sent=time.monotonic_ns(), wall=time.time())
        self._push(encode(Frame(self._sender.session, 0, False, msg.encode(pong))))

    def _write(self, now: float) -> None:
        if len(self._pending) < _MOST_PENDING:
            for line in self._sender.due(now):
                self._push(line)
        self._flush()

    def _push(self, line: bytes) -> None:
        if len(self._pending) < 2 * _MOST_PENDING:
            self._pending += line
        self._flush()

    def _flush(self) -> None:
        # A pipe takes up to 4096 bytes all or none, so that lines of agents that share it stay whole.
        while self._pending:
            end = self._pending.rfind(b"\n", 0, select.PIPE_BUF) + 1 or len(self._pending)
            try:
                written = os.write(self.sink, self._pending[:end])
            except BlockingIOError:
                return
            except OSError:
                self._terminated = True  # the launcher is gone
                return
            del self._pending[:written]


def _sees_token(path: Path, token: str) -> bool:
    """Check whether the run directory of the supervisor is visible on this node."""
    until = time.monotonic() + TOKEN_S
    while True:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            return path.read_text() == token
        if time.monotonic() > until:
            return False
        time.sleep(0.1)


if __name__ == "__main__":
    main(sys.argv[1:])
