"""`export`: a run as a file for other programs and other people."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from runner.commands.options import Commands
from runner.errors import ExitCode, UserError

FORMATS = ("json", "csv", "md", "html", "upstream-csv")
PLOTS = ("latency", "histogram", "gpu")


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    export = commands.add_parser("export", help="write a run as JSON, CSV, Markdown, ...")
    export.add_argument("run", metavar="RUN", nargs="?")
    export.add_argument("--format", choices=FORMATS, help="default: by the ending of the file, else json")
    export.add_argument(
        "-o", "--output", type=Path, metavar="FILE",
        help="a file, or a directory for one named after the run; default: standard output",
    )  # fmt: skip
    export.add_argument(
        "--iterations", action="store_true", help="every iteration instead of the table (csv)"
    )
    export.add_argument("--svg", dest="plot", choices=PLOTS, help="one plot as SVG instead of the table")
    export.add_argument("--schema", action="store_true", help="print the JSON Schema of --format json")
    export.set_defaults(command=_export)


def _export(arguments: argparse.Namespace) -> int:
    from runner import rundir
    from runner.export import formats

    if arguments.schema:
        from runner.export.document import json_schema

        print(json.dumps(json_schema(), indent=2))
        return ExitCode.OK
    if arguments.run is None:
        raise UserError("which run? `trtbench-tui export RUN`; `trtbench-tui ls` lists all runs")
    run_dir, output = rundir.find(arguments.run), arguments.output
    if arguments.plot:
        written, left_out = formats.export_plot(run_dir, arguments.plot, output)
    else:
        name = formats.format_for(arguments.format or ("csv" if arguments.iterations else None), output)
        written, left_out = formats.export(run_dir, name, output, iterations=arguments.iterations)
    for sentence in left_out:
        print(f"note: {sentence}", file=sys.stderr)
    if written is not None:
        print(written, file=sys.stderr)
    return ExitCode.OK
