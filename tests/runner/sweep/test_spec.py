"""What a sweep consists of: axes, cells, order."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.engines.torch.profile import TorchProfile
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.plan.plan import Configuration
from runner.profile.store import find
from runner.profile.yaml_file import load_text
from runner.schema.axes import step_range, values_of
from runner.sweep import control
from runner.sweep.spec import Slot, axes_of, expand_axes, narrow_profile, parse_axis
from runner.util.errors import UserError
from tests.support.sweeps import TINY, sweep_of, tiny

TWO_AXES = """\
sweep:
  axes:
    parallel.tp: [1, 2]
    model.dtype: [float32, bfloat16]
    benchmark.batch_size: {from: 1, to: 8, times: 2}
  repeat: 3
"""

pytestmark = pytest.mark.usefixtures("mpirun_that_only_plans")


class TestValues:
    @settings(max_examples=40, deadline=None)
    @given(st.integers(1, 50), st.integers(0, 200), st.integers(1, 20))
    def test_adding_gives_what_range_gives(self, first: int, more: int, plus: int) -> None:
        assert step_range(first, first + more, plus=plus) == list(range(first, first + more + 1, plus))

    @settings(max_examples=40, deadline=None)
    @given(st.integers(1, 100), st.integers(2, 7), st.integers(0, 6))
    def test_multiplying_gives_powers(self, first: int, times: int, count: int) -> None:
        wanted = [first * times**power for power in range(count + 1)]
        assert step_range(first, wanted[-1], times=times) == wanted
        assert step_range(first, wanted[-1] * times - 1, times=times) == wanted, "the end need not be hit"

    def test_decimal_fractions_are_as_they_are_written(self) -> None:
        assert step_range(0.1, 0.5, plus=0.1) == [0.1, 0.2, 0.3, 0.4, 0.5]

    @pytest.mark.parametrize(
        ("written", "said"),
        [
            ([], "is empty"),
            (3, "is not a list of values"),
            ([1, 2, 1], "names 1 twice"),
            ({"from": 1}, "has the keys from"),
            ({"from": 1, "to": 9, "times": 2, "plus": 1}, "has the keys"),
            ({"from": 1, "to": "many"}, "'many' is not a number"),
            ({"from": 9, "to": 1}, "ends at 1, before its start at 9"),
            ({"from": 1, "to": 9, "times": 1}, "times above 1"),
            ({"from": 0, "to": 9, "times": 2}, "times above 1, from above 0"),
            ({"from": 0, "to": 9, "plus": 0}, "plus above 0"),
            ({"from": 0, "to": float("inf")}, "has no end"),
            ({"from": 0, "to": 100_000}, "more than 1000 values"),
        ],
    )
    def test_what_is_no_axis_is_said(self, written: object, said: str) -> None:
        with pytest.raises(ValueError, match=said):
            values_of(written)


class TestCommandLine:
    @pytest.mark.parametrize(
        ("text", "values"),
        [
            ("parallel.tp=1,2,4", [1, 2, 4]),
            ("parallel.tp=1..4", [1, 2, 3, 4]),
            ("benchmark.batch_size=8..64*2", [8, 16, 32, 64]),
            ("benchmark.duration=0..9+3", [0, 3, 6, 9]),
            ("model.dtype=float32, bfloat16", ["float32", "bfloat16"]),
            ("benchmark.input_output_len=[8, 4],[16, 8]", [[8, 4], [16, 8]]),
            ("launch.python=/usr/bin/python3,/opt/1.0", ["/usr/bin/python3", "/opt/1.0"]),
        ],
    )
    def test_axes(self, text: str, values: list[object]) -> None:
        path, found = parse_axis("torch", text)
        assert (path, found) == (text.partition("=")[0], values)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("parallel.tp", "expected PATH=V1,V2"),
            ("=1,2", "expected PATH=V1,V2"),
            ("parallel.tp=8..1", "ends at 1"),
            ("parallel.tp=0", "parallel.tp: 0 is not allowed; allowed: a whole number, 1 or more"),
            ("paralel.tp=1", r"no such field \(did you mean parallel.tp\?\)"),
            ("parallel=1", "is a section"),
            ("name=a,b", "cannot vary in a sweep"),
            ("engine=torch,tensorrt", "'tensorrt' is not an engine"),
            ("benchmark.batch_size=1,x", 'the text "x" is not allowed'),
        ],
    )
    def test_bad_axes_are_said_in_a_sentence(self, text: str, said: str) -> None:
        with pytest.raises(UserError, match=said):
            axes_of(tiny(), [text])

    def test_they_join_and_replace_those_of_the_profile(self) -> None:
        axes = axes_of(tiny(TWO_AXES), ["parallel.tp=4", "model.seed=1,2"])
        assert axes["parallel.tp"] == [4]
        assert axes["model.seed"] == [1, 2]
        assert axes["benchmark.batch_size"] == [1, 2, 4, 8]


class TestProfile:
    def test_a_bad_axis_names_its_line(self) -> None:
        with pytest.raises(
            UserError, match=r"mine.yaml:\d+: sweep.axes.parallel.tp: the text \"two\" is not"
        ):
            load_text(TINY + "sweep:\n  axes:\n    parallel.tp: [1, two]\n", "mine.yaml")

    def test_cells_are_profiles_without_axes(self) -> None:
        _, cells = expand_axes(tiny(TWO_AXES), axes_of(tiny(TWO_AXES)))
        for cell in cells:
            profile = load_text(cell.profile, "cell")
            assert isinstance(profile, TorchProfile)
            assert profile.sweep is None
            assert profile.name == "tiny"
            assert profile.benchmark.batch_size == [1, 2, 4, 8]


class TestCells:
    def test_what_one_process_measures_is_no_axis_of_runs(self) -> None:
        axes, cells = expand_axes(tiny(TWO_AXES), axes_of(tiny(TWO_AXES)))
        assert [axis.path for axis in axes] == ["parallel.tp", "model.dtype"]
        assert [cell.values for cell in cells] == [
            (("parallel.tp", tp), ("model.dtype", dtype))
            for tp, dtype in itertools.product(("1", "2"), ("float32", "bfloat16"))
        ]
        assert cells[0].configurations == [Configuration(batch, 8, 8) for batch in (1, 2, 4, 8)]

    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(st.sampled_from([1, 2, 4]), min_size=1, unique=True),
        st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True),
    )
    def test_every_combination_is_there_once_and_says_what_it_is(
        self, tps: list[int], seeds: list[int]
    ) -> None:
        _, cells = expand_axes(tiny(), {"parallel.tp": tps, "model.seed": seeds})
        assert [cell.number for cell in cells] == list(range(len(tps) * len(seeds)))
        seen = set()
        for cell in cells:
            profile = load_text(cell.profile, "cell")
            assert isinstance(profile, TorchProfile)
            seen.add((profile.parallel.tp, profile.model.seed))
            assert dict(cell.values) == {
                "parallel.tp": str(profile.parallel.tp),
                "model.seed": str(profile.model.seed),
            }
        assert seen == set(itertools.product(tps, seeds))

    def test_an_impossible_combination_is_a_cell_that_says_why(self) -> None:
        axes = {"parallel.tp": [1, 2], "model.shape.intermediate_size": [128, 129]}
        _, cells = expand_axes(tiny(), axes)
        assert [bool(cell.refused) for cell in cells] == [False, False, False, True]
        assert cells[3].refused.startswith("parallel.tp: tp 2 does not fit")

    def test_a_value_without_any_possible_combination_is_an_error(self) -> None:
        with pytest.raises(
            UserError, match=r"parallel\.tp 3 fits no combination: parallel\.tp: tp 3 does not"
        ):
            expand_axes(tiny(), {"parallel.tp": [1, 3]})

    def test_a_cell_measures_the_batch_sizes_that_fit_its_values(self) -> None:
        profile = find("qwen2.5-7b-fp16-tp1").load()
        axes = {
            "build.max_batch_size": [8, 64],
            "benchmark.batch_size": [64, 1, 8],
            "build.max_num_tokens": [65536],
        }
        _, cells = expand_axes(profile, axes)
        assert [{one.batch_size for one in cell.configurations} for cell in cells] == [{1, 8}, {1, 8, 64}]
        assert cells[0].left_out.startswith("build.max_batch_size: is 8, but benchmark needs batch size 64")
        assert not cells[1].left_out

    def test_another_engine_needs_another_profile(self) -> None:
        with pytest.raises(UserError, match="`trtbench-tui ab A B` measures profiles of two engines"):
            expand_axes(find("qwen2.5-7b-fp16-tp1").load(), {"engine": ["trtllm", "trtllm-bench"]})

    def test_too_many_cells_are_refused_with_their_number(self) -> None:
        with pytest.raises(UserError, match=r"300 cells \(300 of model.seed\) are more than the allowed 200"):
            control.axis_sweep(tiny(), {"model.seed": list(range(300))})

    def test_no_axes_is_said_with_what_to_do(self) -> None:
        with pytest.raises(UserError, match="tiny has no axes"):
            control.axis_sweep(tiny())


class TestOrder:
    @settings(max_examples=40, deadline=None)
    @given(st.integers(1, 5), st.integers(1, 4), st.sampled_from(["interleaved", "grouped"]))
    def test_every_slot_comes_once(self, count: int, repeat: int, order: str) -> None:
        slots = sweep_of(count, repeat=repeat, order=order).slots()
        assert Counter(slots) == Counter(Slot(c, r) for c in range(count) for r in range(repeat))

    def test_interleaved_is_a_b_b_a_and_grouped_a_a_b_b(self) -> None:
        assert [slot.cell for slot in sweep_of(2, repeat=2).slots()] == [0, 1, 1, 0]
        assert [slot.cell for slot in sweep_of(2, repeat=2, order="grouped").slots()] == [0, 0, 1, 1]

    def test_profiles_alternate(self) -> None:
        other = load_text(TINY.replace("name: tiny", "name: other"), "other")
        sweep = control.ab_sweep([tiny(), other], 2)
        assert sweep.name == "tiny-vs-other"
        assert [sweep.cells[slot.cell].values[0][1] for slot in sweep.slots()] == [
            "tiny",
            "other",
            "other",
            "tiny",
        ]

    def test_a_profile_does_not_alternate_with_itself(self) -> None:
        with pytest.raises(UserError, match="two profiles have the same name: tiny"):
            control.ab_sweep([tiny(), tiny()], 2)


class TestNarrowing:
    """One run measures all its batch sizes with all its lengths."""

    LENGTHS = "benchmark: {batch_size: [1, 2, 4], input_output_len: [[8, 8], [16, 8], [32, 8]]}"

    @settings(max_examples=40, deadline=None)
    @given(st.sets(st.tuples(st.sampled_from([1, 2, 4]), st.sampled_from([8, 16, 32])), min_size=1))
    def test_some_runs_together_measure_exactly_what_is_wanted(self, wanted: set[tuple[int, int]]) -> None:
        profile = load_text(TINY.replace(TINY.splitlines()[-1], self.LENGTHS), "tiny")
        planned = [Configuration(batch, length, 8) for length in (8, 16, 32) for batch in (1, 2, 4)]
        left = [one for one in planned if (one.batch_size, one.input_len) in wanted]
        measured = []
        while left:
            run, these = narrow_profile(profile, planned, left)
            _, cells = expand_axes(run, {})
            assert cells[0].configurations == these, "the run measures what it is said to measure"
            measured += these
            left = [one for one in left if one not in these]
        assert {(one.batch_size, one.input_len) for one in measured} == wanted
        assert len(measured) == len(wanted)

    def test_requests_in_flight_are_narrowed_by_concurrency(self) -> None:
        profile = find("bench-llama-3.1-8b-tp1").load()
        planned = [Configuration(0, 128, 128, requests=100, concurrency=limit) for limit in (1, 8, 64)]
        run, these = narrow_profile(profile, planned, [planned[0], planned[2]])
        assert isinstance(run, BenchProfile)
        assert run.benchmark.concurrency == [1, 64]
        assert these == [planned[0], planned[2]]


@pytest.mark.parametrize(
    "axis", ["launch.env={HF_TOKEN: abc},{HF_TOKEN: def}", "launch.mpirun.args=[-x, A_TOKEN=abc],[]"]
)
def test_an_axis_with_a_secret_is_refused(axis: str) -> None:
    with pytest.raises(UserError, match="a value contains a secret") as refused:
        axes_of(tiny(), [axis])
    assert "abc" not in str(refused.value)
