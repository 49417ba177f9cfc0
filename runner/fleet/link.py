"""Keeps one host connected: starts ssh, moves bytes, notices silence, and tries again after a cut.

Where the copy of a run continues after a cut is decided by `Mirror.request`.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from runner.fleet.hosts import connect_argv
from runner.fleet.remote_host import Connection, RemoteHost, VersionError
from runner.fleet.wire import WireError
from runner.profile.settings import FleetHost
from runner.util.exit_codes import ExitCode
from runner.util.foreign_text import one_line

SILENCE_S = 30.0
"""without an answer for so long, the connection counts as cut"""
OPENING_S = 60.0
"""how long the first answer may take: ssh may pass several hosts, and Python may start on a slow disk"""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
"""before the next attempt; doubled after each attempt, until a connection was steady"""
STEADY_S = 10.0
_TICK_S = 0.1
_CHUNK = 1 << 16
_MOST_STDERR = 4096
_NOT_FOUND = 127
"""exit code of a shell that does not find the command"""
_ENDING_S = 2.0
_ABORTING_S = 0.1


class LinkStatus(Enum):
    CONNECTING = "connecting"
    CONNECTED = "connected"
    UNREACHABLE = "unreachable"
    """the next attempt follows by itself"""
    REFUSED = "refused"
    """another version; only a refresh tries again"""


@dataclass(frozen=True)
class LinkState:
    """What a screen shows of a connection."""

    status: LinkStatus = LinkStatus.CONNECTING
    reason: str = ""
    """why there is none, in one sentence"""
    retry_at: float | None = None
    """time of the next attempt, on CLOCK_MONOTONIC in seconds"""
    was_cut: bool = False
    """the last connection had been answered before it ended"""


class Cut(Exception):  # noqa: N818 - the normal end of a connection
    """A connection ended; one sentence."""


class Link:
    """The thread of one host."""

    def __init__(self, host: FleetHost, remote: RemoteHost, argv: Sequence[str] | None = None) -> None:
        """Prepare; `start` connects.

        Args:
            host: how it is reached.
            remote: what is known of it and wanted from it.
            argv: the command with the stream; None: ssh.
        """
        self.remote = remote
        self.state = LinkState()
        self._argv = list(argv or connect_argv(host))
        self._command = host.command
        self._closing = threading.Event()
        self._hurry = threading.Event()
        """try again at once"""
        self._thread = threading.Thread(target=self._run, name=f"fleet {host.host}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def ask_to_close(self) -> None:
        """Close the connection soon."""
        self._closing.set()
        self._hurry.set()

    def close(self) -> None:
        """Close the connection and wait until its process has ended."""
        self.ask_to_close()
        self._thread.join()
        self.remote.close()

    def refresh(self) -> None:
        """Ask for news at once; without a connection, try to connect at once."""
        self.remote.refresh()
        self._hurry.set()

    def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._closing.is_set():
            self._hurry.clear()
            connection = Connection(self.remote)
            began, waits_for_user, broken = time.monotonic(), False, False
            try:
                self._connect(connection)
                reason = ""
            except Cut as cut:
                reason = str(cut)
            except VersionError as error:
                reason, waits_for_user = str(error), True
            except (WireError, OSError) as error:
                reason = str(error)
                broken = isinstance(error, WireError)
            self.remote.broken = self.remote.broken + 1 if broken else 0
            if self._closing.is_set():
                return
            if connection.is_open and time.monotonic() - began > STEADY_S:
                pause = FIRST_PAUSE_S
            status = LinkStatus.REFUSED if waits_for_user else LinkStatus.UNREACHABLE
            retry_at = None if waits_for_user else time.monotonic() + pause
            self.state = LinkState(status, one_line(reason), retry_at, was_cut=connection.is_open)
            self.remote.tell_readers(self.state.reason)
            self._hurry.wait(None if waits_for_user else pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
            if status is LinkStatus.REFUSED or not connection.is_open:
                self.state = LinkState(LinkStatus.CONNECTING, one_line(reason))

    def _connect(self, connection: Connection) -> None:
        """Hold one connection until it ends.

        Raises:
            Cut, VersionError, WireError, OSError: it ended, for this reason.
        """
        try:
            # A session of its own: Ctrl-C in the terminal is for the commands, not for ssh.
            process = subprocess.Popen(
                self._argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise Cut(f"{self._argv[0]} cannot be started: {error.strerror}") from None
        stderr = bytearray()
        try:
            self._move(process, connection, stderr)
        finally:
            _end(process, gently=connection.is_open)
        raise Cut(self._why_ended(process.returncode, stderr, opened=connection.is_open))

    def _move(self, process: subprocess.Popen[bytes], connection: Connection, stderr: bytearray) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        began = time.monotonic()
        unsent = b""
        for stream in (process.stdin, process.stdout, process.stderr):
            os.set_blocking(stream.fileno(), False)
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            selector.register(process.stderr, selectors.EVENT_READ)
            while not self._closing.is_set():
                for key, _ in selector.select(_TICK_S):
                    data = os.read(key.fd, _CHUNK)
                    if not data and key.fileobj is process.stdout:
                        stderr += _last_words(process)
                        return
                    if not data:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is process.stderr:
                        stderr += data
                        del stderr[:-_MOST_STDERR]
                    else:
                        connection.receive(data)
                if connection.is_open and self.state.status is not LinkStatus.CONNECTED:
                    self.state = LinkState(LinkStatus.CONNECTED)
                    self.remote.tell_readers("")
                unsent += connection.send()
                # Of a process that has ended, its last words are read, which say why.
                with contextlib.suppress(BlockingIOError, BrokenPipeError):
                    unsent = unsent[os.write(process.stdin.fileno(), unsent) :] if unsent else b""
                now, since = time.monotonic(), connection.unanswered_since
                if since is not None and now - since > SILENCE_S:
                    raise Cut(f"no answer for {SILENCE_S:.0f} s")
                if not connection.is_open and now - began > OPENING_S:
                    raise Cut(f"no answer {OPENING_S:.0f} s after the start of ssh")

    def _why_ended(self, code: int | None, stderr: bytearray, *, opened: bool) -> str:
        """Return why a connection ended: what ssh said last, or what its exit code means."""
        text = stderr.decode("utf-8", "replace").replace("\r", "\n")
        lines = [line for line in text.split("\n") if line.strip()]
        said = one_line(lines[-1]) if lines else ""
        if not opened and code == _NOT_FOUND:
            return (
                f"the shell there does not find `{self._command}`{f' ({said})' if said else ''};"
                " set `command` of this host in the settings to its full path"
            )
        if not opened and code == ExitCode.BAD_INPUT and said:
            return f"trtbench-tui there cannot serve this one, install the same version on both ({said})"
        return said or (f"the connection ended (exit code {code})" if opened else f"ssh ended with {code}")


def _last_words(process: subprocess.Popen[bytes]) -> bytes:
    """Return what a process that has closed its output still says on standard error."""
    assert process.stderr is not None
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_ENDING_S)
    with contextlib.suppress(BlockingIOError):  # a shared connection of ssh keeps it open
        return os.read(process.stderr.fileno(), _CHUNK)
    return b""


def _end(process: subprocess.Popen[bytes], *, gently: bool) -> None:
    """End ssh: without its input it ends by itself, unless it has no connection yet; else with a signal."""
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    for patience, end in (
        (_ENDING_S if gently else _ABORTING_S, process.terminate),
        (_ENDING_S, process.kill),
    ):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return
        end()
    process.wait()
