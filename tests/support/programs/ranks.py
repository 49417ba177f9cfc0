"""Ranks that behave, and ranks that do not: `mpirun -n N python ranks.py MODE`, or alone as rank 0 of 1.

They need no MPI library, so they start at once; what they report and how they end is what is tested.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from runner.ranks.records import Recorder, die_with_parent

RANK = int(os.environ.get("OMPI_COMM_WORLD_RANK", os.environ.get("PMI_RANK", "0")))
WORLD = int(os.environ.get("OMPI_COMM_WORLD_SIZE", os.environ.get("PMI_SIZE", "1")))
RESULT = (
    "[BENCHMARK] engine_dir program world_size {world} batch_size 1 gpu_weights_percent 1.0 input_length 8"
    " output_length 4 tokens_per_sec {rate} percentile95(ms) 12.0 percentile99(ms) 12.0 latency(ms) 11.0"
)


def measure(recorder: Recorder, iterations: int, pause: float = 0.0, noise: float = 0.0) -> None:
    """One configuration: two warm-ups, then `iterations` of 10, 11, 12, 10, ... ms and noise around them."""
    draw = random.Random(RANK)
    if RANK == 0:
        recorder.configuration(
            index=0, batch_size=1, input_len=8, output_len=4, num_runs=iterations, duration=0, warm_up=2
        )
    for i in range(2):
        recorder.iteration(config=0, i=i, phase="warmup", latency_ms=20.0, generation_ms=15.0, steps=3)
    for i in range(iterations):
        time.sleep(pause)
        latency = 10.0 + i % 3 + draw.gauss(0.0, noise)
        recorder.iteration(config=0, i=i, phase="timed", latency_ms=latency, generation_ms=7.5, steps=3)
    if RANK == 0:
        print(RESULT.format(world=WORLD, rate=round(4 / 0.011, 2)), flush=True)


def ignore_everything() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def raise_chained() -> None:
    try:
        raise ValueError("the first cause")
    except ValueError:
        raise KeyError("while handling it")  # noqa: B904 - chained, as programs do


def print_junk() -> None:
    os.write(1, bytes(range(256)) * 40 + b"\n\x1e{not json}\n\x1e\x00\xff\n")


def print_long_lines() -> None:
    for _ in range(3):
        os.write(1, b"x" * 1_000_000 + b"\n")


def chatter() -> None:
    """Print tens of megabytes as fast as possible."""
    for _ in range(600):
        os.write(1, b"a step has finished, and this line says nothing else\n" * 1200)


def flood(recorder: Recorder) -> None:
    """Measure for ever; a child prints text, long lines and binary data during half of the time.

    The latency is what a fixed piece of work takes; the child uses another processor.
    """
    blocks = (b"a step has finished, and this line says nothing else\n" * 1200, b"x" * 1_000_000 + b"\n",
              bytes(range(256)) * 4000, b"\x1e{not json}\n" * 5000)  # fmt: skip
    child = os.fork()
    if child == 0:
        die_with_parent()
        for number in itertools.count():
            os.write(1, blocks[number % len(blocks)])
    os.kill(child, signal.SIGSTOP)
    recorder.configuration(
        index=0, batch_size=1, input_len=8, output_len=4, num_runs=10**9, duration=0, warm_up=0
    )
    for i in itertools.count():
        if i % FLOOD_EVERY == 0:
            os.kill(child, signal.SIGCONT if i // FLOOD_EVERY % 2 else signal.SIGSTOP)
        time.sleep(0.01)
        began = time.perf_counter()
        sum(range(20_000))
        latency = (time.perf_counter() - began) * 1000
        recorder.iteration(config=0, i=i, phase="timed", latency_ms=latency, generation_ms=latency, steps=3)


def refuse_to_die() -> None:
    """Ignore every polite signal, leave a child, and one more in a session of its own."""
    ignore_everything()
    subprocess.Popen(["sleep", "600"])
    subprocess.Popen(["sleep", "601"], start_new_session=True)
    while True:
        time.sleep(1)


def leave_helper(*_: object) -> None:
    """Start a process that only its parent knows (own session, no environment, output kept open), and end."""
    helper = subprocess.Popen(["sleep", "602"], start_new_session=True, env={})
    Path(os.environ["TRTBENCH_RECORDS"], f"helper.{RANK}").write_text(str(helper.pid))
    sys.exit()


def leave_helper_when_stopped() -> None:
    signal.signal(signal.SIGTERM, leave_helper)


def keep_helper(*, session: bool, environment: dict[str, str] | None) -> None:
    """Start a process that sleeps until it is ended, and write down its id."""
    helper = subprocess.Popen(["sleep", "603"], start_new_session=session, env=environment)
    Path(os.environ["TRTBENCH_RECORDS"], f"helper.{RANK}").write_text(str(helper.pid))


def change_title() -> None:
    """Overwrite the arguments and the environment in memory, as programs do that change their title."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    first, _, _, last = map(int, fields[45:49])  # arg_start, arg_end, env_start, env_end: man 5 proc
    ctypes.memset(first, 0, last - first)


BEFORE = {
    "raise": raise_chained,
    "segfault": lambda: ctypes.string_at(0),
    "junk": print_junk,
    "long-lines": print_long_lines,
    "stubborn": refuse_to_die,
    "chatty": chatter,
    "late-helper": leave_helper_when_stopped,
    "ignores-term": ignore_everything,
    "fork": lambda: keep_helper(session=False, environment=None),
    "setsid": lambda: keep_helper(session=True, environment=None),
    "no-environment": lambda: keep_helper(session=True, environment={}),
    "title": change_title,
}
STORM = ("plain", "ignores-term", "fork", "setsid", "no-environment", "title")
"""Modes of ranks that are killed at any moment: see `tests/torture`."""


LOOPS = {
    **dict.fromkeys(("slow", "noisy", "late-helper", "chatty"), (2000, 0.05)),
    **dict.fromkeys(STORM, (40, 0.02)),
    "short": (5, 0.3),
    "soak": (10**9, 0.005),
    "endless": (10**9, 0.05),
}
"""Iterations and the pause before each, s."""
FLOOD_EVERY = 200
"""Iterations of the mode `flood` until its output begins or pauses, about two seconds."""


def main(mode: str) -> None:
    if mode == "silent":
        return
    records = "/nonexistent/records" if mode == "stdout" else os.environ.get("TRTBENCH_RECORDS")
    recorder = Recorder(RANK, records)
    device = os.environ.get("RANK_DEVICE", "cpu").replace("%", str(RANK))
    recorder.hello(world=WORLD, device=device, label="a test", versions={})
    BEFORE.get(mode, lambda: None)()
    if mode == "flood":
        flood(recorder)
    iterations, pause = LOOPS.get(mode, (30, 0.0))
    measure(recorder, iterations, pause, noise=0.5 if mode == "noisy" else 0.0)
    if mode != "no-bye":
        recorder.bye()
    if mode == "helper":
        leave_helper()


if __name__ == "__main__":
    main(sys.argv[1])
