"""Why a stage failed, in one sentence: the first real cause in what its programs printed."""

from __future__ import annotations

import re
import signal
from collections import deque
from dataclasses import dataclass, field

MAX_LINE = 2000
"""Characters of a line that are looked at; programs print lines of a megabyte."""

SAME_MOMENT = 40
"""Lines within which texts of several ranks and pipes tell of the same failure."""

_EXCEPTION = re.compile(
    r"^(?:[A-Za-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Failed|Warning)?(?:: .+)?$"
)
# Open MPI 4 and 5 each word it in two ways, and may break the line before "signal".
_SIGNAL = re.compile(r"\bSignal: (?P<a>[A-Z][\w ]+) \(\d+\)|\bsignal \d+ \((?P<b>[A-Z][\w ]+)\)")
_ERROR = re.compile(
    r"\[(?:E|F|ERROR|FATAL|CRITICAL)\]:?\s*(?P<log>\S.*)"
    r"|^\s*what\(\):\s+(?:\[[^\]]*\]\s*)*(?P<what>\S.*)"
)
"""A line of a logger at level error, and what C++ prints of an exception that nobody caught."""
_RULE = re.compile(r"^[-=*_]{10,}$")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")

# Not failures: an exception that hides the real one behind it, and a configuration that was left out.
_BESIDE_THE_POINT = re.compile(
    r"with_traceback\(\) takes exactly one argument|caught while allocating memory; skipping"
)

Known = tuple[re.Pattern[str], str, str]
"""Text in the output, the cause in our words, what to do."""

OUT_OF_GPU_MEMORY = "a GPU ran out of memory"
_GPU_MEMORY = re.compile(
    r"Tried to allocate (?P<tried>[\d.]+ \w+)\W+GPU (?P<gpu>\d+)"
    r"(?: has a total capacity of (?P<capacity>[\d.]+ \w+) of which (?P<free>[\d.]+ \w+) is free"
    r"|; (?P<old_capacity>[\d.]+ \w+) total capacity;.*?; (?P<old_free>[\d.]+ \w+) free)"
)
"""What PyTorch 2.1 and later, and older ones, say of a GPU whose memory ran out, in a paragraph of advice."""

OUT_OF_MEMORY = "the machine's own memory (not the GPU's) ran out"

# The first that was printed wins.
_KNOWN: tuple[Known, ...] = (
    (
        re.compile(r"attempt to run as root", re.I),
        "mpirun refuses to start ranks as root",
        "set both OMPI_ALLOW_RUN_AS_ROOT=1 and OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 in launch.env",
    ),
    (
        re.compile(r"not enough slots available", re.I),
        "mpirun refuses to start more ranks than there are cores",
        "lower parallel.tp, or add --oversubscribe to launch.mpirun.args",
    ),
    (
        re.compile(r"No space left on device", re.I),
        "a disk is full",
        "free space on the disk of the run directory and of /dev/shm",
    ),
    (
        re.compile(r"CUDA out of memory|torch\.(?:cuda\.)?OutOfMemoryError", re.I),
        OUT_OF_GPU_MEMORY,
        "lower benchmark.batch_size or the lengths, or spread the model over more GPUs (parallel.tp)",
    ),
    (
        re.compile(
            r"DefaultCPUAllocator: (?:can't allocate|not enough) memory|^MemoryError\b|std::bad_alloc"
        ),
        OUT_OF_MEMORY,
        "lower benchmark.batch_size or the lengths, or end what else uses memory",
    ),
    (
        re.compile(r"No module named '(?:torch|mpi4py)"),
        "the interpreter of the ranks has no torch or no mpi4py",
        "install them there (pip install 'trtbench-tui[torch]'), or set launch.python to one that has them",
    ),
)


