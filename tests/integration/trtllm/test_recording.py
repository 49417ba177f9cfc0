"""A recorded run of the stand-ins on two H200 with CUDA events: its log has the printed values."""

from __future__ import annotations

import pytest

from runner import events as ev
from runner.cli.main import main
from runner.report.build import build_report
from runner.report.files import read_state
from runner.run import layout
from tests.integration.trtllm import support
from tests.support.paths import DATA

H200 = DATA / "h200-trtllm-standin"


def test_the_table_is_what_was_printed() -> None:
    final = build_report(layout.load_plan(H200), read_state(H200))

    assert (final.status, final.ranks) == ("finished", 2)
    (configuration,) = final.configurations
    support.assert_table_is_what_was_printed(configuration)
    assert support.row(configuration, "latency_ms").n == 40
    assert support.row(configuration, "total_generated_tokens").value == 8 * 255


def test_every_rank_reported_all_of_its_iterations() -> None:
    state = read_state(H200)
    assert all(rank.complete for rank in state.ranks.values())
    for rank in (0, 1):
        own = [e for e in support.events(H200) if isinstance(e, ev.Iteration) and e.rank == rank]
        assert [e.phase for e in own] == ["warmup"] * 5 + ["timed"] * 40
        assert {e.steps for e in own if e.phase == "timed"} == {255}
        # Generation is a part of an iteration, on events of the same clock.
        assert all(0 < (e.generation_ms or 0) < e.latency_ms for e in own if e.phase == "timed")


def test_it_replays(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(H200), "--speed", "1000", "--headless"]) == 0
    captured = capsys.readouterr()
    assert "batch 8, 128 in, 256 out" in captured.err
    assert "generation tokens per second" in captured.out
