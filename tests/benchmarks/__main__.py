"""`python -m tests.benchmarks [NAME ...]`: measure every performance claim, print it beside its bound."""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.benchmarks import endurance, first_frame, history, keys, live, screen, telemetry
from tests.benchmarks.result import Measured

BENCHMARKS: dict[str, Callable[[], Measured]] = {
    "first-frame": first_frame.measure,
    "first-frame-live": first_frame.measure_live,
    "delay": live.measure_delay,
    "effect": live.measure_effect,
    "screen-bytes": screen.measure_bytes,
    "screen-cpu": screen.measure_cpu,
    "screen-idle": screen.measure_idle,
    "keys": keys.measure,
    "endurance-memory": endurance.measure_memory,
    "endurance-frames": endurance.measure_frames,
    "log": history.measure_log,
    "list": history.measure_list,
    "list-unindexed": history.measure_unindexed,
    "choose": history.measure_choosing,
    "telemetry": telemetry.measure_replay,
    "telemetry-memory": telemetry.measure_memory,
}


def main(names: list[str]) -> int:
    missed = 0
    for name in names or BENCHMARKS:
        measured = BENCHMARKS[name]()
        missed += not measured.claim.holds(measured.value)
        print(measured.line(), flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
