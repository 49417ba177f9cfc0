"""What a newcomer does, in tmux: start, run, leave, attach, result, compare, export.

`python -m tests.integration.newcomer` walks the path with `quickstart`, in a home folder of its own,
and prints what the terminal shows at each station. A test walks it with a smaller profile.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from runner.run import layout
from tests.support.runs import wait_for
from tests.support.tmux import Tmux, product_command

RUN_S = 3600.0
"""An upper bound for one run, in seconds."""

Station = Callable[[str], None]
"""Called with the name of each station that was reached."""


def walk(tmux: Tmux, profile: str, reached: Station, *, columns: int = 120, rows: int = 40) -> str:
    """Walk the path of a newcomer; return the exported table.

    Args:
        tmux: a server that is not started yet.
        profile: name of a profile of the list.
        reached: called at each station.
        columns: width of the terminal.
        rows: height of the terminal.
    """
    tmux.start(product_command(), columns, rows)
    tmux.wait_until_it_says("Welcome.")
    reached("first start")

    tmux.keys("/", *profile)
    tmux.wait_until_it_says(f"filter: {profile}")
    tmux.keys("Enter")
    tmux.wait_until_it_says(f"─ {profile} ─")
    tmux.keys("R")
    tmux.wait_until_it_says("RUNNING", RUN_S)
    tmux.wait_until_it_says("latency over time, ms")
    reached("run")

    tmux.keys("q")
    assert tmux.wait_until_it_ended() == "0"
    run = layout.list_runs()[0].name.rpartition("_")[2]
    tmux.wait_until_it_says(f"run {run} continues")
    reached("leave")

    tmux.kill()
    tmux.start(product_command("attach", run), columns, rows)
    # A short run may have ended meanwhile: then its result is what attach shows.
    wait_for(lambda: any(words in tmux.screen for words in ("RUNNING", "result of")), "the run", pause=0.2)
    reached("attach")
    tmux.wait_until_it_says("result of", RUN_S)
    reached("result")

    tmux.keys("a")
    tmux.wait_until_it_says(f"─ {profile} ─")
    tmux.keys("R")
    wait_for(lambda: len(layout.list_runs()) == 2, "a second run")
    tmux.wait_until_it_says("RUNNING", RUN_S)
    tmux.wait_until_it_says("result of", RUN_S)
    tmux.keys("r")
    wait_for(lambda: "─ runs ─" in tmux.screen and tmux.screen.count("FINISHED") == 2, "both runs", pause=0.2)
    tmux.keys("Space", "Space", "c")
    tmux.wait_until_it_says("─ from A to B ─")
    reached("compare")

    tmux.keys("q")
    assert tmux.wait_until_it_ended() == "0"
    table = subprocess.run(
        product_command("export", run, "--format", "md"), capture_output=True, text=True, check=True
    )
    return table.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", default="120x40", metavar="COLUMNSxROWS")
    parser.add_argument("--profile", default="quickstart")
    options = parser.parse_args()
    columns, rows = map(int, options.size.split("x"))
    # Without this the end by a signal would leave the tmux server behind.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix="newcomer-") as folder:
        os.environ["TRTBENCH_HOME"] = os.environ["XDG_CONFIG_HOME"] = f"{folder}/home"
        tmux = Tmux(Path(folder))

        def show(station: str) -> None:
            print(f"--- {station} ---\n{tmux.screen}", flush=True)

        try:
            table = walk(tmux, options.profile, show, columns=columns, rows=rows)
        finally:
            tmux.kill()
            # A walk that is broken off leaves its run, which outlives the terminal.
            subprocess.run(product_command("stop", "--all"), capture_output=True, check=False)
    print(f"--- export ---\n{table}")


if __name__ == "__main__":
    main()
