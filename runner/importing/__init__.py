"""Results made elsewhere as runs: what benchmark.py or trtllm-bench left behind becomes a finished run."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from runner import events as ev
from runner import paths, report, rundir
from runner.errors import UserError
from runner.importing import bench, bench_files, static
from runner.importing.imported import Imported, plain_name
from runner.importing.source import Source, read
from runner.journal import JournalWriter
from runner.plan import Plan
from runner.state import RunState
from runner.version import VERSION

ORIGINALS = "imported"
"""Folder in the run directory with copies of the imported files."""
_HINT = (
    "wanted: of benchmark.py its [BENCHMARK] lines, its CSV with the rows, or a console log that holds them;"
    " of trtllm-bench a console log, or what --report_json, --request_json, --output_json and --iteration_log"
    " wrote"
)


def import_files(files: Sequence[Path], concurrency: Sequence[int] = ()) -> list[Path]:
    """Make finished runs of files with results; returns their directories.

    Each file of benchmark.py becomes a run of its own; files of trtllm-bench together become one run, with a
    configuration for every benchmark that they tell of. The time of the last change of a file stands for
    the time of its run, which nothing else tells. Nothing is written when one of the files cannot be taken.

    Args:
        files: console logs, CSV or JSON files.
        concurrency: requests in flight at most, of every benchmark of trtllm-bench in the order of the
            files; 0: no limit. Empty: as its command line in a log says, else it stays unknown.

    Raises:
        UserError: a file cannot be read, holds no result, or does not belong to the others.
    """
    found: list[Imported] = []
    of_bench: list[bench_files.File] = []
    for path in dict.fromkeys(files):
        source = read(path)
        file = bench_files.file_of(source)
        results = static.results_in(source.text) if file is None or file.kind == "log" else []
        if results and file is not None:
            raise UserError(
                f"{path}: holds results of benchmark.py and of trtllm-bench, which are runs of two engines",
                hint="put them into two files",
            )
        if results:
            found.append(static.imported(source, results))
        elif file is not None:
            of_bench.append(file)
        else:
            raise UserError(
                f"{path}: no result of benchmark.py or trtllm-bench in it{_what_went_wrong(source)}",
                hint=_HINT,
            )
    if of_bench:
        found.append(bench.imported(of_bench, concurrency))
    elif concurrency:
        raise UserError("--concurrency is for results of trtllm-bench, and none of the files has one")
    return [_write(one) for one in found]


def _what_went_wrong(source: Source) -> str:
    cause = bench_files.failure_in(source.text) if bench_files.tells_of_the_tool(source.text) else ""
    cause = cause or static.failure_in(source.text)
    return f"; it tells of a failure: {cause}" if cause else ""


def _write(imported: Imported) -> Path:
    """The run directory, as if the run had ended here."""
    wall = max(source.wall for source in imported.sources)
    run_dir = paths.runs_dir() / rundir.new_run_id(imported.name, wall)
    started = ev.RunStarted(
        t=0, run=run_dir.name, schema=ev.SCHEMA, wall=wall,
        host="", boot_id="", pid=0, cores=0, version=VERSION,
    )  # fmt: skip
    events = [started, *imported.events, ev.RunEnded(t=0, status="finished", wall=wall)]
    state = RunState()
    state.apply_all(events)
    plan = Plan(
        engine=imported.engine,
        profile=imported.name,
        summary=imported.summary,
        stages=[],
        configurations=imported.configurations,
    )
    names = ", ".join(source.path.name for source in imported.sources)
    try:
        # Under its lock to the end: to whoever reads it half written, it is a run under way.
        with rundir.created(run_dir, plan, f"# Imported from {names}: there is no profile.\n"):
            _keep(imported.sources, run_dir / ORIGINALS)
            journal = JournalWriter(run_dir / rundir.EVENTS)
            for event in events:
                journal.write(event)
            journal.sync()
            journal.close()
            report.write(run_dir, report.build(plan, state))
    except OSError as error:
        shutil.rmtree(run_dir, ignore_errors=True)
        raise UserError(f"{run_dir}: cannot be written: {error.strerror}") from None
    return run_dir


def _keep(sources: Sequence[Source], folder: Path) -> None:
    """Copies of the files; of several with one name the later ones are numbered."""
    folder.mkdir()
    for number, source in enumerate(sources):
        copy = folder / plain_name(source.path.name)
        if copy.exists():
            copy = folder / f"{number}-{copy.name}"
        copy.write_bytes(source.content)
