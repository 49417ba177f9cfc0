"""Ask every node of a run what it has, through the launcher that will start the run there."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from runner.plan.node_launch import NodeLaunch
from runner.preflight.node_answer import NodeAnswer, NodeQuestions, Pong, decode_message
from runner.util import processes
from runner.util.daemon import IMPORT_ROOT
from runner.util.launcher_frames import MARK, Frame, LineBuffer, Receiver, frames_in
from runner.util.launcher_process import END_S, LauncherProcess
from runner.util.node_names import match_hosts

LIMIT_S = 60.0
START_S = 30.0
"""seconds to wait for nodes that were not heard of after all others have answered: some logins are slow"""
PINGS = 8
"""after number 0, which is the start of the launcher"""
PING_S = 0.02
PONG_S = 1.0
"""seconds to wait for the answer to the last ping"""
POLL_S = 0.3
_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from runner.preflight.node_facts import main; main()"
_LINES = 60
_MOST_FRAMES = 400
"""of an answer"""
_MOST_NODES = 4096


@dataclass(frozen=True)
class Clock:
    """The time of day of a node compared with that of this process, by the quickest of several messages.

    offset = clock of the node - middle between sending and receiving; it is wrong by at most half of the time
    between them. A launcher that does not pass standard input on leaves only one message: from the start of
    the launcher to the first line of the node.
    """

    offset_s: float
    error_s: float


@dataclass(frozen=True)
class NodeHeard:
    """A node that answered."""

    answer: NodeAnswer
    host: str = ""
    """its name in the host list; empty: there is no list, or the name is not recognised"""
    clock: Clock | None = None
    """None: not measured"""


@dataclass(frozen=True)
class NodeReport:
    """What the nodes of a run answered."""

    launch: NodeLaunch
    nodes: tuple[NodeHeard, ...] = ()
    """in the order of the host list, the first node first"""
    silent: tuple[str, ...] = ()
    """hosts of the list that did not answer"""
    seconds: float = 0.0
    """until the last answer, or the end of the wait for one"""
    is_late: bool = False
    """a time limit ended the wait"""
    exit_code: int | None = None
    """of the launcher when it ended by itself; None: it did not, or could not be started"""
    lines: tuple[str, ...] = ()
    """last lines that the launcher or ssh printed"""


def ask_nodes(
    launch: NodeLaunch,
    questions: NodeQuestions,
    *,
    limit_s: float = LIMIT_S,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> NodeReport:
    """Start one process on every node, and return what they answer within a time limit.

    Args:
        launch: how processes are started.
        questions: what they are asked.
        limit_s: seconds to wait for all answers.
        is_cancelled: asked a few times a second; True ends the wait.
    """
    program = [launch.python, "-c", _PROGRAM, str(IMPORT_ROOT), msgspec.json.encode(questions).decode()]
    tag = f"nodes-{secrets.token_hex(4)}"
    env = {**os.environ, **launch.env, processes.TAG: tag}
    process = LauncherProcess([*launch.argv, *program], env)
    began, began_wall = time.monotonic(), time.time()
    process.start()
    if process.problem:
        return NodeReport(launch, silent=tuple(launch.hosts), lines=(process.problem,))
    conversation = _Conversation(process, launch.nodes, {0: (began, began_wall)})
    try:
        conversation.hold(began + limit_s, is_cancelled)
    finally:
        exit_code = process.poll()
        conversation.end()
        _kill_leftovers(tag)
    return _report(launch, conversation, began, exit_code)


def _kill_leftovers(tag: str) -> None:
    """Kill what the launcher left on this machine: Open MPI leaves an ssh that still connects."""
    for pid, started in processes.find_tagged(tag):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if processes.start_time(pid) == started:
                os.kill(pid, signal.SIGKILL)


def _report(launch: NodeLaunch, talk: _Conversation, began: float, exit_code: int | None) -> NodeReport:
    found: list[NodeHeard] = []
    here = os.uname().nodename
    addresses = {
        answer.node: [interface.address for interface in answer.interfaces]
        for answer in talk.answers.values()
    }
    node_of = match_hosts(launch.hosts, addresses, here)
    free = list(launch.hosts)
    for sender, answer in talk.answers.items():
        host = next((host for host in free if node_of.get(host) == answer.node), "")
        if host:
            free.remove(host)
        found.append(NodeHeard(answer, host, talk.clocks.get(sender)))
    place = {host: index for index, host in enumerate(launch.hosts)}
    found.sort(key=lambda one: (place.get(one.host, len(place)), one.answer.node != here, one.answer.node))
    return NodeReport(
        launch=launch,
        nodes=tuple(found),
        silent=tuple(free),
        seconds=(talk.ended if talk.is_late else talk.last_answer) - began,
        is_late=talk.is_late,
        exit_code=exit_code,
        lines=tuple(talk.lines),
    )


@dataclass
class _Conversation:
    """The messages from and to the nodes while the launcher runs."""

    process: LauncherProcess
    expected: int
    sent: dict[int, tuple[float, float]]
    """number of a ping -> when it was sent: monotonic and time of day, seconds"""
    answers: dict[str, NodeAnswer] = field(default_factory=dict)
    """by the id of the sender"""
    clocks: dict[str, Clock] = field(default_factory=dict)
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LINES))
    last_answer: float = 0.0
    is_late: bool = False
    """a time limit ended the wait for answers"""
    ended: float = 0.0
    _receivers: dict[str, Receiver] = field(default_factory=dict)
    """by the id of the sender"""
    _buffer: LineBuffer = field(default_factory=lambda: LineBuffer(limit=4096))
    _answered_last: set[str] = field(default_factory=set)

    def hold(self, deadline: float, is_cancelled: Callable[[], bool]) -> None:
        """Wait for the answers of all nodes, then measure their clocks."""
        while len(self.answers) < self.expected and not self.process.is_drained:
            until = deadline - PONG_S
            if self.answers and len(self.answers) == len(self.clocks):
                until = min(until, self.last_answer + START_S)
            rest = until - time.monotonic()
            if rest <= 0 or is_cancelled():
                self.is_late, self.ended = True, time.monotonic()
                break
            self._read(min(rest, POLL_S))
        if self.answers and not self.process.is_drained:
            self._measure_clocks()

    def _measure_clocks(self) -> None:
        for number in range(1, PINGS + 1):
            self.sent[number] = time.monotonic(), time.time()
            self.process.write(b"ping %d" % number)
            until = time.monotonic() + (PING_S if number < PINGS else PONG_S)
            while len(self._answered_last) < len(self.answers) and not self.process.is_drained:
                rest = until - time.monotonic()
                if rest <= 0:
                    break
                self._read(rest)

    def end(self) -> None:
        """End the processes of all nodes and the launcher."""
        self.process.write(b"end")
        self.process.close()
        until = time.monotonic() + END_S
        while not self.process.is_drained and time.monotonic() < until:
            self._read(0.1)
        self.process.end()

    def _read(self, timeout: float) -> None:
        """Take one piece of what arrives; without any, wait at most for a time (s)."""
        self.process.wait(timeout)
        if not self.process.pieces:
            return
        t, piece = self.process.pieces.popleft()
        for line in self._buffer.take(piece):
            if MARK in line:
                for frame in frames_in(line):
                    self._hear(frame, t / 1e9)
            elif text := line.decode(errors="replace").strip():
                self.lines.append(text)

    def _hear(self, frame: Frame, now: float) -> None:
        if frame.number > _MOST_FRAMES:
            return
        sender = frame.session
        contents = self._receivers.setdefault(sender, Receiver()).take(frame)
        for message in map(decode_message, contents):
            if isinstance(message, NodeAnswer):
                if sender not in self.answers and len(self.answers) < _MOST_NODES:
                    self.answers[sender] = message
                    self.last_answer = now
            elif message is not None and message.ping in self.sent:
                self._time(sender, message, now)
        if sender in self.answers and frame.number and (contents or not frame.more):
            # Also when it comes again: the acknowledgement may have been lost.
            self.process.write(b"ack " + sender.encode())

    def _time(self, sender: str, pong: Pong, now: float) -> None:
        sent, sent_wall = self.sent[pong.ping]
        error = (now - sent) / 2
        if sender not in self.clocks or error < self.clocks[sender].error_s:
            self.clocks[sender] = Clock(pong.wall_ns / 1e9 - (sent_wall + error), error)
        if pong.ping == PINGS:
            self._answered_last.add(sender)
