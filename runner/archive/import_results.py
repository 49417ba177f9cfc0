"""Import results of benchmark.py, trtllm-bench or a program that measures a server as finished runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from runner import VERSION
from runner import events as ev
from runner.archive import publish
from runner.archive.publish import PublishedRun
from runner.engines import benchmark_line
from runner.engines.imported import ImportedRun, safe_name
from runner.engines.imported_files import SourceFile, read_source
from runner.engines.interface import Importer
from runner.engines.registry import importers as all_importers
from runner.plan.plan import MOST_CONFIGURATIONS, Plan
from runner.report.build import build_report
from runner.report.files import write_report
from runner.run import layout
from runner.state.result_matching import result_shape
from runner.state.run import RunState
from runner.util import paths
from runner.util.bounds import LAST_WALL, is_odd_number
from runner.util.errors import UserError
from runner.util.files import make_folders, write_new

FAILURE_CHARS = 1 << 20
"""Characters at the end of a file without a result that are searched for a failure: a second at most."""
ORIGINALS = "imported"
"""Subdirectory of the run directory with copies of the imported files."""


def import_files(
    files: Sequence[Path], concurrency: Sequence[int] = (), *, again: bool = False
) -> list[PublishedRun]:
    """Create finished runs from result files, except for results that were imported before.

    Each file of benchmark.py becomes one run. All files of trtllm-bench together become one run, with a
    configuration for every benchmark in them. A file of another program becomes a run for each model in it.
    The files do not contain the time of the run, so the time of their last change is used. Nothing is written
    if one of the files cannot be imported.

    Args:
        files: console logs, CSV or JSON files.
        concurrency: maximum requests in flight of every benchmark of trtllm-bench, in the order of the files;
            0 is no limit. Empty: taken from the command line in the log, else unknown.
        again: create another run for results that were imported before.

    Raises:
        UserError: a file cannot be read, contains no result, or does not belong to the other files.
    """
    importers = all_importers()
    results_by_engine: dict[str, list[object]] = {name: [] for name in importers}
    for path in dict.fromkeys(files):
        source = read_source(path)
        found = _read(source, importers)
        if not found:
            raise UserError(
                f"{path}: it contains no result of a program whose results are known"
                f"{_failure_note(source, importers)}",
                hint="supported: " + "; ".join(importer.accepts for importer in importers.values()),
            )
        if len(found) > 1:
            raise UserError(
                f"{path}: it contains results of {' and '.join(found)}, which are two engines",
                hint="split it into two files",
            )
        for name, results in found.items():
            results_by_engine[name].append(results)
    if concurrency and not any(
        importers[name].takes_concurrency for name in results_by_engine if results_by_engine[name]
    ):
        raise UserError("--concurrency needs results of trtllm-bench; the files contain none")
    # Make all runs before the first is written: nothing is written when one cannot be made.
    runs = [
        run
        for name, results in results_by_engine.items()
        if results
        for run in importers[name].make_runs(results, concurrency)
    ]
    for imported in runs:
        if (number := len(imported.configurations)) > MOST_CONFIGURATIONS:
            raise UserError(
                f"{imported.name}: {number} results in one run; allowed: at most {MOST_CONFIGURATIONS}",
                hint="split the file",
            )
        _reject_odd_numbers(imported)
    return [_import(run, again) for run in runs]


def _read(source: SourceFile, importers: dict[str, Importer]) -> dict[str, object]:
    """Return the results in a file by engine; a JSON file is of one program.

    Raises:
        UserError: an importer knows the file, but cannot read it.
    """
    found: dict[str, object] = {}
    for name, one in importers.items():
        results = one.read(source)
        if results is not None:
            found[name] = results
            if source.is_json:
                break
    return found


def _reject_odd_numbers(run: ImportedRun) -> None:
    """Reject results that could only be stored in part.

    Raises:
        UserError: a number is infinite, or so large or small that it means nothing.
    """
    for values in (event.values for event in run.events if isinstance(event, ev.Result)):
        odd = next((f"{name} {text}" for name, text in values.items() if is_odd_number(text)), "")
        if benchmark_line.is_result(values) and result_shape(values) is None:
            odd = odd or "batch size, lengths or gpu_weights_percent"
        if odd:
            names = ", ".join(str(source.path) for source in run.sources)
            raise UserError(
                f"{names}: a result has a number that no measurement gives: {odd[:100]}",
                hint="remove that result from the file; nothing was imported",
            )


def _import(imported: ImportedRun, again: bool) -> PublishedRun:
    def is_same(run_dir: Path) -> bool:
        return _is_import_of(run_dir, imported)

    existing = None if again else publish.find_existing(is_same)
    if existing is not None:
        return PublishedRun(existing, new=False)
    return _write(imported, None if again else is_same)


def _is_import_of(run_dir: Path, imported: ImportedRun) -> bool:
    """Check whether a run was imported from the same content, with the same name and configurations."""
    with os.scandir(run_dir / ORIGINALS) as folder:
        kept = {entry.path: entry.stat().st_size for entry in folder}
    if sorted(kept.values()) != sorted(len(source.content) for source in imported.sources):
        return False
    contents = sorted(Path(path).read_bytes() for path in kept)
    return (
        contents == sorted(source.content for source in imported.sources)
        and (plan := layout.load_plan(run_dir)).configurations == imported.configurations
        and plan.profile == imported.name
    )


def _failure_note(source: SourceFile, importers: dict[str, Importer]) -> str:
    # The last first: a log of trtllm-bench can also contain lines of the programs that both engines use.
    text = source.text[-FAILURE_CHARS:]
    causes = (importer.explain_failure(text) for importer in reversed(importers.values()))
    cause = next(filter(None, causes), "")
    return f"; it reports a failure: {cause}" if cause else ""


def _write(imported: ImportedRun, is_same: Callable[[Path], bool] | None) -> PublishedRun:
    """Create the run directory, as if the run had ended on this machine, unless it exists by then."""
    wall = min(max(0.0, *(source.wall for source in imported.sources)), LAST_WALL)
    run = layout.new_run_id(imported.name, wall)
    started = ev.RunStarted(
        t=0, run=run, schema=ev.SCHEMA, wall=wall,
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
        stated=imported.stated,
    )
    names = ", ".join(source.path.name for source in imported.sources)
    try:
        with publish.staging_dir() as folder:
            staged = folder / run
            with layout.create_run_dir(staged, plan, f"# Imported from {names}: there is no profile.\n"):
                _copy_originals(imported.sources, staged / ORIGINALS)
                write_new(staged / layout.EVENTS, b"".join(map(ev.encode, events)))
                write_report(staged, build_report(plan, state))
            return publish.publish_once(staged, run, is_same)
    except OSError as error:
        raise UserError(f"{paths.runs_dir()}: cannot be written: {error.strerror}") from None


def _copy_originals(sources: Sequence[SourceFile], folder: Path) -> None:
    """Copy the files; later ones with the same name get a number."""
    make_folders(folder)
    for number, source in enumerate(sources):
        copy = folder / safe_name(source.path.name)
        if copy.exists():
            copy = folder / f"{number}-{copy.name}"
        write_new(copy, source.content)
