"""Results of benchmark.py: its `[BENCHMARK]` lines (also wrapped), its CSV, or a whole console log."""

from __future__ import annotations

from runner import events as ev
from runner.engines import benchmark_line
from runner.engines.diagnosis import failure_told_in
from runner.engines.imported import Imported, plain_name
from runner.engines.source import Source
from runner.engines.tensorrt_llm.failures import KNOWN
from runner.engines.trtllm.output import done_of, notice_of
from runner.metrics import LOGGED_ITERATIONS
from runner.plan.plan import configuration_of
from runner.report.text_table import count
from runner.state.run import RunState


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


def imported(source: Source, results: list[dict[str, str]]) -> Imported:
    """The run of one file; at least one result is in it."""
    events = _events(source, results)
    state = RunState()
    state.apply_all(events)
    first = results[0]
    name = first.get("engine_dir") or first.get("model_name") or source.path.stem
    return Imported(
        engine="trtllm",
        name=plain_name(name),
        summary=f"{name}, {first.get('precision', 'dtype unknown')}, tp {state.world},"
        f" {count(len(state.configurations), 'configuration')}, imported",
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
