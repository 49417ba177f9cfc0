"""The sides of a comparison, by what the user types."""

from __future__ import annotations

import pytest

from runner.compare import load_sides
from runner.compare.sides import side_label
from runner.history import labels
from runner.history.lookup import find_run
from runner.util.errors import UserError
from tests.support.compared_runs import run, some


class TestSides:
    def test_runs_groups_and_filters(self) -> None:
        for index, name in enumerate(("aaaa", "bbbb", "cccc", "dddd")):
            run({1: some()}, name=name, second=index)
        run({1: some()}, name="eeee", status="failed", second=5)
        for name in ("cccc", "dddd", "eeee"):
            labels.tag(find_run(name).name, add=["after"])
        found = load_sides(["aaaa,bbbb", "tag:after"])
        named = [[one.name[-4:] for one in side.runs] for side in found]
        assert named == [["aaaa", "bbbb"], ["cccc", "dddd"]]
        assert [side.label for side in found] == ["A", "B"]

    @pytest.mark.parametrize(
        ("index", "said"), [(0, "A"), (25, "Z"), (26, "AA"), (53, "BB"), (199, "GR"), (702, "AAA")]
    )
    def test_any_number_of_sides_has_letters(self, index: int, said: str) -> None:
        assert side_label(index) == said

    @pytest.mark.parametrize(
        ("names", "said"),
        [
            (["aaaa"], "a comparison needs two sides"),
            (["aaaa", "aaaa"], "is named twice (side A and B)"),
            (["aaaa,aaaa", "bbbb"], "is named twice (side A)"),
            (["aaaa", "nope"], "there is no run 'nope'"),
            (["aaaa", "tag:nope"], "no finished run matches 'tag:nope'"),
            (["aaaa", ","], "',' names no run"),
            (["aaaa", "bbbb"], "has no measured configuration to compare"),
        ],
    )
    def test_what_cannot_be_compared_is_said_in_a_sentence(self, names: list[str], said: str) -> None:
        run({1: some()}, name="aaaa")
        run({}, name="bbbb", second=1)
        with pytest.raises(UserError) as error:
            load_sides(names)
        assert said in str(error.value)
