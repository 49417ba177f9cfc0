"""The command `export`: write a run as a file for other programs and other people."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.options import SubCommands, output_file
from runner.util.errors import UserError
from runner.util.exit_codes import ExitCode

if TYPE_CHECKING:
    from runner.export.formats import ExportPart

FORMATS = ("json", "csv", "md", "html", "parquet", "upstream-csv", "prometheus")
PLOTS = ("latency", "histogram", "gpu")
EXCLUSIVE = (
    ("--format", "--svg", "--prometheus", "--mlflow", "--schema"),
    ("--iterations", "--requests", "--svg", "--prometheus", "--mlflow", "--schema"),
    ("--output", "--prometheus", "--mlflow", "--schema"),
)
"""Options that exclude each other: format, part of the run, destination."""


def add(commands: SubCommands[argparse.ArgumentParser]) -> None:
    export = commands.add_parser(
        "export",
        help="write a run as JSON, CSV, Parquet, Markdown, HTML or SVG",
        description="Write a run as a file for other programs and other people.",
    )
    export.add_argument(
        "run",
        metavar="RUN",
        nargs="?",
        help="csv, parquet and --mlflow also take several (7f3a,19bc) or a filter of `ls` (sweep:4c1d)",
    )
    export.add_argument("--format", choices=FORMATS, help="default: by the extension of the file, else json")
    export.add_argument(
        "-o", "--output", type=output_file, metavar="FILE",
        help="a file, or a directory for a file named after the run; `-` is standard output (default)",
    )  # fmt: skip
    export.add_argument(
        "--iterations", action="store_true", help="write every iteration instead of the table (csv, parquet)"
    )
    export.add_argument(
        "--requests",
        action="store_true",
        help="write every request of a benchmark with requests in flight (csv)",
    )
    export.add_argument("--svg", dest="plot", choices=PLOTS, help="write a plot as SVG instead of the table")
    export.add_argument(
        "--prometheus",
        type=output_file,
        metavar="FILE.prom",
        help="write a file for the textfile collector (`attach RUN --prometheus FILE.prom` updates it)",
    )
    export.add_argument(
        "--mlflow",
        nargs="?",
        const="",
        metavar="URI",
        help="log the run to MLflow at URI, or at the configured server (needs the extra `mlflow`)",
    )
    export.add_argument("--schema", action="store_true", help="print the JSON Schema of --format json")
    export.set_defaults(command=_export, on_hosts="side")


def _export(arguments: argparse.Namespace) -> int:
    from runner.compare.sides import runs_of_side

    _check_exclusive(arguments)
    if arguments.schema:
        from runner.export.json_document import json_schema

        print(json.dumps(json_schema(), indent=2))
        return ExitCode.OK
    if arguments.run is None:
        raise UserError(
            "export needs a run", hint="`trtbench-tui export RUN`; `trtbench-tui ls` lists all runs"
        )
    run_dirs = runs_of_side(arguments.run)
    if arguments.mlflow is not None:
        from runner.export import mlflow_run

        for run_dir in run_dirs:
            print(mlflow_run.log(run_dir, arguments.mlflow or None))
        return ExitCode.OK
    written, left_out = _write(run_dirs, arguments)
    for sentence in left_out:
        print(f"note: {sentence}", file=sys.stderr)
    if written is not None:
        print(written, file=sys.stderr)
    return ExitCode.OK


def _check_exclusive(arguments: argparse.Namespace) -> None:
    """Refuse options that exclude each other, instead of ignoring one of them."""
    given = {
        "--format": arguments.format,
        "--svg": arguments.plot,
        "--prometheus": arguments.prometheus,
        "--mlflow": arguments.mlflow is not None,
        "--schema": arguments.schema,
        "--iterations": arguments.iterations,
        "--requests": arguments.requests,
        "--output": arguments.output,
    }
    for group in EXCLUSIVE:
        both = [name for name in group if given[name]]
        if len(both) > 1:
            raise UserError(f"export takes {both[0]} or {both[1]}, not both")


def _write(run_dirs: list[Path], arguments: argparse.Namespace) -> tuple[Path | None, list[str]]:
    from runner.export import formats

    output = arguments.prometheus or (None if arguments.output == Path("-") else arguments.output)
    part: ExportPart = "iterations" if arguments.iterations else "requests" if arguments.requests else "table"
    if len(run_dirs) > 1 and (arguments.plot or part != "table"):
        raise UserError(f"plots, iterations and requests are for one run; there are {len(run_dirs)}")
    if arguments.plot:
        return formats.export_plot(run_dirs[0], arguments.plot, output)
    wanted = "prometheus" if arguments.prometheus else arguments.format
    if not wanted and part != "table" and (output is None or output.is_dir()):
        wanted = "csv"
    name = formats.format_for(wanted, output)
    if len(run_dirs) > 1:
        return formats.export_several(run_dirs, name, output)
    return formats.export(run_dirs[0], name, output, part)
