"""The supervisor's link to the node agents: starts them, asks them, and makes events of their reports."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from runner import events as ev
from runner.engines.diagnosis import Diagnosis, describe_exit
from runner.engines.mpi.fan_out import LAST
from runner.plan.node_launch import NodeLaunch
from runner.run import layout
from runner.supervision.nodes import messages as msg
from runner.supervision.nodes.agent import TOKEN
from runner.supervision.nodes.launcher import END_S, agent_launcher
from runner.supervision.nodes.peer import FIRST_READINGS, Peer
from runner.supervision.nodes.question import Question
from runner.util.files import open_append, write_atomically
from runner.util.launcher_frames import MARK, LineBuffer, Receiver, frames_in
from runner.util.launcher_process import LauncherProcess
from runner.util.node_names import match_hosts

JOIN_S = 60.0
"""How long the agents of all nodes may take to join."""
PING_S, FIRST_PING_S = 1.0, 0.05
ACKNOWLEDGE_S = 0.2
REPEAT_S = 2.0
"""Time until a command is repeated to the nodes that have not answered."""
RESTARTS = 1
_MOST_PINGS = 300
_POLL_S = 0.01


@dataclass(slots=True)
class _Session:
    """One start of one agent."""

    receiver: Receiver = field(default_factory=Receiver)
    peer: Peer | None = None
    acknowledged: int = 0


@dataclass
class NodeLink:
    """The agents of all nodes of a run; nothing here waits except `wait` and `close`."""

    launch: NodeLaunch
    run_dir: Path
    log: Path | None = None
    """for what the launcher prints; None: only its last lines are kept"""
    on_records: Callable[[str, int, bytes], None] = lambda _node, _stage, _lines: None
    """called with complete lines that the ranks of a node wrote in a stage, with times of its clock"""
    first: str = field(default_factory=lambda: os.uname().nodename)
    """name of the node of this process"""
    peers: dict[str, Peer] = field(default_factory=dict)
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=20))
    """what the launcher printed last"""
    rebooted: set[str] = field(default_factory=set)
    _diagnosis: Diagnosis = field(default_factory=Diagnosis)
    _process: LauncherProcess = field(init=False)
    _token: str = field(default_factory=lambda: secrets.token_hex(16))
    _lines: LineBuffer = field(default_factory=LineBuffer)
    _sessions: dict[str, _Session] = field(default_factory=dict)
    _questions: list[Question] = field(default_factory=list)
    _setup: list[tuple[msg.Command, set[str]]] = field(default_factory=list)
    """what is sent again to an agent that replaces one"""
    _forwarded: dict[tuple[str, int, str], int] = field(default_factory=dict)
    """bytes of each file of a rank that were passed on: node, stage, file"""
    _next_id: int = 1
    _pings: dict[int, int] = field(default_factory=dict)
    """number -> when it was sent (monotonic, ns)"""
    _ping: int = 0
    _next_ping: float = 0.0
    _next_acknowledgement: float = 0.0
    _restarts: int = 0
    _rejoin_until: float | None = None
    _ending: bool = False

    def __post_init__(self) -> None:
        self._process = self._launcher_process()

    # --- start and end -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the agents; whether that works is seen by `poll`."""
        with contextlib.suppress(OSError):  # then no node shares the directory, as far as it can tell
            write_atomically(self.run_dir / TOKEN, self._token.encode())
        self._process.start()

    def _launcher_process(self) -> LauncherProcess:
        return agent_launcher(self.launch, self.run_dir, self._token, self.first)

    @property
    def pids(self) -> set[int]:
        """The launcher of the agents: no process of the benchmark."""
        return {self._process.pid} if self._process.is_running else set()

    @property
    def others(self) -> list[str]:
        """The nodes on which there is no supervisor, in the order of their names."""
        return sorted(node for node, peer in self.peers.items() if not peer.is_first)

    @property
    def is_ready(self) -> bool:
        """Every node has an agent, and its clock is measured."""
        joined = [peer for peer in self.peers.values() if peer.session in self._sessions]
        return len(joined) >= self.launch.nodes and all(peer.is_measured for peer in joined)

    @property
    def problem(self) -> str:
        """Why no further node will join; empty: they still may, or all have."""
        if self._process.problem:
            return f"the node agents cannot be started: {self._process.problem}"
        code = self._process.poll()
        if code is None or not self._is_cut_off or len(self.peers) >= self.launch.nodes:
            return ""
        return f"{self._missing()}: {self._launcher} ended with {describe_exit(code)}{self._said()}"

    @property
    def too_late(self) -> str:
        """The sentence for nodes that have not joined in time."""
        return f"{self._missing()} within {JOIN_S:.0f} s{self._said()}"

    @property
    def _launcher(self) -> str:
        return Path(self.launch.argv[0]).name

    def hosts(self) -> dict[str, str]:
        """Return the node of each name of the host list that has joined."""
        own = {
            node: [address.partition(" ")[0] for address in peer.joined.network.values()]
            for node, peer in self.peers.items()
        }
        return match_hosts(self.launch.hosts, own, self.first)

    def _missing(self) -> str:
        known = self.hosts()
        if missing := [host for host in self.launch.hosts if host not in known]:
            return f"{', '.join(missing)} did not join"
        return f"{len(self.peers)} of {self.launch.nodes} nodes joined"

    def _said(self) -> str:
        if self._diagnosis.known is not None:
            return f": {self._diagnosis.known[0]}"
        return f"; it said: {' '.join([*self.last_lines][-2:])}" if self.last_lines else ""

    def close(self) -> list[ev.AnyEvent]:
        """End all agents that can be reached, wait for them for a limited time, and end the launcher."""
        self._process.write(LAST)
        ends = self.ask(msg.End(), [peer.node for peer in self.peers.values() if peer.status == "back"])
        self._ending = True
        found = self.wait(lambda: not ends.missing or self._is_cut_off, 2 * END_S)
        for node in ends.answers:
            found += self.peers[node].change("ended", f"the agent of node {node} has ended")
        if ends.answers:
            found += self.wait(lambda: not self._process.is_running, END_S)
        self._process.close()
        found += self.wait(lambda: not self._process.is_running, END_S)
        self._process.kill()
        with contextlib.suppress(OSError):
            (self.run_dir / TOKEN).unlink()
        if self.log is not None:
            layout.remove_if_empty(self.log)
        return found

    @property
    def _is_cut_off(self) -> bool:
        """The launcher has ended, and nothing more of it will arrive."""
        return self._process.is_drained

    def wait(self, condition: Callable[[], bool], timeout: float) -> list[ev.AnyEvent]:
        """Poll until a condition holds or a time (s) is over; return the events of that time."""
        found: list[ev.AnyEvent] = []
        until = time.monotonic() + timeout
        while not condition() and time.monotonic() < until:
            found += self.poll()
            time.sleep(_POLL_S)
        return found

    def reaped(self, ended: dict[int, int]) -> None:
        """Take note of processes that the caller has reaped: exit code by pid."""
        self._process.reaped(ended)

    # --- commands ------------------------------------------------------------------------------------------

    def ask(self, command: msg.Command, nodes: Iterable[str], *, is_setup: bool = False) -> Question:
        """Send a command to nodes, and again until they have answered.

        Args:
            command: without a number.
            nodes: names of nodes that have joined.
            is_setup: an agent that replaces the one of a node gets the same command.
        """
        to = set(nodes)
        if is_setup:
            self._setup.append((command, to))
        numbered = msgspec.structs.replace(command, id=self._next_id, to=sorted(to))
        self._next_id += 1
        question = Question(numbered, to)
        if to:
            self._questions.append(question)
            self._send(question, time.monotonic())
        return question

    def tell(self, command: msg.Command) -> None:
        """Send a command to all nodes other than the first, once."""
        numbered = msgspec.structs.replace(command, id=self._next_id, to=self.others)
        self._next_id += 1
        self._process.write(msg.encode(numbered))

    def forget(self, question: Question) -> None:
        """Do not repeat a command any more."""
        if question in self._questions:
            self._questions.remove(question)

    def _send(self, question: Question, now: float) -> None:
        question.again = now + REPEAT_S
        self._process.write(
            msg.encode(msgspec.structs.replace(question.command, to=sorted(question.missing)))
        )

    # --- polling -------------------------------------------------------------------------------------------

    def poll(self) -> list[ev.AnyEvent]:
        """Return what the agents have reported, and changes of the connection."""
        now = time.monotonic()
        found = list(self._arrived())
        for peer in self.peers.values():
            found += peer.clock_events(now)
            if not self._ending:
                found += peer.silence_events(now)
        found += self._watch_launcher(now)
        self._speak(now)
        return found

    def _speak(self, now: float) -> None:
        """Write what is due: acknowledgements, pings, and commands without an answer."""
        if now >= self._next_acknowledgement:
            new = {
                name: session.receiver.received
                for name, session in self._sessions.items()
                if session.receiver.received > session.acknowledged
            }
            if new:
                self._next_acknowledgement = now + ACKNOWLEDGE_S
                self._process.write(msg.encode(msg.Acknowledge(received=new)))
                for name, number in new.items():
                    self._sessions[name].acknowledged = number
        if now >= self._next_ping:
            measuring = any(peer.clock.count < FIRST_READINGS for peer in self.peers.values())
            self._next_ping = now + (FIRST_PING_S if measuring else PING_S)
            self._ping += 1
            self._pings[self._ping] = time.monotonic_ns()
            self._pings.pop(self._ping - _MOST_PINGS, None)
            self._process.write(msg.encode(msg.Ping(n=self._ping)))
        for question in self._questions:
            if now >= question.again:
                self._send(question, now)
        self._process.flush()

    def _arrived(self) -> Iterator[ev.AnyEvent]:
        for _ in range(len(self._process.pieces)):
            t, piece = self._process.pieces.popleft()
            for line in self._lines.take(piece):
                if MARK not in line:
                    self._keep(line)
                    continue
                for frame in frames_in(line):
                    session = self._sessions.setdefault(frame.session, _Session())
                    if frame.number and frame.number <= session.receiver.received:
                        session.acknowledged = 0  # the acknowledgement was lost
                    for message in session.receiver.take(frame):
                        with contextlib.suppress(*layout.UNREADABLE):
                            yield from self._take(session, frame.session, msg.decode_report(message), t)
                    if session.peer is not None:
                        yield from session.peer.hear(t / 1e9)

    def _keep(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").strip()
        if not text:
            return
        if any(letter.isalnum() for letter in text):  # not one of the lines around a message of Open MPI
            self.last_lines.append(text)
            self._diagnosis.feed(text)
        if self.log is not None:
            with contextlib.suppress(OSError), open_append(self.log, layout.log_mode(self.run_dir)) as file:
                file.write(line + b"\n")

    def _take(self, session: _Session, name: str, report: msg.Report, t3: int) -> Iterator[ev.AnyEvent]:
        """Turn a report into events; it arrived at `t3` (ns)."""
        if isinstance(report, msg.Joined):
            yield from self._join(session, name, report, t3 / 1e9)
            return
        peer = session.peer
        if peer is None:
            return
        match report:
            case msg.Pong():
                sent = self._pings.get(report.n)
                if sent is not None:
                    here = time.time() - (time.monotonic_ns() - t3) / 1e9
                    peer.clock.add((sent, report.received, report.sent, t3), (report.wall, here))
            case msg.Reading() if not peer.is_first:
                event = peer.converted(report.event)
                yield ev.FromNode(t=event.t, node=peer.node, event=event)
            case msg.Records():
                self._forward(peer.node, report)
            case msg.Waiting():
                yield ev.Queued(
                    t=time.monotonic_ns(),
                    device=report.device,
                    node=peer.node,
                    holder=report.holder or "another run",
                    waits=report.waits,
                    user=report.user,
                )
            case msg.Remark():
                text = f"node {peer.node}: {report.text}"
                yield ev.Notice(t=time.monotonic_ns(), level="warning", text=text)
            case msg.Done():
                self._answered(peer.node, report)

    def _forward(self, node: str, report: msg.Records) -> None:
        """Pass records on, without those that an earlier agent of the node has sent."""
        key = (node, report.stage, report.file)
        lines = report.text.encode("latin-1")
        end = report.start + len(lines)
        known = self._forwarded.get(key, 0)
        if end > known:
            self._forwarded[key] = end
            self.on_records(node, report.stage, lines[max(0, known - report.start) :])

    def _answered(self, node: str, done: msg.Done) -> None:
        for question in list(self._questions):
            if question.command.id == done.id and node in question.missing:
                question.missing.remove(node)
                question.answers[node] = done
                if not question.missing:
                    self._questions.remove(question)

    def _join(self, session: _Session, name: str, report: msg.Joined, now: float) -> Iterator[ev.AnyEvent]:
        old = self.peers.get(report.node)
        if old is not None and old.session in self._sessions:
            # At the start, two were started on one node. Later, a new one replaces one that was cut off.
            is_late = len(self.peers) == self.launch.nodes
            self._process.write(msg.encode(msg.Dismiss(session=old.session if is_late else name)))
            if not is_late:
                return
            del self._sessions[old.session]
        peer = session.peer = self.peers[report.node] = Peer(report, name, report.node == self.first, now)
        if self._ending:
            self.ask(msg.End(), [peer.node])  # it comes too late
        if old is None:
            yield peer.joined_event()
            return
        if old.joined.boot_id != report.boot_id:
            self.rebooted.add(peer.node)
            yield from peer.change("lost", f"node {peer.node} was rebooted: its processes are gone")
        else:
            peer.offset_ns, peer.replaced = old.offset_ns, now
        yield from peer.change("back", f"node {peer.node} has a new agent", now - old.heard)
        for command, nodes in self._setup:
            if peer.node in nodes:
                self.ask(command, [peer.node])

    # --- the launcher --------------------------------------------------------------------------------------

    def _watch_launcher(self, now: float) -> Iterator[ev.AnyEvent]:
        """Start the agents once more when their launcher has ended; afterwards they are lost."""
        if self._ending or len(self.peers) < self.launch.nodes:
            return  # `problem` tells the one who waits
        code = self._process.poll()
        gone = [peer for peer in self.peers.values() if peer.session not in self._sessions]
        if code is not None and self._is_cut_off:
            why = f"{self._launcher} of the node agents ended with {describe_exit(code)}{self._said()}"
            if self._restarts < RESTARTS:
                self._restarts += 1
                self._rejoin_until = now + JOIN_S
                for peer in self.peers.values():
                    yield from peer.change("silent", f"{why}; it was started again")
                self._process = self._launcher_process()
                self._lines, self._sessions = LineBuffer(), {}
                self._process.start()
                return
            for peer in self.peers.values():
                if peer.status != "lost":
                    yield from peer.change("lost", why)
        elif self._rejoin_until is not None and (not gone or now > self._rejoin_until):
            self._rejoin_until = None
            for peer in gone:
                yield from peer.change("lost", f"node {peer.node} has no agent any more{self._said()}")