@dataclass(slots=True)
class Diagnosis:
    """What stands out in the output of a stage; fed line by line as it arrives, bounded in memory."""

    known_failures: tuple[Known, ...] = ()
    """what the engine's own programs are known to say; looked at before what any program may say"""
    known: tuple[str, str] | None = None
    exception: str = ""
    signal: str = ""
    error: str = ""
    """the first line that a logger calls an error"""
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=5))
    _in_traceback: bool = False
    _known_at: int | None = None
    _lines_since_known: int = 0

    def feed(self, line: str) -> None:
        """Look at one line of output."""
        line = _CONTROL.sub("", line[:MAX_LINE]).rstrip()
        if not line.strip():
            return
        if not _RULE.match(line):
            self.tail.append(line)
        if _BESIDE_THE_POINT.search(line):
            return
        self._look_up(line)
        if not self.signal and (found := _SIGNAL.search(line)):
            self.signal = found["a"] or found["b"]
        if not self.error and (said := _ERROR.search(line)):
            self.error = said["log"] or said["what"]
        if self.exception:
            return
        if line.startswith("Traceback (most recent call last)"):
            self._in_traceback = True
        elif self._in_traceback and _EXCEPTION.match(line):
            # Of chained tracebacks the first is the cause; the later ones happened while handling it.
            self.exception = line

    def _look_up(self, line: str) -> None:
        """The first known text is the cause; shortly after it a narrower one (earlier in its table) wins.

        Standard output and error reach us by two ways, so what was printed first can arrive second.
        """
        self._lines_since_known += self.known is not None
        if self._lines_since_known > SAME_MOMENT:
            return
        tables = (*self.known_failures, *_KNOWN)[: self._known_at]
        for at, (text, cause, remedy) in enumerate(tables):
            if text.search(line):
                self.known, self._known_at = (cause, remedy), at
                return

    def cause(self, exit_code: int | None) -> tuple[str, str]:
        """The cause of a failure and its remedy (may be empty)."""
        if self.known is not None:
            cause, remedy = self.known
            return (f"{cause} ({_in_short(self.exception)})" if self.exception else cause), remedy
        if self.exception:
            return f"a rank raised {self.exception}", ""
        if self.signal:
            return f"a rank crashed: {self.signal}{self.first_error}", _REMEDIES.get(self.signal, "")
        if crash := _crash(exit_code):
            return f"the program crashed: {crash}{self.first_error}", _REMEDIES.get(crash, "")
        if exit_code is not None and exit_code in _KILLED:
            return (
                "the program was killed from outside (signal 9)",
                _REMEDIES["Killed"],
            )
        last = f"; its last words: {self.tail[-1]}" if self.tail else "; it printed nothing"
        return f"the program ended with {describe_exit(exit_code)}{self.first_error or last}", ""

    @property
    def first_error(self) -> str:
        """The rest of a sentence about a failure: `; its first error: ...`; empty when none was logged."""
        return f"; its first error: {_in_short(self.error)}" if self.error else ""


def _in_short(exception: str) -> str:
    """What was raised; of a GPU out of memory what was tried, free and there, the raw log has the rest."""
    found = _GPU_MEMORY.search(exception)
    if found is None:
        return exception
    free, capacity = found["free"] or found["old_free"], found["capacity"] or found["old_capacity"]
    return f"GPU {found['gpu']}: tried to allocate {found['tried']}, {free} of {capacity} were free"


_CRASHES = {
    signal.SIGSEGV: "Segmentation fault",
    signal.SIGBUS: "Bus error",
    signal.SIGABRT: "Aborted",
    signal.SIGFPE: "Floating point exception",
    signal.SIGILL: "Illegal instruction",
}
"""Signals that a program brings upon itself, in the words of the C library."""


def _crash(exit_code: int | None) -> str:
    """The crash that an exit code tells of, the program's own or one of its shell's; empty: of none."""
    return next((name for number, name in _CRASHES.items() if exit_code in (-number, 128 + number)), "")


_KILLED = (-signal.SIGKILL, 128 + signal.SIGKILL)
_REMEDIES = {
    "Segmentation fault": "a native library crashed; the raw log has its stack",
    "Aborted": "a native library gave up; the raw log has what it said before",
    "Killed": "if nobody did, the machine ran out of memory: look at the kernel log (dmesg)",
    "Bus error": "often a full /dev/shm: in a container give --ipc=host or a larger --shm-size",
}


def failure_told_in(text: str, known_failures: tuple[Known, ...]) -> str:
    """The cause that a whole output tells of, in one sentence; empty when it tells of no failure."""
    diagnosis = Diagnosis(known_failures)
    for line in text.split("\n"):
        diagnosis.feed(line)
    return diagnosis.cause(None)[0] if diagnosis.known is not None or diagnosis.exception else ""


def is_out_of_memory(cause: str) -> bool:
    """Whether a cause of ours says that memory ran out, of a GPU or of the machine."""
    return OUT_OF_GPU_MEMORY in cause or OUT_OF_MEMORY in cause


def describe_exit(exit_code: int | None) -> str:
    """An exit code in words: `exit code 1`, `signal 11 (SIGSEGV)`."""
    if exit_code is None:
        return "no exit code"
    if exit_code < 0:
        try:
            return f"signal {-exit_code} ({signal.Signals(-exit_code).name})"
        except ValueError:
            return f"signal {-exit_code}"
    return f"exit code {exit_code}"
