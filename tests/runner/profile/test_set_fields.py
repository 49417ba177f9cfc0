"""Changes of a profile with `--set path=value`."""

from __future__ import annotations

import pytest

from runner.engines.torch.profile import TorchProfile
from runner.profile import store as profile_store
from runner.profile.set_fields import with_changes
from runner.util.errors import UserError


def quickstart() -> TorchProfile:
    profile = profile_store.find("quickstart").load()
    assert isinstance(profile, TorchProfile)
    return profile


def test_values_are_yaml() -> None:
    changed = with_changes(quickstart(), ["benchmark.batch_size=[1, 8]", "benchmark.num_runs = 7"])
    assert isinstance(changed, TorchProfile)
    assert (changed.benchmark.batch_size, changed.benchmark.num_runs) == ([1, 8], 7)


def test_text_is_text_as_it_stands() -> None:
    changed = with_changes(
        quickstart(), ["launch.env.THREADS=4", "description=a: b # c", "launch.python=", "name=007"]
    )
    assert changed.launch.env == {"THREADS": "4"}
    assert (changed.description, changed.launch.python, changed.name) == ("a: b # c", None, "007")


def test_a_value_may_hold_an_equals_sign() -> None:
    assert with_changes(quickstart(), ["launch.env.A=b=c"]).launch.env == {"A": "b=c"}


def test_the_original_stays_as_it_was() -> None:
    before = quickstart()
    with_changes(before, ["benchmark.num_runs=7"])
    assert before == quickstart()


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        (
            "benchmark.num_run=7",
            "--set benchmark.num_run: unknown key; allowed here: batch_size,"
            " input_output_len, num_runs, duration, warm_up, per_step (did you mean num_runs?)",
        ),
        (
            "benchmark.num_runs=x",
            '--set benchmark.num_runs: the text "x" is not allowed; allowed: a whole'
            " number, 0 or more",
        ),
        (
            "benchmark.num_runs",
            "--set benchmark.num_runs: expected path=value, for example benchmark.num_runs=20",
        ),
        ("=3", "--set =3: expected path=value, for example benchmark.num_runs=20"),
        (
            "parallel.tp=3",
            "--set parallel.tp: tp 3 does not fit 8 query heads, 4 key/value heads and"
            " intermediate_size 1408; allowed: 1, 2, 4, 8",
        ),
    ],
)  # fmt: skip
def test_a_change_that_is_not_allowed(assignment: str, expected: str) -> None:
    with pytest.raises(UserError) as raised:
        with_changes(quickstart(), [assignment])
    assert str(raised.value) == expected


def test_two_changes_that_are_allowed_together_only() -> None:
    together = ["model.shape.num_attention_heads=6", "model.shape.num_key_value_heads=6",
                "model.shape.head_dim=64"]  # fmt: skip
    changed = with_changes(quickstart(), iter(together))
    assert isinstance(changed, TorchProfile)
    assert changed.parallel.tp == 2
