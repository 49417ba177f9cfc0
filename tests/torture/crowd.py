"""Many at once: imports of one archive, changes of labels, runs of one device, readers while runs start."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from runner import archive
from runner.history import labels
from runner.report.files import read_state
from runner.run import layout
from runner.supervision import launch
from runner.util import paths
from tests.support import recorded_runs
from tests.support.paths import ROOT
from tests.support.runs import single, start, wait_for, wait_until_ended
from tests.torture.outcome import Outcome, crash_of, timer

PROCESSES = 4
_COMMAND = "import sys; from tui.main import main; sys.exit(main(sys.argv[1:]))"


def crowd(_: int, seconds: float) -> Outcome:
    """Do rounds of all of them, at least one."""
    outcome = Outcome("crowd")
    is_over = timer(seconds)
    while True:
        _imports(outcome)
        _labels(outcome)
        _queue(outcome)
        _copies(outcome)
        outcome.count("rounds")
        if is_over():
            return outcome


def _start(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", _COMMAND, *words],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _imports(outcome: Outcome) -> None:
    """Import one archive by several processes: one run, and every process succeeds."""
    run_dir = recorded_runs.finished(1).write(paths.runs_dir())
    with tempfile.TemporaryDirectory() as folder:
        packed = archive.pack_run(run_dir, Path(folder)).path
        run_dir.rename(run_dir.with_name(".elsewhere"))
        codes = [process.wait() for process in [_start("import", str(packed)) for _ in range(PROCESSES)]]
    found = [name for name in layout.list_names() if name.startswith(run_dir.name.rpartition("_")[0])]
    if len(found) != 1 or any(codes):
        outcome.problems.append(f"{PROCESSES} imports at once: {len(found)} runs, exit codes {codes}")
    _remove(run_dir.with_name(".elsewhere"), *(paths.runs_dir() / name for name in found))
    outcome.count("imports", PROCESSES)


def _labels(outcome: Outcome) -> None:
    """Tag one run by several processes: no tag is lost."""
    run_dir = recorded_runs.finished(1).write(paths.runs_dir())
    wanted = tuple(f"tag{number}" for number in range(PROCESSES))
    for process in [_start("tag", run_dir.name, f"+{tag}") for tag in wanted]:
        process.wait()
    found = labels.label_of(run_dir.name).tags
    if found != wanted:
        outcome.problems.append(f"{PROCESSES} tags at once: {found}")
    labels.forget([run_dir.name])
    _remove(run_dir)
    outcome.count("labels", PROCESSES)


def _queue(outcome: Outcome) -> None:
    """Start runs of one device: never two measure at once, in the order in which they came."""
    runs: list[Path] = []
    for _ in range(PROCESSES):
        run_dir = paths.runs_dir() / layout.new_run_id("crowd")
        launch.launch(run_dir, single("plain", devices=["crowd"]), "name: program\n")
        runs.append(run_dir)
        if problem := crash_of("ls"):
            outcome.problems.append(problem)
    spans = []
    for run_dir in runs:
        state = wait_until_ended(run_dir)
        first = state.stages[0]
        spans.append((first.started, first.ended or state.last_t))
        if state.status != "finished":
            outcome.problems.append(f"{run_dir}: {state.status}")
    for (_, end), (begun, _) in zip(sorted(spans), sorted(spans)[1:], strict=False):
        if begun < end:
            outcome.problems.append(f"two runs measured at once: {spans}")
    started = [read_state(run_dir).started for run_dir in runs]
    came = [one.t for one in started if one is not None]
    order = [span for _, span in sorted(zip(came, spans, strict=True))]
    if order != sorted(spans) and not outcome.problems:
        outcome.count("swapped places")
    _remove(*runs)
    outcome.count("queued runs", PROCESSES)


def _copies(outcome: Outcome) -> None:
    """Copy and rename a run that is measuring, and read the copies: the run is not touched."""
    run_dir = start(single("plain"))
    wait_for(lambda: bool(read_state(run_dir).configurations), "the first configuration")
    copies = [paths.runs_dir() / layout.new_run_id("copy"), paths.runs_dir() / "renamed"]
    for copy in copies:
        shutil.copytree(run_dir, copy, ignore_dangling_symlinks=True)
    for words in (("ls",), *(("show", str(copy)) for copy in copies)):
        if problem := crash_of(*words):
            outcome.problems.append(f"copies of a live run: {problem}")
    if (status := wait_until_ended(run_dir).status) != "finished":
        outcome.problems.append(f"a run whose copy was read is {status}")
    _remove(run_dir, *copies)
    outcome.count("copies of live runs", len(copies))


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
