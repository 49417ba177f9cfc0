"""Running out of memory: what a run says about it, and what need not be tried then."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner import events as ev
from runner.engines.diagnosis import Diagnosis, is_out_of_memory
from runner.engines.tensorrt_llm.failures import KNOWN_FAILURES
from runner.plan.plan import Configuration, Plan, Stage
from runner.state.run import RunState
from runner.sweep.out_of_memory import find_pruned, needs_as_much, outcomes_of
from runner.sweep.spec import SweepAxis, SweepCell, SweepSpec

GPU_OOM = "a GPU ran out of memory (torch.OutOfMemoryError: CUDA out of memory.)"
FOUR = [Configuration(batch, length, 8) for length in (8, 16) for batch in (1, 64)]


def cell_of(number: int, **values: str) -> SweepCell:
    named = tuple((name.replace("__", "."), value) for name, value in values.items())
    return SweepCell(number=number, values=named, configurations=FOUR)


def plan() -> Plan:
    stage = Stage(name="benchmark", argv=["x"], cwd="/")
    return Plan(engine="torch", profile="p", summary="", stages=[stage], configurations=FOUR)


def ran(
    *done: Configuration, trying: Configuration | None = None, end: ev.RunStatus, cause: str = "",
    skipped: str = "",
) -> RunState:  # fmt: skip
    """A run that measured some configurations and ended in the middle of another."""
    state = RunState()
    for number, one in enumerate([*done, *([trying] if trying else [])]):
        state.apply(
            ev.ConfigurationStarted(
                t=number, stage=0, index=number, batch_size=one.batch_size, input_len=one.input_len,
                output_len=one.output_len, num_runs=1, duration=0.0, warm_up=0,
            )
        )  # fmt: skip
    for one in done:
        values = {
            "batch_size": str(one.batch_size), "input_length": str(one.input_len),
            "output_length": str(one.output_len),
        }  # fmt: skip
        state.apply(ev.Result(t=9, stage=0, values=values))
    if skipped:
        state.apply(ev.Notice(t=9, level="warning", text=skipped))
    if cause:
        state.apply(ev.Failure(t=9, cause=cause))
    state.apply(ev.RunEnded(t=10, status=end, wall=1e9))
    return state


def found(state: RunState) -> list[tuple[int, int, str]]:
    return [
        (one.configuration.batch_size, one.configuration.input_len, one.outcome)
        for one in outcomes_of(plan(), state)
    ]


class TestOutcomes:
    def test_all_measured(self) -> None:
        assert {outcome for _, _, outcome in found(ran(*FOUR, end="finished"))} == {"done"}

    def test_only_the_tried_configuration_ran_out_of_memory(self) -> None:
        state = ran(FOUR[0], trying=FOUR[1], end="failed", cause=GPU_OOM)
        assert found(state) == [(1, 8, "done"), (64, 8, "memory")]

    def test_running_out_before_the_first_means_none_fits(self) -> None:
        assert {outcome for _, _, outcome in found(ran(end="failed", cause=GPU_OOM))} == {"memory"}

    def test_what_the_engine_skipped_for_memory(self) -> None:
        said = "the benchmark skipped configuration (64, 8, 8, 1.0): not enough GPU memory for it"
        state = ran(FOUR[0], FOUR[2], FOUR[3], end="finished", skipped=said)
        assert (64, 8, "memory") in found(state)

    def test_another_failure_fails_everything_that_is_left(self) -> None:
        state = ran(FOUR[0], trying=FOUR[1], end="failed", cause="a rank crashed: Segmentation fault")
        assert [outcome for _, _, outcome in found(state)] == ["done", "failed", "failed", "failed"]

    @pytest.mark.parametrize("status", ["stopped", "lost"])
    def test_what_a_stop_or_a_loss_left_over(self, status: ev.RunStatus) -> None:
        state = ran(FOUR[0], trying=FOUR[1], end=status)
        assert [outcome for _, _, outcome in found(state)] == ["done", status, status, status]

    def test_a_finished_run_that_left_something_out_says_so(self) -> None:
        (*_, last) = outcomes_of(plan(), ran(*FOUR[:3], end="finished"))
        assert (last.outcome, last.why) == ("failed", "the run ended without measuring it")


@pytest.mark.parametrize(
    "line",
    [
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB.",
        "RuntimeError: [enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory",
        "MemoryError: Unable to allocate 20.0 GiB",
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "Requested amount of GPU memory (24793579520 bytes) could not be allocated.",
        "[TRT] [E] Error Code 2: OutOfMemory (Requested size was 24793579520 bytes.)",
        "bash: line 1: 4242 Killed",
    ],
)
def test_every_way_to_run_out_of_memory_is_recognised(line: str) -> None:
    diagnosis = Diagnosis(known_failures=KNOWN_FAILURES)
    diagnosis.feed(line)
    assert is_out_of_memory(diagnosis.cause(1)[0])


@pytest.mark.parametrize("line", ["ValueError: no", "a rank crashed: Segmentation fault", "out of ideas"])
def test_other_failures_are_not_taken_for_it(line: str) -> None:
    diagnosis = Diagnosis(known_failures=KNOWN_FAILURES)
    diagnosis.feed(line)
    assert not is_out_of_memory(diagnosis.cause(1)[0])


class TestPruning:
    def test_larger_ones_of_the_same_cell(self) -> None:
        sweep = sweep_over([cell_of(0)])
        assert set(find_pruned(sweep, [(0, FOUR[1])])) == {(0, FOUR[3])}

    def test_cells_along_an_axis_that_costs_memory(self) -> None:
        cells = [cell_of(n, build__max_batch_size=size) for n, size in enumerate(("8", "64", "null"))]
        why = find_pruned(sweep_over(cells), [(0, FOUR[1])])
        assert (1, FOUR[1]) in why
        assert (1, FOUR[0]) not in why
        assert (2, FOUR[1]) not in why, "the engine's own choice is not known here"
        assert why[1, FOUR[1]] == "not tried: max_batch_size 8, in/out 8/8, batch 64 ran out of memory"

    def test_nothing_is_concluded_along_other_axes(self) -> None:
        cells = [cell_of(0, parallel__tp="2"), cell_of(1, parallel__tp="1"), cell_of(2, parallel__tp="4")]
        assert {cell for cell, _ in find_pruned(sweep_over(cells), [(0, FOUR[1])])} == {0}

    def test_no_limit_on_what_is_in_flight_needs_most(self) -> None:
        few, many, all_at_once = (
            Configuration(0, 8, 8, requests=100, concurrency=limit) for limit in (8, 64, 0)
        )
        cell = cell_of(0)
        assert needs_as_much(cell, all_at_once, cell, many)
        assert needs_as_much(cell, many, cell, few)
        assert not needs_as_much(cell, many, cell, all_at_once)

    configuration = st.builds(
        Configuration, st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.sampled_from([0.5, 1.0])
    )

    @settings(max_examples=100, deadline=None)
    @given(configuration, configuration, st.integers(1, 9), st.integers(1, 9))
    def test_only_what_is_at_least_as_large_in_everything(
        self, one: Configuration, other: Configuration, size: int, limit: int
    ) -> None:
        a, b = cell_of(0, build__max_batch_size=str(size)), cell_of(1, build__max_batch_size=str(limit))
        larger = (
            one.batch_size >= other.batch_size
            and one.input_len >= other.input_len
            and one.output_len >= other.output_len
            and one.gpu_weights_percent >= other.gpu_weights_percent
            and size >= limit
        )
        assert needs_as_much(a, one, b, other) is larger


def sweep_over(cells: list[SweepCell]) -> SweepSpec:
    axes = [SweepAxis(path, [dict(cell.values)[path] for cell in cells]) for path, _ in cells[0].values]
    return SweepSpec(name="s", engine="trtllm", created=1e9, axes=axes, cells=cells)
