"""Import results of benchmark.py: `[BENCHMARK]` lines (also wrapped), CSV, or a whole console log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner import events as ev
from runner.engines import benchmark_line
from runner.engines.benchmark_notices import loop_end_of, parse_notice
from runner.engines.diagnosis import find_failure
from runner.engines.imported import ImportedRun, safe_name
from runner.engines.imported_files import SourceFile
from runner.engines.interface import Importer
from runner.engines.tensorrt_llm.failures import KNOWN_FAILURES
from runner.metrics import LOGGED_ITERATIONS
from runner.plan.plan import configuration_of
from runner.state.run import RunState
from runner.util.formatting import plural


def results_in(text: str) -> list[dict[str, str]]:
    """Return the results in the order of the text, with the number of iterations if the log states it."""
    results = list(benchmark_line.results_in(text))
    done = [found for line in text.split("\n") if (found := loop_end_of(line))]
    # Every rank logs the end of its loop; only one such line a result can be assigned.
    if len(done) == len(results):
        return [
            result | {LOGGED_ITERATIONS: str(end.iterations)}
            for result, end in zip(results, done, strict=True)
        ]
    return results


def explain_failure(text: str) -> str:
    """Return why a log has no results, in one sentence; empty for an unknown reason."""
    return find_failure(text, KNOWN_FAILURES)


@dataclass(frozen=True)
class PrintedResults:
    """The results in a file, at least one."""

    source: SourceFile
    values: list[dict[str, str]]


def read(source: SourceFile) -> PrintedResults | None:
    """Return the results in a file; None without results, and for JSON, which may quote such lines."""
    if source.is_json:
        return None
    values = results_in(source.text)
    return PrintedResults(source, values) if values else None


def make_runs(files: Sequence[PrintedResults], _: Sequence[int]) -> list[ImportedRun]:
    """Return a run for each file."""
    return [_imported(file.source, file.values) for file in files]


def _imported(source: SourceFile, results: list[dict[str, str]]) -> ImportedRun:
    events = _events(source, results)
    state = RunState()
    state.apply_all(events)
    first = results[0]
    name = first.get("engine_dir") or first.get("model_name") or source.path.stem
    return ImportedRun(
        engine="trtllm",
        name=safe_name(name),
        summary=f"{name}, {first.get('precision', 'dtype unknown')}, tp {state.world},"
        f" {plural(len(state.configurations), 'configuration')}, imported",
        events=events,
        configurations=[configuration_of(configuration.start) for configuration in state.configurations],
        sources=(source,),
    )


def _events(source: SourceFile, results: list[dict[str, str]]) -> list[ev.AnyEvent]:
    warnings = dict.fromkeys(
        notice.text for line in source.text.split("\n") if (notice := parse_notice(line))
    )
    how = (
        f"imported from {source.path.name}: no iterations were observed, every number is as printed or"
        " derived from printed ones; the time of the run is the file's"
    )
    notices = [ev.Notice(t=0, level="warning", text=notice) for notice in (how, *warnings)]
    return [*notices, *(ev.Result(t=0, stage=0, values=result) for result in results)]


IMPORTER = Importer(
    accepts="of benchmark.py its [BENCHMARK] lines, its CSV with the rows, or a console log with them",
    read=read,
    make_runs=make_runs,
    explain_failure=explain_failure,
)
