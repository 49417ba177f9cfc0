"""Find the cause of a failed stage in the output of its programs, as one sentence.

The cause is the first known text (`KnownFailure`), else the first exception, signal or logged error, else the
exit code.
"""

from __future__ import annotations

import re
import signal
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from runner.engines.known_failures import (
    KNOWN_OF_ANY,
    OUT_OF_GPU_MEMORY,
    OUT_OF_MEMORY,
    KnownFailure,
)

MAX_LINE = 2000
"""Characters of a line that are searched; programs print lines of a megabyte."""

SAME_MOMENT = 40
"""Lines within which texts of several ranks and pipes belong to the same failure."""
_DOUBTFUL, _SUMMARY = 1, 2
"""Known failures after which the program may have gone on, and that do not say why."""

_EXCEPTION = re.compile(
    r"^(?:[A-Za-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Failed|Warning)?(?:: .+)?$"
)
# Open MPI 4 and 5 each have two wordings, and may break the line before "signal"; Intel MPI has a third one.
_SIGNAL = re.compile(
    r"\bSignal: (?P<a>[A-Z][\w ]+) \(\d+\)|\b(?:signal|KILLED BY SIGNAL:) \d+ \((?P<b>[A-Z][\w ]+)\)"
)
# Messages of Open MPI, which prints 0 for a pid that it does not know, and of Intel MPI.
_RANK = re.compile(r"(?:process rank|^= +RANK) (?P<rank>\d+) (?:with )?PID (?P<pid>\d+)")
_SENDER = re.compile(r"^\[[\w.-]+:(?P<pid>\d+)\].*(?:received signal|Signal: )")
"""What Open MPI prints in a process that gets a signal: `[host:4302] Signal: Segmentation fault (11)`."""
_ERROR = re.compile(
    r"\[(?:E|F|ERROR|FATAL|CRITICAL)\]:?\s*(?P<log>\S.*)"
    r"|^\s*what\(\):\s+(?:\[[^\]]*\]\s*)*(?P<what>\S.*)"
)
"""A line of a logger at level error, and what C++ prints for an uncaught exception."""
_WHAT = re.compile(r"\s*what\(\): ")
_WARNING = re.compile(
    r"\[(?:W|I|V|WARN|WARNING|INFO|DEBUG|VERBOSE)\]|^\[[WI]\d{4} |Warning: |(?<!NCCL )\bWARN(?:ING)?\b"
)
"""A line of a logger below level error. NCCL logs its errors as warnings."""
_RANK_PREFIX = re.compile(r"^\[rank\d+\]: ?")
"""What PyTorch puts before its log lines and uncaught exceptions once a rank has its process group."""
_RULE = re.compile(r"^[-=*_]{10,}$")
_SLURM = re.compile(r"(?:srun|slurmstepd[\w-]*): ")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")

# Not failures: an exception that follows the real one, and a configuration that was skipped.
_IRRELEVANT = re.compile(
    r"with_traceback\(\) takes exactly one argument|caught while allocating memory; skipping"
)


_GPU_MEMORY = re.compile(
    r"Tried to allocate (?P<tried>[\d.]+ \w+)\W+GPU (?P<gpu>\d+)"
    r"(?: has a total capacity of (?P<capacity>[\d.]+ \w+) of which (?P<free>[\d.]+ \w+) is free"
    r"|; (?P<old_capacity>[\d.]+ \w+) total capacity;.*?; (?P<old_free>[\d.]+ \w+) free)"
)
"""What PyTorch (2.1 and later, and before) prints when GPU memory runs out, within a paragraph of advice."""


