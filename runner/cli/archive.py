"""The commands `archive` and `import`: move runs and results between machines."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from runner.cli.options import SubCommands, add_run, output_file
from runner.util.exit_codes import ExitCode

if TYPE_CHECKING:
    from runner.archive.publish import PublishedRun

LARGE = 8 << 20
"""Size of a file whose import takes so long that it is announced."""


def add(commands: SubCommands[argparse.ArgumentParser]) -> None:
    archive = commands.add_parser(
        "archive",
        help="pack a run into one file for another machine",
        description="Pack a run into one file, which `import` adds to the history of another machine. The"
        " plan, the profile and repro.sh are packed without the values of variables named like a token, a"
        " password or a key, and without the on-end command. The output of programs is packed as it is.",
    )
    add_run(archive)
    archive.add_argument(
        "-o",
        "--output",
        type=output_file,
        metavar="FILE",
        help="a file or a directory; `-` is standard output (default: RUN.zip in the working directory)",
    )
    archive.set_defaults(command=_archive, on_hosts="run")

    importer = commands.add_parser(
        "import",
        help="add archives or results of other tools to the history",
        description="Add archives of runs, or results of benchmark.py, trtllm-bench, vLLM, SGLang, AIPerf,"
        " GuideLLM or InferenceX, to the history. Numbers that mean the same as a metric here are compared;"
        " all others are listed under their own names.",
    )
    importer.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        type=Path,
        help="an archive made by `archive`, or the directory of a run; [BENCHMARK] lines, a CSV or a console"
        " log of benchmark.py; a console log or files of --report_json, --request_json, --output_json and"
        " --iteration_log of trtllm-bench, which together become one run; the JSON of `vllm bench serve"
        " --save-result` or benchmark_serving.py, the lines of sglang.bench_serving, the"
        " profile_export_aiperf.json of AIPerf, the benchmarks.json of GuideLLM, the agg_*.json of"
        " InferenceX",
    )
    importer.add_argument(
        "--concurrency",
        metavar="N[,N...]",
        type=_limits,
        default=(),
        help="maximum number of requests in flight in each benchmark of trtllm-bench, if its log does not"
        " contain it; 0 is no limit",
    )
    importer.add_argument(
        "--again", action="store_true", help="import it as another run if it is already in the history"
    )
    importer.set_defaults(command=_import)


def _limits(text: str) -> tuple[int, ...]:
    from runner.util.bounds import parse_count

    numbers = [parse_count(number) if number.isdecimal() else None for number in text.split(",")]
    limits = tuple(number for number in numbers if number is not None)
    if len(limits) < len(numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of whole numbers like 4,16")
    return limits


def _archive(arguments: argparse.Namespace) -> int:
    from runner import archive
    from runner.history.lookup import find_run

    packed = archive.pack_run(find_run(arguments.run), arguments.output)
    if packed.withheld:
        print(
            f"note: the archive does not contain the values of {', '.join(packed.withheld)}", file=sys.stderr
        )
    if packed.path != archive.STDOUT:
        print(packed.path)
    return ExitCode.OK


def _import(arguments: argparse.Namespace) -> int:
    from runner.cli.narration import print_report
    from runner.history.reports import load_report

    existed = False
    for run_dir, new in _import_all(arguments):
        if not new:
            existed = True
            print(f"{run_dir.name} is already in the history; nothing was changed", file=sys.stderr)
        print(run_dir, file=sys.stderr)
        print_report(load_report(run_dir), as_json=False)
    if existed:
        print("`import --again` imports it again, as another run", file=sys.stderr)
    return ExitCode.OK


def _import_all(arguments: argparse.Namespace) -> Iterator[PublishedRun]:
    """Import all files; yield each run at once, so that it is reported even if a later file fails."""
    from runner import archive
    from runner.archive.import_results import import_files
    from runner.engines.imported_files import MAX_BYTES

    folders = [file for file in arguments.files if file.is_dir()]
    archives = [file for file in arguments.files if file not in folders and archive.is_archive(file)]
    others = [file for file in arguments.files if file not in archives and file not in folders]
    for file in others:
        with suppress(OSError):  # the import says why it cannot be read
            if LARGE <= (size := file.stat().st_size) <= MAX_BYTES:
                print(f"reading {file} ({size >> 20} MiB)", file=sys.stderr, flush=True)
    # Results first: if one of them is not valid, none is imported.
    yield from import_files(others, arguments.concurrency, again=arguments.again)
    for file in archives:
        yield _import_archive(file, again=arguments.again)
    for folder in folders:
        # Packing checks it as an archive is checked, and leaves out what must not be shared.
        with tempfile.TemporaryDirectory(prefix="trtbench-import-") as place:
            packed = archive.pack_run(folder, Path(place))
            yield _import_archive(packed.path, again=arguments.again)


def _import_archive(file: Path, *, again: bool) -> PublishedRun:
    from runner import archive
    from runner.archive.publish import PublishedRun

    run_dir, run, new = archive.unpack_archive(file, again=again)
    if new and run_dir.name != run:
        print(f"the id {run} is taken by another run, so this one got a new id", file=sys.stderr)
    return PublishedRun(run_dir, new)
