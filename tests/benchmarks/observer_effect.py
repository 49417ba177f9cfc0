"""What the dashboard and the telemetry cost a run on a GPU, and how much whole runs vary.

`python -m tests.benchmarks.observer_effect [--pairs N] [--profile NAME] [--set FIELD=VALUE ...]` runs the
same commands bare (the script `repro.sh`: the program of the ranks alone) and as a run with telemetry and an
attached dashboard, in the order bare, watched, watched, bare, ... so that a steady drift cancels. It prints
the latencies as the program prints them, and the effect with its 95 % interval over the pairs.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from runner.engines.registry import make_plan
from runner.profile.set_fields import with_changes
from runner.profile.store import find
from runner.run import layout
from runner.schema.base import Profile
from runner.stats.student import t_quantile
from runner.supervision import launch
from tests.benchmarks.live import attach, printed_latency
from tests.support.runs import wait_until_ended

LONGEST_RUN_S = 300
BATCH_ONE = ("benchmark.batch_size=[1]", "benchmark.num_runs=20", "benchmark.duration=0")


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--profile", default="torch-1gpu")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    args = parser.parse_args(argv)
    if args.pairs < 2:
        parser.error("an interval needs at least two pairs")
    profile = with_changes(find(args.profile).load(), [*BATCH_ONE, *args.set])
    bare: list[float] = []
    watched: list[float] = []
    for pair in range(args.pairs):
        for kind in (bare, watched) if pair % 2 == 0 else (watched, bare):
            with tempfile.TemporaryDirectory() as home:
                os.environ["TRTBENCH_HOME"] = home
                kind.append(run_bare(profile) if kind is bare else run_watched(profile))
        print(f"pair {pair + 1}: bare {bare[-1]:.3f} ms, watched {watched[-1]:.3f} ms", flush=True)
    logs = [math.log(seen / alone) for seen, alone in zip(watched, bare, strict=True)]
    half = t_quantile(0.975, len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
    effect, half = 100 * math.expm1(statistics.fmean(logs)), 100 * half
    print(f"effect of watching {effect:+.3f} % (95 % interval ± {half:.3f} %, {len(logs)} pairs)")
    for name, values in (("bare", bare), ("watched", watched)):
        spread = 100 * statistics.stdev(values) / statistics.fmean(values)
        print(f"spread of whole runs, {name}: CV {spread:.3f} %")
    return 0


def run_bare(profile: Profile) -> float:
    """Mean latency in ms of the program alone, as it prints it."""
    run_dir = Path(os.environ["TRTBENCH_HOME"]) / "bare"
    with layout.create_run_dir(run_dir, make_plan(profile, run_dir), ""):
        pass
    script = [str(run_dir / layout.REPRO)]
    return printed_latency(subprocess.run(script, capture_output=True, text=True, check=True).stdout)


def run_watched(profile: Profile) -> float:
    """Mean latency in ms of a run with telemetry and a dashboard, as the program prints it."""
    run_dir = launch.start(profile)
    terminal = attach(run_dir)
    deadline = time.monotonic() + LONGEST_RUN_S
    for _ in terminal.chunks(LONGEST_RUN_S):
        if (run_dir / layout.REPORT).exists() or time.monotonic() > deadline:
            break
    terminal.close()
    wait_until_ended(run_dir)
    return printed_latency(layout.stage_log(run_dir, 0, "benchmark").read_text())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
