"""Results of benchmark.py: its `[BENCHMARK]` lines (also wrapped), its CSV, or a whole console log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runner import events as ev
from runner.engines import benchmark_line
from runner.engines.benchmark_notices import done_of, notice_of
from runner.engines.diagnosis import failure_told_in
from runner.engines.imported import Imported, plain_name
from runner.engines.interface import Importer
from runner.engines.source import Source
from runner.engines.tensorrt_llm.failures import KNOWN
from runner.metrics import LOGGED_ITERATIONS
from runner.plan.plan import configuration_of
from runner.state.run import RunState
from runner.util.formatting import plural


def results_in(text: str) -> list[dict[str, str]]:
    """Results in the order of the text, each with its number of iterations where the log says it."""
    results = list(benchmark_line.results_in(text))
    done = [found for line in text.split("\n") if (found := done_of(line))]
    # Every rank logs the end of its loop; only with one such line a result it is clear which is whose.
    if len(done) == len(results):
        return [
            result | {LOGGED_ITERATIONS: str(end.iterations)}
            for result, end in zip(results, done, strict=True)
        ]
    return results


def failure_in(text: str) -> str:
    """What a log without results tells of, in one sentence; empty when it is of nothing known."""
    return failure_told_in(text, KNOWN)


@dataclass(frozen=True)
class Results:
    """The results in a file, at least one."""

    source: Source
    values: list[dict[str, str]]


def read(source: Source) -> Results | None:
    """The results in a file; None when there is none, and of JSON, which may quote such lines."""
    if source.is_json:
        return None
    values = results_in(source.text)
    return Results(source, values) if values else None


def imported(files: Sequence[Results], _: Sequence[int]) -> list[Imported]:
    """A run for each file."""
    return [_imported(file.source, file.values) for file in files]


def _imported(source: Source, results: list[dict[str, str]]) -> Imported:
    events = _events(source, results)
    state = RunState()
    state.apply_all(events)
    first = results[0]
    name = first.get("engine_dir") or first.get("model_name") or source.path.stem
    return Imported(
        engine="trtllm",
        name=plain_name(name),
        summary=f"{name}, {first.get('precision', 'dtype unknown')}, tp {state.world},"
        f" {plural(len(state.configurations), 'configuration')}, imported",
        events=events,
        configurations=[configuration_of(configuration.start) for configuration in state.configurations],
        sources=(source,),
    )


def _events(source: Source, results: list[dict[str, str]]) -> list[ev.AnyEvent]:
    said = dict.fromkeys(notice for line in source.text.split("\n") if (notice := notice_of(line)))
    how = (
        f"imported from {source.path.name}: no iterations were observed, every number is as printed or"
        " derived from printed ones; the time of the run is the file's"
    )
    notices = [ev.Notice(t=0, level="warning", text=notice) for notice in (how, *said)]
    return [*notices, *(ev.Result(t=0, stage=0, values=result) for result in results)]


IMPORTER = Importer(
    wanted="of benchmark.py its [BENCHMARK] lines, its CSV with the rows, or a console log that holds them",
    read=read,
    imported=imported,
    failure_in=failure_in,
)
