"""The commands `logs` and `wait`: the output of a run, and its end, without the dashboard."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from runner.cli.options import SubCommands, add_run
from runner.util.exit_codes import ExitCode, run_exit_code

POLL_S = 0.2


def add(commands: SubCommands[argparse.ArgumentParser]) -> None:
    logs = commands.add_parser("logs", help="print the output of the stages of a run")
    add_run(logs)
    logs.add_argument("-f", "--follow", action="store_true", help="print new output until the run has ended")
    logs.set_defaults(command=_logs, on_hosts="run")

    wait = commands.add_parser("wait", help="wait until a run has ended; its outcome is the exit code")
    add_run(wait)
    wait.set_defaults(command=_wait, on_hosts="attach")


def _logs(arguments: argparse.Namespace) -> int:
    from runner.history.lookup import find_run
    from runner.history.run_feed import open_feed
    from runner.run import layout

    run_dir = find_run(arguments.run)
    mask = layout.mask_of_run(run_dir)
    printed: dict[Path, int] = {}
    feed = open_feed(run_dir)
    keeps_bytes = sys.stdout.errors == "surrogateescape"
    while True:
        running = arguments.follow and not feed.gone
        if running:
            while feed.drain(0.5):
                pass
            running = feed.state.running
        for line in _new_output(run_dir, printed, complete=not running):
            public = mask.apply(line)
            sys.stdout.write(public.decode("utf-8", "surrogateescape" if keeps_bytes else "replace"))
        sys.stdout.flush()
        if not running:
            return ExitCode.OK
        time.sleep(POLL_S)


def _new_output(run_dir: Path, printed: dict[Path, int], *, complete: bool) -> Iterator[bytes]:
    """Yield what the stages have written since the last call, in whole lines unless `complete`.

    Records that a rank wrote to its output instead of its own file are left out.
    """
    from runner.util.log_file import HIDDEN

    logs = run_dir.glob("[0-9]*-*.log")
    for log in sorted(logs, key=lambda path: int(path.name.partition("-")[0])):
        with open(log, "rb") as file:
            file.seek(printed.get(log, 0))
            for line in file:
                if line.endswith(b"\n") or complete:
                    printed[log] = printed.get(log, 0) + len(line)
                    if HIDDEN not in line:
                        yield line


def _wait(arguments: argparse.Namespace) -> int:
    from runner.history.lookup import find_run
    from runner.history.run_feed import open_feed

    feed = open_feed(find_run(arguments.run))
    while feed.drain(1.0) or feed.state.running:
        if feed.gone:
            return ExitCode.RUN_LOST
        time.sleep(POLL_S)
    print(f"{feed.run_dir.name} {feed.state.status}", file=sys.stderr)
    return run_exit_code(feed.state.status)
