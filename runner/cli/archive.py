"""`archive` and `import`: runs and results on their way between machines."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.options import Commands, output_file
from runner.errors import ExitCode

if TYPE_CHECKING:
    from runner.archive.publish import Arrived


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    archive = commands.add_parser(
        "archive",
        help="pack a run into one file, for another machine",
        description="Pack a run into one file, which `import` takes into the history of another machine."
        " Values of variables that are named like a token, a password or a key are left out of its plan,"
        " profile and repro.sh, and so is the command at the end; what programs printed is packed as it is.",
    )
    archive.add_argument("run", metavar="RUN")
    archive.add_argument(
        "-o",
        "--output",
        type=output_file,
        metavar="FILE",
        help="a file or a directory, `-` for standard output; default: RUN.zip, here",
    )
    archive.set_defaults(command=_archive)

    importer = commands.add_parser(
        "import", help="take archives of runs, or what benchmark.py or trtllm-bench left, into the history"
    )
    importer.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        type=Path,
        help="made by `archive`; of benchmark.py [BENCHMARK] lines, a CSV or a console log; of trtllm-bench a"
        " console log, --report_json, --request_json, --output_json, --iteration_log, which together are one"
        " run",
    )
    importer.add_argument(
        "--concurrency",
        metavar="N[,N...]",
        type=_limits,
        default=(),
        help="requests in flight at most in each benchmark of trtllm-bench, where its log does not say it;"
        " 0: no limit",
    )
    importer.add_argument(
        "--again", action="store_true", help="also when it is in the history already: as another run"
    )
    importer.set_defaults(command=_import)


def _limits(text: str) -> tuple[int, ...]:
    numbers = text.split(",")
    if not all(number.isdecimal() for number in numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is not whole numbers with commas between, like 4,16")
    return tuple(map(int, numbers))


def _archive(arguments: argparse.Namespace) -> int:
    from runner import archive
    from runner.history.lookup import find_run

    packed = archive.pack_run(find_run(arguments.run), arguments.output)
    if packed.withheld:
        print(f"note: the archive is without the values of {', '.join(packed.withheld)}", file=sys.stderr)
    if packed.path != archive.STDOUT:
        print(packed.path)
    return ExitCode.OK


def _import(arguments: argparse.Namespace) -> int:
    from runner.cli.narration import print_report
    from runner.history.reports import load_report

    was_here = False
    for run_dir, new in _arrivals(arguments):
        if not new:
            was_here = True
            print(f"this is {run_dir.name}, which is here already; nothing was changed", file=sys.stderr)
        print(run_dir, file=sys.stderr)
        print_report(load_report(run_dir), as_json=False)
    if was_here:
        print("`import --again` makes another run of what is here already", file=sys.stderr)
    return ExitCode.OK


def _arrivals(arguments: argparse.Namespace) -> Iterator[Arrived]:
    """Runs as they come in: each is told, whatever becomes of the files behind it."""
    from runner import archive
    from runner.archive.import_results import import_files
    from runner.archive.publish import Arrived

    archives = [file for file in arguments.files if archive.is_archive(file)]
    others = [file for file in arguments.files if file not in archives]
    # Results first: of them nothing is taken in when one is wrong.
    yield from import_files(others, arguments.concurrency, again=arguments.again)
    for file in archives:
        run_dir, run, new = archive.unpack_archive(file, again=arguments.again)
        if new and run_dir.name != run:
            print(f"another run here has the id {run}, so this one got a new id", file=sys.stderr)
        yield Arrived(run_dir, new)
