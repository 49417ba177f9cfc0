"""`archive` and `import`: runs and results on their way between machines."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from runner.commands.options import Commands
from runner.errors import ExitCode


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    archive = commands.add_parser("archive", help="pack a run into one file, for another machine")
    archive.add_argument("run", metavar="RUN")
    archive.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="a file or a directory; default: RUN.zip, here"
    )
    archive.set_defaults(command=_archive)

    importer = commands.add_parser(
        "import", help="take an archive of a run, or the output of a benchmark.py run, into the history"
    )
    importer.add_argument(
        "file",
        metavar="FILE",
        help="made by `archive`; or [BENCHMARK] lines, a CSV, or a whole console log of benchmark.py",
    )
    importer.set_defaults(command=_import)


def _archive(arguments: argparse.Namespace) -> int:
    from runner import archive, rundir

    print(archive.pack(rundir.find(arguments.run), arguments.output))
    return ExitCode.OK


def _import(arguments: argparse.Namespace) -> int:
    from runner import archive, report
    from runner.headless import print_report
    from runner.import_run import import_file

    file = Path(arguments.file)
    if archive.is_archive(file):
        run_dir, run, new = archive.unpack(file)
        if not new:
            print("this run is here already; nothing was changed", file=sys.stderr)
        elif run_dir.name != run:
            print(f"another run here has the id {run}, so this one got a new id", file=sys.stderr)
    else:
        run_dir = import_file(file)
    print(run_dir, file=sys.stderr)
    print_report(report.load(run_dir), as_json=False)
    return ExitCode.OK
