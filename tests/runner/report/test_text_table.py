"""The final table as text."""

from __future__ import annotations

import msgspec

from runner.events import GpuMemory, MemoryParts
from runner.export import html
from runner.export.table_markdown import as_markdown
from runner.report import result_table, text_table
from runner.report.build import build_report
from runner.state.run import RunState
from runner.util.formatting import plural
from tests.support import recorded_runs
from tests.support.runs import single, start, state_of, wait_until_ended


def test_sentences_wrap_with_a_hanging_indent() -> None:
    run_dir = start(single("ok"))
    wait_until_ended(run_dir)
    plan_and_state = state_of(run_dir)
    report = msgspec.structs.replace(
        build_report(single("ok"), plan_and_state),
        cause="a rank raised RuntimeError: " + "word " * 30,
        remedy="look at /a/very/" + "long-" * 20 + "path first",
        flags=["doubt " * 20],
    )
    lines = text_table.render(report, width=60).splitlines()
    at = lines.index(next(line for line in lines if line.startswith("cause: ")))
    assert lines[at + 1].startswith("       word")
    assert max(len(line) for line in lines[at : at + 3]) <= 60
    assert "look at" in "".join(lines)
    assert f"       /a/very/{'long-' * 20}path" in lines
    doubts = [line for line in lines if "doubt" in line]
    assert (doubts[0][:4], doubts[1][:4]) == ("  ! ", "    ")


def test_warning_appears_once_with_the_same_text_in_every_table() -> None:
    state = RunState()
    state.apply_all(recorded_runs.finished(4).events)
    found = build_report(recorded_runs.finished(4).plan(), state)
    lines = text_table.render(found).splitlines()
    begin = lines.index("warnings:")
    text = " ".join(lines[begin + 1 : lines.index("", begin)])
    for flag in result_table.list_flags(found):
        assert " ".join(text.split()).count(f"! {flag}") == 1


def test_memory_map_is_in_every_form_of_the_result() -> None:
    state = RunState()
    state.apply_all(recorded_runs.finished(4).events)
    start, parts = state.configurations[0].start, MemoryParts(weights=3 << 30, context=1 << 30)
    state.apply(GpuMemory(t=state.last_t, stage=start.stage, rank=0, config=start.index, parts=parts))
    found = build_report(recorded_runs.finished(4).plan(), state)
    lines = text_table.render(found, width=200).splitlines()
    said = (
        "the engine says weights 3.0 + CUDA context 1.0 = 4.0 GiB, without KV cache and execution (not known)"
    )
    assert said in lines[lines.index("memory of a GPU:") + 1]
    assert said in as_markdown(found)
    assert any(line.startswith("GPU memory, by the engine, GiB") for line in lines), "a row without a number"
    page = "".join(html.memory_section(found))
    assert "<td>weights</td><td>–</td><td>3.00</td>" in page


def test_plural_of_none_one_and_two() -> None:
    assert [plural(number, "cell") for number in (0, 1, 2)] == ["0 cells", "1 cell", "2 cells"]