@dataclass(slots=True)
class Diagnosis:
    """Collects signs of a failure in the output of a stage, line by line, with bounded memory."""

    known_failures: tuple[KnownFailure, ...] = ()
    """failures of the engine's own programs; searched before those of any program"""
    known: tuple[str, str] | None = None
    """cause and remedy of the known failure; None: none was found"""
    exception: str = ""
    """the first one: others are often raised because of it, in the same rank or in others"""
    later_exception: str = ""
    """the first one of the last tracebacks that follow more than `SAME_MOMENT` lines of other output: the
    program may have survived those before"""
    signal: str = ""
    crashed_rank: int | None = None
    crashed_pid: int | None = None
    """of the first process that a signal ended, as far as the launcher names it"""
    error: str = ""
    """the first line that a logger marks as an error"""
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=5))
    _in_traceback: bool = False
    _is_ignored: bool = False
    """Python said before the next traceback that it continues"""
    _lines_since_traceback: int = 0
    _is_later: bool = False
    """the traceback follows other output"""
    _known_exception: str = ""
    """the first of the tracebacks in which the known failure was found; empty: it was found elsewhere"""
    _known_at: tuple[int, int] | None = None
    """0, or `_DOUBTFUL` or `_SUMMARY`; and the place in the tables: lower ones say more"""
    _lines_since_known: int = 0

    def feed(self, line: str) -> None:
        """Search one line of output."""
        line = _CONTROL.sub("", line[:MAX_LINE]).rstrip()
        if not line.strip():
            return
        # What srun says comes last: that it ended the other tasks because one has failed.
        if not (_RULE.match(line) or (self.tail and _SLURM.match(line))):
            self.tail.append(line)
        if _IRRELEVANT.search(line):
            return
        line = _RANK_PREFIX.sub("", line)
        raised = self._in_traceback and _EXCEPTION.match(line) is not None
        self._look_for_exception(line, raised=raised)
        self._look_up(line, raised=raised or _WHAT.match(line) is not None)
        if not self.signal and (found := _SIGNAL.search(line)):
            self.signal = found["a"] or found["b"]
        self._look_for_process(line)
        if not self.error and (match := _ERROR.search(line)):
            self.error = match["log"] or match["what"]

    def _look_for_exception(self, line: str, *, raised: bool) -> None:
        """Keep the first exception, and the first one after other output.

        Of chained tracebacks the first is the cause; the later ones occurred while handling it.
        """
        if line.startswith("Traceback (most recent call last)"):
            self._is_later = self._is_later or self._lines_since_traceback > SAME_MOMENT
            self._in_traceback = not self._is_ignored
        elif raised:
            if not self.exception:
                self.exception, self._is_later = line, False
            elif self._is_later:
                self.later_exception, self._is_later = line, False
            self._in_traceback = False
        self._lines_since_traceback = 0 if raised or self._in_traceback else self._lines_since_traceback + 1
        self._is_ignored = line.startswith("Exception ignored ")

    def _look_for_process(self, line: str) -> None:
        """Keep rank and pid of the first process that a signal ended."""
        if self.crashed_pid is None and (sender := _SENDER.search(line)):
            self.crashed_pid = int(sender["pid"])
        if self.crashed_rank is None and (found := _RANK.search(line)):
            self.crashed_rank = int(found["rank"])
            self.crashed_pid = self.crashed_pid or int(found["pid"]) or None

    def name_crashed_rank(self, ranks: Mapping[int, int]) -> None:
        """Find the rank of a crashed process, or its pid, from the pids of the ranks."""
        if self.crashed_rank is None and self.crashed_pid is not None:
            self.crashed_rank = next((rank for rank, pid in ranks.items() if pid == self.crashed_pid), None)
        if self.crashed_rank is not None and self.crashed_pid is None:
            self.crashed_pid = ranks.get(self.crashed_rank)

    @property
    def crashed(self) -> str:
        """`rank 1 (pid 4302)`, as far as it is known."""
        who = "a rank" if self.crashed_rank is None else f"rank {self.crashed_rank}"
        return who if self.crashed_pid is None else f"{who} (pid {self.crashed_pid})"

    def _look_up(self, line: str, *, raised: bool) -> None:
        """Keep the first known failure, or a narrower one (earlier in its table) shortly after it.

        Standard output and error arrive through two pipes, so the text printed first can arrive second. A
        text after which programs may go on is no cause if they did; another failure replaces it.
        """
        self._lines_since_known += self.known is not None
        if self._lines_since_known > SAME_MOMENT:
            if self._known_at is None or self._known_at[0] != _DOUBTFUL:
                return
            self.known, self._known_at, self._lines_since_known = None, None, 0
        if _WARNING.search(line):
            return
        for at, failure in enumerate((*self.known_failures, *KNOWN_OF_ANY)):
            if found := failure.pattern.search(line):
                doubt = _SUMMARY if failure.sums_up else _DOUBTFUL if failure.may_go_on and not raised else 0
                self._keep(failure, (doubt, at), found.groupdict().get("detail") or "")
                if raised and not self._known_exception and self._known_at == (doubt, at):
                    self._known_exception = self.later_exception or self.exception
                return

    def _keep(self, failure: KnownFailure, at: tuple[int, int], detail: str) -> None:
        """Keep a failure if it says more than the known one; a doubtful one counts from its last line."""
        was = self._known_at
        if was is None or at < was or (at == was and was[0] == _DOUBTFUL):
            if was is None or was[0] == _DOUBTFUL:
                self._lines_since_known = 0
            cause = f"{failure.cause} ({detail})" if detail else failure.cause
            self.known, self._known_at, self._known_exception = (cause, failure.remedy), at, ""

    def cause(self, exit_code: int | None) -> tuple[str, str]:
        """Return the cause of a failure and its remedy (may be empty)."""
        if self.known is not None:
            cause, remedy = self.known
            return (f"{cause} ({_in_short(raised)})" if (raised := self.known_exception) else cause), remedy
        if self.exception:
            # Which of the two is the cause is not known: other ranks can fail long after the first.
            again = self.later_exception in ("", self.exception)
            later = "" if again else f", and after other output {self.later_exception}"
            return f"a rank raised {self.exception}{later}", ""
        if self.signal:
            return f"{self.crashed} crashed: {self.signal}{self.first_error}", _REMEDIES.get(self.signal, "")
        if crash := _crash(exit_code):
            return f"the program crashed: {crash}{self.first_error}", _REMEDIES.get(crash, "")
        if exit_code is not None and exit_code in _KILLED:
            return (
                "the program was killed from outside (signal 9)",
                _REMEDIES["Killed"],
            )
        last = f"; its last line: {self.tail[-1]}" if self.tail else "; it printed nothing"
        return f"the program ended with {describe_exit(exit_code)}{self.first_error or last}", ""

    @property
    def known_exception(self) -> str:
        """The first exception of the tracebacks with the known failure, else of all; empty: none."""
        return self._known_exception or self.exception

    @property
    def may_be_of_disk(self) -> bool:
        """Whether a disk that was full explains the failure: nothing else is known to be the cause."""
        tables = (*self.known_failures, *KNOWN_OF_ANY)
        return self._known_at is None or tables[self._known_at[1]].of_disk

    def is_bus_error(self, exit_code: int) -> bool:
        """Check whether a program died of a bus error: its mapped file or shared memory had no room."""
        return _BUS_ERROR in (self.signal, _crash(exit_code))

    @property
    def first_error(self) -> str:
        """The end of a sentence about a failure: `; its first error: ...`; empty when none was logged."""
        return f"; its first error: {_in_short(self.error)}" if self.error else ""


