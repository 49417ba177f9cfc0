"""Old results as runs: what benchmark.py printed somewhere, some time, becomes a finished run in history."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from runner import events as ev
from runner import paths, report, rundir
from runner.diagnosis import Diagnosis
from runner.engines.benchmark_line import results_in
from runner.engines.trtllm_failures import KNOWN
from runner.engines.trtllm_output import done_of, notice_of
from runner.errors import UserError
from runner.journal import JournalWriter
from runner.metrics import LOGGED_ITERATIONS
from runner.plan import Plan, configuration_of
from runner.state import RunState
from runner.version import VERSION

ORIGINAL = "imported.log"
"""Name of the imported file's copy in the run directory."""
MAX_BYTES = 64 << 20


def import_file(path: Path) -> Path:
    """Make a finished run of a file that holds results of benchmark.py; returns its directory.

    The file may hold `[BENCHMARK]` lines (also wrapped over several lines), the CSV, or a whole console log.
    The time of its last change stands for the time of the run, which nothing else tells.

    Raises:
        UserError: the file cannot be read or holds no result.
    """
    text, wall = _read(path)
    results = _results(text)
    if not results:
        raise UserError(f"{path}: no result of benchmark.py in it{_what_went_wrong(text)}", hint=_HINT)
    events = _events(path, text, results, wall)
    state = RunState()
    state.apply_all(events)
    plan = _plan(path, results, state)
    run_dir = paths.runs_dir() / rundir.new_run_id(plan.profile, wall)
    started = ev.RunStarted(
        t=0,
        run=run_dir.name,
        schema=ev.SCHEMA,
        wall=wall,
        host="",
        boot_id="",
        pid=0,
        cores=0,
        version=VERSION,
    )
    _write(run_dir, path, plan, [started, *events, ev.RunEnded(t=0, status="finished", wall=wall)])
    return run_dir


_HINT = "wanted: its [BENCHMARK] lines, its CSV with the rows, or a console log that holds them"


def _read(path: Path) -> tuple[str, float]:
    """Text of a file and when it changed last, in seconds since 1970."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(MAX_BYTES), path.stat().st_mtime
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None


def _results(text: str) -> list[dict[str, str]]:
    """Results in the order of the file, each with its number of iterations where the log says it."""
    results = list(results_in(text))
    done = [found for line in text.split("\n") if (found := done_of(line))]
    # Every rank logs the end of its loop; only with one such line a result it is clear which is whose.
    if len(done) == len(results):
        return [
            result | {LOGGED_ITERATIONS: str(end.iterations)}
            for result, end in zip(results, done, strict=True)
        ]
    return results


def _what_went_wrong(text: str) -> str:
    diagnosis = Diagnosis(known_failures=KNOWN)
    for line in text.split("\n"):
        diagnosis.feed(line)
    if diagnosis.known is None and not diagnosis.exception:
        return ""
    return f"; it tells of a failure: {diagnosis.cause(None)[0]}"


def _events(path: Path, text: str, results: list[dict[str, str]], wall: float) -> list[ev.AnyEvent]:
    said = dict.fromkeys(notice for line in text.split("\n") if (notice := notice_of(line)))
    imported = (
        f"imported from {path.name}: no iterations were observed, every number is as printed or derived from"
        " printed ones; the time of the run is the file's"
    )
    notices = [ev.Notice(t=0, level="warning", text=notice) for notice in (imported, *said)]
    return [*notices, *(ev.Result(t=0, stage=0, values=result) for result in results)]


def _plan(path: Path, results: list[dict[str, str]], state: RunState) -> Plan:
    first = results[0]
    name = first.get("engine_dir") or first.get("model_name") or path.stem
    count = len(state.configurations)
    return Plan(
        engine="trtllm",
        profile=_profile_name(name),
        summary=f"{name}, {first.get('precision', 'dtype unknown')}, tp {state.world},"
        f" {count} configuration{'s' if count != 1 else ''}, imported",
        stages=[],
        configurations=[
            configuration_of(start)
            for start in (configuration.start for configuration in state.configurations)
        ],
    )


def _profile_name(name: str) -> str:
    """The name of an engine as the name of a profile may be."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("._-")[:64] or "imported"


def _write(run_dir: Path, source: Path, plan: Plan, events: list[ev.AnyEvent]) -> None:
    """The run directory, as if the run had ended here."""
    state = RunState()
    state.apply_all(events)
    note = f"# Imported from {source.name}: there is no profile.\n"
    try:
        # Under its lock to the end: to whoever reads it half written, it is a run under way.
        with rundir.created(run_dir, plan, note):
            shutil.copyfile(source, run_dir / ORIGINAL)
            journal = JournalWriter(run_dir / rundir.EVENTS)
            for event in events:
                journal.write(event)
            journal.sync()
            journal.close()
            report.write(run_dir, report.build(plan, state))
    except OSError as error:
        shutil.rmtree(run_dir, ignore_errors=True)
        raise UserError(f"{run_dir}: cannot be written: {error.strerror}") from None
