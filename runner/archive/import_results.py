"""Results made elsewhere as runs: what benchmark.py or trtllm-bench left behind becomes a finished run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from runner import VERSION, paths
from runner import events as ev
from runner.archive import publish
from runner.archive.publish import Arrived
from runner.engines.imported import Imported, plain_name
from runner.engines.interface import Importer
from runner.engines.registry import engines
from runner.engines.source import Source, read
from runner.errors import UserError
from runner.plan.plan import Plan
from runner.report.build import build_report
from runner.report.files import write_report
from runner.run import layout
from runner.state.run import RunState

ORIGINALS = "imported"
"""Folder in the run directory with copies of the imported files."""


def import_files(
    files: Sequence[Path], concurrency: Sequence[int] = (), *, again: bool = False
) -> list[Arrived]:
    """Make finished runs of files with results, but of what was imported before.

    Each file of benchmark.py becomes a run of its own; files of trtllm-bench together become one run, with a
    configuration for every benchmark that they tell of. The time of the last change of a file stands for
    the time of its run, which nothing else tells. Nothing is written when one of the files cannot be taken.

    Args:
        files: console logs, CSV or JSON files.
        concurrency: requests in flight at most, of every benchmark of trtllm-bench in the order of the
            files; 0: no limit. Empty: as its command line in a log says, else it stays unknown.
        again: make another run also of what was imported before.

    Raises:
        UserError: a file cannot be read, holds no result, or does not belong to the others.
    """
    importers = {engine.name: engine.importer for engine in engines().values() if engine.importer}
    held: dict[str, list[object]] = {name: [] for name in importers}
    for path in dict.fromkeys(files):
        source = read(path)
        found = {
            name: results for name, one in importers.items() if (results := one.read(source)) is not None
        }
        if not found:
            raise UserError(
                f"{path}: no result of benchmark.py or trtllm-bench in it"
                f"{_what_went_wrong(source, importers)}",
                hint="wanted: " + "; ".join(importer.wanted for importer in importers.values()),
            )
        if len(found) > 1:
            raise UserError(
                f"{path}: holds results of benchmark.py and of trtllm-bench, which are runs of two engines",
                hint="put them into two files",
            )
        for name, results in found.items():
            held[name].append(results)
    if concurrency and not any(importers[name].takes_concurrency for name in held if held[name]):
        raise UserError("--concurrency is for results of trtllm-bench, and none of the files has one")
    # All of them before the first is written: none is when one cannot be taken.
    made = [
        one
        for name, results in held.items()
        if results
        for one in importers[name].imported(results, concurrency)
    ]
    return [_arrived(one, again) for one in made]


def _arrived(imported: Imported, again: bool) -> Arrived:
    here = None if again else publish.here_already(lambda run_dir: _is_made_of(run_dir, imported))
    return Arrived(_write(imported), new=True) if here is None else Arrived(here, new=False)


def _is_made_of(run_dir: Path, imported: Imported) -> bool:
    """Whether a run was made of files of the same content, read in the same way."""
    with os.scandir(run_dir / ORIGINALS) as folder:
        kept = {entry.path: entry.stat().st_size for entry in folder}
    if sorted(kept.values()) != sorted(len(source.content) for source in imported.sources):
        return False
    contents = sorted(Path(path).read_bytes() for path in kept)
    return (
        contents == sorted(source.content for source in imported.sources)
        and layout.load_plan(run_dir).configurations == imported.configurations
    )


def _what_went_wrong(source: Source, importers: dict[str, Importer]) -> str:
    # The last first: a log of trtllm-bench may also hold what the programs of the other engine print.
    causes = (importer.failure_in(source.text) for importer in reversed(importers.values()))
    cause = next(filter(None, causes), "")
    return f"; it tells of a failure: {cause}" if cause else ""


def _write(imported: Imported) -> Path:
    """The run directory, as if the run had ended here."""
    wall = max(source.wall for source in imported.sources)
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
    )
    names = ", ".join(source.path.name for source in imported.sources)
    try:
        with publish.incoming() as folder:
            made = folder / run
            with layout.created(made, plan, f"# Imported from {names}: there is no profile.\n"):
                _keep(imported.sources, made / ORIGINALS)
                (made / layout.EVENTS).write_bytes(b"".join(map(ev.encode, events)))
                write_report(made, build_report(plan, state))
            return publish.appear(made, run)
    except OSError as error:
        raise UserError(f"{paths.runs_dir()}: cannot be written to: {error.strerror}") from None


def _keep(sources: Sequence[Source], folder: Path) -> None:
    """Copies of the files; of several with one name the later ones are numbered."""
    folder.mkdir()
    for number, source in enumerate(sources):
        copy = folder / plain_name(source.path.name)
        if copy.exists():
            copy = folder / f"{number}-{copy.name}"
        copy.write_bytes(source.content)
