"""One-line records of a rank while it is measured.

Standard library only, Python 3.10 or later: it runs in the measured environment. Nothing here raises into the
measured program; a record that cannot be written is counted instead, and the last record states the total.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any, Literal

DIRECTORY_VARIABLE = "TRTBENCH_RECORDS"
"""Environment variable that names the folder for records; without it nothing is recorded."""

MARK = b"\x1e"
"""ASCII record separator: starts a record among other lines of standard output."""

MOST_STEPS = 1024
"""Maximum number of values in the record of the decode steps of an iteration."""
MOST_STEPS_PRINTED = 64
"""The same for a record on standard output, which is short."""
MOST_STEP_VALUES = 200_000
"""Maximum number of these values of a configuration: about 1.5 MB of the log."""

_STDOUT = 1
_TEXT_LIMIT = 100
_NOTICE_LIMIT = 300
_PR_SET_PDEATHSIG = 1


class Recorder:
    """Writes the records of one rank, each with a single `write`.

    They go to `<directory>/<rank>.jsonl`. If that file cannot be opened (a container or another host does not
    have the folder), they go to standard output, as `\\x1e{json}\\n` of at most 1000 bytes, which launchers
    forward in one piece. The file stays open until the process ends.

    Attributes:
        count: records emitted until now, including those that could not be written, without preparations and
            times of steps.
        dropped: records that could not be written, or only in part.
    """

    def __init__(self, rank: int, directory: str | None) -> None:
        """If `directory` is None or empty, nothing is recorded."""
        self.rank = rank
        self.count = 0
        self.dropped = 0
        self._prefix = b""
        self._torn = False
        self._fd: int | None = None
        if not directory:
            return
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._fd = os.open(os.path.join(directory, f"{rank}.jsonl"), flags, 0o644)
        except OSError:
            self._fd = _STDOUT
            self._prefix = MARK

    def hello(self, *, world: int, device: str, label: str, versions: dict[str, str]) -> None:
        """Write the first record of a rank.

        Args:
            world: number of ranks.
            device: `cpu` or `cuda:N`.
            label: the device name of the driver.
            versions: of the software of this rank, by its name.
        """
        self._emit(
            "hello",
            world=world,
            pid=os.getpid(),
            host=_short(socket.gethostname()),
            device=_short(device),
            label=_short(label),
            versions={name: _version(version) for name, version in versions.items()},
        )

    def configuration(
        self,
        *,
        index: int,
        batch_size: int,
        input_len: int,
        output_len: int,
        num_runs: int,
        duration: float,
        warm_up: int,
    ) -> None:
        """Record the start of a warm-up; only on rank 0. `duration` is in seconds."""
        self._emit(
            "configuration",
            index=index,
            batch_size=batch_size,
            input_len=input_len,
            output_len=output_len,
            num_runs=num_runs,
            duration=duration,
            warm_up=warm_up,
        )

    def notice(self, text: str) -> None:
        """Record a warning about the measurement."""
        self._emit("notice", level="warning", text=_short(text, _NOTICE_LIMIT))

    def preparation(
        self,
        *,
        config: int,
        step: Literal["tiles", "graphs", "ready"],
        tiles_s: float | None = None,
        graphs_s: float | None = None,
        tiles: str = "",
    ) -> None:
        """Record a step of the preparation before the warm-up, and its times with `ready`; only on rank 0.

        The last record does not count it, so that readers that do not know it miss no record.
        """
        fields = {"tiles_s": tiles_s, "graphs_s": graphs_s, "tiles": tiles} if step == "ready" else {}
        self._emit("preparation", counted=False, config=config, step=step, **fields)

    def iteration(
        self,
        *,
        config: int,
        i: int,
        phase: Literal["warmup", "timed"],
        latency_ms: float,
        generation_ms: float,
        steps: int,
    ) -> None:
        """Record the end of one call of the whole batch; `steps`: decode steps after the first token."""
        self._emit(
            "iteration",
            config=config,
            i=i,
            phase=phase,
            latency_ms=latency_ms,
            generation_ms=generation_ms,
            steps=steps,
        )

    def memory(self, *, config: int, parts: dict[str, int]) -> None:
        """Record the bytes of each part of the memory of this rank's GPU in a configuration."""
        self._emit("gpu_memory", config=config, parts=parts)

    def step_times(self, *, config: int, i: int, step_ms: Sequence[float]) -> int:
        """Record the times of the decode steps of a timed iteration; return how many values that takes.

        More steps than fit are recorded as means of as many neighbours as needed. The last record does not
        count it, like a preparation.
        """
        most = MOST_STEPS_PRINTED if self._prefix else MOST_STEPS
        each = -(-len(step_ms) // most)
        groups = [step_ms[start : start + each] for start in range(0, len(step_ms), each)]
        slowest = max(range(len(step_ms)), key=step_ms.__getitem__)
        self._emit(
            "step_times",
            counted=False,
            config=config,
            i=i,
            step_ms=[round(sum(group) / len(group), 4) for group in groups],
            each=each,
            slowest_ms=round(step_ms[slowest], 4),
            slowest=slowest,
        )
        return len(groups)

    def bye(self) -> None:
        """Write the last record of a rank, with the number of earlier ones: readers notice lost records."""
        self._emit("bye", count=self.count)

    def _emit(self, kind: str, *, counted: bool = True, **fields: Any) -> None:
        if self._fd is None:
            return
        self.count += counted
        record = {"kind": kind, "t": time.monotonic_ns(), "rank": self.rank} | fields
        text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        line = self._prefix + text.encode() + b"\n"
        if self._torn:
            # The file ends with a part of an earlier record without newline: end that line first.
            line = b"\n" + line
        try:
            written = os.write(self._fd, line)
        except OSError:
            self.dropped += 1
            return
        self._torn = written < len(line)
        self.dropped += self._torn


def _version(text: str) -> str:
    """Return a version in few plain characters, so that a record stays short."""
    return "".join(
        letter for letter in text[:40] if letter.isascii() and (letter.isalnum() or letter in ".+-_")
    )


def _short(text: str, limit: int = _TEXT_LIMIT) -> str:
    """Return a text so short that a record stays below the limit of standard output."""
    return "".join(character for character in text if character.isprintable())[:limit]


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies, so that no rank outlives a killed mpirun.

    Linux only; elsewhere nothing happens.
    """
    if sys.platform != "linux":
        return
    parent = os.getppid()
    try:
        failed = ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    except (OSError, AttributeError):
        return
    if not failed and os.getppid() != parent:
        # The parent died before the request took effect.
        os.kill(os.getpid(), signal.SIGKILL)