def _in_short(exception: str) -> str:
    """Shorten an exception: for a GPU out of memory to the sizes tried, free and total."""
    found = _GPU_MEMORY.search(exception)
    if found is None:
        return exception
    free, capacity = found["free"] or found["old_free"], found["capacity"] or found["old_capacity"]
    return f"GPU {found['gpu']}: tried to allocate {found['tried']}, {free} of {capacity} were free"


_BUS_ERROR = "Bus error"
_CRASHES = {
    signal.SIGSEGV: "Segmentation fault",
    signal.SIGBUS: _BUS_ERROR,
    signal.SIGABRT: "Aborted",
    signal.SIGFPE: "Floating point exception",
    signal.SIGILL: "Illegal instruction",
}
"""Signals that a program causes itself -> their names in the C library."""


def _crash(exit_code: int | None) -> str:
    """Return the crash that an exit code means, of the program or of its shell; empty: no crash."""
    return next((name for number, name in _CRASHES.items() if exit_code in (-number, 128 + number)), "")


_KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
_REMEDIES = {
    "Segmentation fault": "a native library crashed; the raw log has its stack",
    "Aborted": "a native library aborted; the raw log has its last messages",
    "Killed": "if no user did, the machine ran out of memory: see the kernel log (dmesg)",
    _BUS_ERROR: "often a full disk or /dev/shm: in a container give --ipc=host or a larger --shm-size",
}


def find_failure(text: str, known_failures: tuple[KnownFailure, ...]) -> str:
    """Return the cause of the failure in a whole output, in one sentence; empty without a failure."""
    diagnosis = Diagnosis(known_failures)
    for line in text.split("\n"):
        diagnosis.feed(line)
    return diagnosis.cause(None)[0] if diagnosis.known is not None or diagnosis.exception else ""


def is_out_of_memory(cause: str) -> bool:
    """Check whether a cause from `Diagnosis.cause` means out of memory, on a GPU or the machine.

    Events and reports store causes as text, so this is the one place that reads it back.
    """
    return OUT_OF_GPU_MEMORY in cause or OUT_OF_MEMORY in cause


def describe_exit(exit_code: int | None) -> str:
    """Describe an exit code: `exit code 1`, `signal 11 (SIGSEGV)`."""
    if exit_code is None:
        return "no exit code"
    if exit_code < 0:
        try:
            return f"signal {-exit_code} ({signal.Signals(-exit_code).name})"
        except ValueError:
            return f"signal {-exit_code}"
    return f"exit code {exit_code}"
