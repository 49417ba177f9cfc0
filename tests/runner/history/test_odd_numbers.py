"""Numbers that no measurement gives, in logs, results, plans and reports: a bad run is a bad row, no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner import events as ev
from runner.cli.main import main
from runner.engines.trtllm_bench.output import ProgressParser, parse_iteration, requests_in
from runner.events import decode_lines, encode
from runner.history import run_list
from runner.history.reader import read_entries
from runner.history.run_entry import RunEntry, _of_summary
from runner.history.trend import find_trends
from runner.report.build import build_report
from runner.report.files import summary_of
from runner.report.text_table import render
from runner.run import layout
from runner.state.run import RunState
from runner.util import paths
from tests.support import recorded_runs, recorder

PROFILE = "qwen2.5-32b-fp16-tp8"
ODD_TEXTS = ("inf", "-inf", "nan", "1e308", "-1e308", "1e-310", "-5", "0", "9" * 30, "9" * 5000, "1_0", "x")
odd_numbers = st.one_of(
    st.integers(),
    st.integers(2**52, 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1e308, -1e308, 1e-310, 5e-324, -5, 0, 2**63, -(2**63) - 1, 10**23]),
)


def _recorded() -> list[dict[str, Any]]:
    """A log with every kind of event that carries numbers."""
    run = recorded_runs.on_gpus(2, 2)
    run.result()
    run.add(ev.ConfigurationStarted(t=0, stage=2, index=1, batch_size=0, input_len=8, output_len=8,
                                    num_runs=0, duration=0.0, warm_up=0, requests=4))  # fmt: skip
    run.add(ev.Serving(t=0, stage=2, phase="timed", text="measures"))
    run.add(ev.RequestsDone(t=0, stage=2, done=1, total=4))
    run.add(ev.EngineIteration(t=0, stage=2, i=1, latency_ms=3.0, active=2, queued=1, context=1, generating=1,
                               tokens=9, kv_used=3, kv_total=9, gpu_memory=99))  # fmt: skip
    run.add(ev.Requests(t=0, stage=2, start_ms=[0.0, 1.0], latency_ms=[9.0, 9.5], ttft_ms=[1.0, None],
                        per_token_ms=[1.1, None], input_tokens=[8, 8], output_tokens=[8, 8]))  # fmt: skip
    run.add(ev.Result(t=0, stage=2, values={"Number of requests": "2"}))
    run.bye()
    run.end_stage()
    run.end("finished")
    return [json.loads(encode(event)) for event in run.events]


def _numbers(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _numbers(inner, (*path, key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path


def _replaced(value: Any, path: tuple[Any, ...], number: Any) -> Any:
    changed = deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = number
    return changed


RECORDED = _recorded()
PLACES = list({(event["kind"], *path): (index, path)
               for index, event in enumerate(RECORDED) for path in _numbers(event)}.values())  # fmt: skip


def read(events: list[ev.AnyEvent]) -> RunEntry:
    """Do with a run what the commands do: fold, table, list, index, trend."""
    state = RunState()
    state.apply_all(events)
    report = build_report(recorder.Recorder(profile=PROFILE).plan(), state, "20260101T000000Z_p_0001")
    render(report, width=100)
    run_dir = paths.runs_dir() / "20260101T000000Z_p_0001"
    facts = _of_summary(run_dir, summary_of(report))
    msgspec.msgpack.encode(facts)
    entry = RunEntry(*msgspec.structs.astuple(facts), run_dir=run_dir)
    run_list.as_text([entry])
    run_list.as_json([entry])
    for trend in find_trends([entry, entry], PROFILE):
        run_list.trend_text(trend)
        run_list.trend_json(trend)
    return entry


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(PLACES), odd_numbers), min_size=1, max_size=3))
def test_an_odd_number_in_a_log_breaks_no_reader(changes: list[tuple[tuple[int, Any], Any]]) -> None:
    log = deepcopy(RECORDED)
    for (index, path), number in changes:
        log[index] = _replaced(log[index], path, number)
    events = decode_lines(b"".join(json.dumps(event).encode() + b"\n" for event in log))
    for event in events:
        encode(event)  # what was read can be written again
    read(events)


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(
    st.sampled_from(["batch_size", "input_length", "output_length", "gpu_weights_percent", "world_size",
                     "latency(ms)", "tokens_per_sec", "percentile95(ms)", "generation_time(ms)",
                     "total_generated_tokens", "gpu_peak_mem(gb)", "iterations", "TP Size",
                     "Number of requests", "Total Latency (ms)"]),
    st.sampled_from(ODD_TEXTS) | odd_numbers.map(str)), st.booleans())  # fmt: skip
def test_an_odd_printed_number_breaks_no_reader(printed: dict[str, str], observed: bool) -> None:
    values = {"batch_size": "4", "input_length": "64", "output_length": "24", "latency(ms)": "6300"} | printed
    result = ev.Result(t=10, stage=0, values=values)
    before = recorded_runs.under_way().events if observed else []
    read([*before, result])


def test_a_number_of_requests_that_is_nan_gives_no_crash() -> None:
    values = {"Number of requests": "nan", "Total Output Throughput (tokens/sec)": "120.5"}
    start = ev.ConfigurationStarted(t=1, stage=0, index=0, batch_size=0, input_len=8, output_len=8,
                                    num_runs=0, duration=0.0, warm_up=0, requests=4)  # fmt: skip
    ended = ev.RunEnded(t=3, status="finished", wall=1.0)
    entry = read([start, ev.Result(t=2, stage=0, values=values), ended])
    assert entry.best is not None
    assert entry.best.tokens_per_sec == 120.5


@pytest.mark.parametrize("number", ["1e999", "-1", "9" * 30, "9" * 400], ids=range(4))
def test_odd_numbers_of_trtllm_bench_are_not_read(number: str) -> None:
    assert parse_iteration(f"{{'iter': 1, 'iterLatencyMS': {number}}}", 0, 0) is None
    event = parse_iteration(f"{{'iter': {number}, 'iterLatencyMS': 2.0, 'gpuMemUsage': {number}}}", 0, 0)
    assert isinstance(event, ev.EngineIteration)
    assert (event.i, event.gpu_memory) == (0, None)
    ProgressParser()(f"Benchmarking: 1%| | {number}/{number} [", 0, 0)
    file = f'[{{"start_timestamp": 1, "end_timestamp": {number}, "output_tokens": {number}}}]'
    assert list(requests_in(file.encode(), 0, 0)) == []


@pytest.mark.parametrize("kind", ["log", "report", "plan"])
@pytest.mark.parametrize("number", ["1e308", "9" * 23, "-1e308", "1e-310"])
def test_every_command_reads_the_runs_next_to_a_bad_one(
    kind: str, number: str, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    bad = recorded_runs.finished(1).write(paths.runs_dir(), "20260102T000000Z_p_0bad")
    good = recorded_runs.finished(1).write(paths.runs_dir(), "20260101T000000Z_p_900d")
    name, field = {"log": (layout.EVENTS, "latency_ms"), "report": (layout.REPORT, "value"),
                   "plan": (layout.PLAN, "batch_size")}[kind]  # fmt: skip
    lines = (bad / name).read_text().split("\n")
    at = next(index for index, line in enumerate(lines) if f'"{field}":' in line)
    before, _, after = lines[at].partition(f'"{field}":')
    lines[at] = f'{before}"{field}":{number}{after[len(after.lstrip(" 0123456789.")) :]}'
    (bad / name).write_text("\n".join(lines))
    if kind == "log":
        (bad / layout.REPORT).unlink()
    for words in (["ls"], ["ls", "--json"], ["trend", PROFILE]):
        assert main(words) == 0, words
    out = capsysbinary.readouterr().out
    assert good.name.encode() in out
    assert bad.name.encode() in out
    for words in (["show", bad.name], ["compare", good.name, bad.name], ["export", bad.name]):
        main(words)  # an error is one sentence, never a traceback
    assert len(read_entries()) == 2
