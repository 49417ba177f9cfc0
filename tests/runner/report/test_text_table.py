"""The final table as text."""

from __future__ import annotations

import msgspec

from runner.report import result_table, text_table
from runner.report.build import build_report
from runner.state.run import RunState
from runner.util.formatting import plural
from tests.support import recorded_runs
from tests.support.runs import single, start, state_of, wait_until_ended


def test_sentences_wrap_at_the_width_below_their_own_begin() -> None:
    run_dir = start(single("ok"))
    wait_until_ended(run_dir)
    plan_and_state = state_of(run_dir)
    told = msgspec.structs.replace(
        build_report(single("ok"), plan_and_state),
        cause="a rank raised RuntimeError: " + "word " * 30,
        remedy="look at /a/very/" + "long-" * 20 + "path first",
        flags=["doubt " * 20],
    )
    lines = text_table.render(told, width=60).splitlines()
    at = lines.index(next(line for line in lines if line.startswith("cause: ")))
    assert lines[at + 1].startswith("       word")
    assert max(len(line) for line in lines[at : at + 3]) <= 60
    assert "look at" in "".join(lines)
    assert f"       /a/very/{'long-' * 20}path" in lines
    doubts = [line for line in lines if "doubt" in line]
    assert (doubts[0][:4], doubts[1][:4]) == ("  ! ", "    ")


def test_a_flag_is_said_once_in_the_words_of_every_other_table() -> None:
    state = RunState()
    state.apply_all(recorded_runs.finished(4).events)
    found = build_report(recorded_runs.finished(4).plan(), state)
    lines = text_table.render(found).splitlines()
    begin = lines.index("before you trust it:")
    said = " ".join(lines[begin + 1 : lines.index("", begin)])
    for flag in result_table.flags_in_words(found):
        assert " ".join(said.split()).count(f"! {flag}") == 1


def test_one_is_not_many() -> None:
    assert [plural(number, "cell") for number in (0, 1, 2)] == ["0 cells", "1 cell", "2 cells"]
