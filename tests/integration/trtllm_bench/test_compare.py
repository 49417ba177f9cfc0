"""benchmark.py, trtllm-bench and the torch engine on one shape: one table with its caveats."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest

from runner.compare import as_text, compare, load_sides
from runner.compare.comparison import Comparison
from runner.compare.comparison_markdown import as_markdown
from runner.util import paths
from tests.integration.trtllm.support import final, only_benchmark, row
from tests.integration.trtllm.support import succeed as measure_statically
from tests.integration.trtllm_bench.support import profile, succeed
from tests.runner.ranks.support import needs_mpi
from tests.support.compared_runs import run as torch_run
from tests.support.compared_runs import some
from tui.framework.rows import row_text
from tui.screens.compare.compare_table import make_compare_view, table_lines

LENGTHS = {"input_len": 64, "output_len": 16}


def bench(folder: Path, concurrency: list[int], count: int = 20) -> str:
    benchmark = {"backend": "pytorch", "concurrency": concurrency, "streaming": True}
    run_dir, _ = succeed(
        profile(folder, "1.2.1", dataset=LENGTHS | {"num_requests": count}, benchmark=benchmark)
    )
    return run_dir.name


@needs_mpi
@pytest.mark.mpi
def test_three_engines_on_one_shape(tmp_path: Path) -> None:
    static, _ = measure_statically(
        only_benchmark(tmp_path, benchmark={"batch_size": [4], "input_output_len": [[64, 16]]})
    )
    torch = torch_run({4: some(), 8: some()}).name
    first, second = bench(tmp_path, [4]), bench(tmp_path, [4])
    found = compare(load_sides([static.name, f"{first},{second}", torch]))
    (table,) = found.across
    assert (table.at_once, table.input_len, table.output_len) == (4, 64, 16)
    assert table.configurations == ("batch 4 64→16", "concurrency 4 64→16", "batch 4 64→16")
    rates = table.lines[0]
    assert rates.metrics == ("tokens_per_sec", "output_tokens_per_sec", "tokens_per_sec")
    assert all(rates.values)
    measured = [
        row(configuration, "output_tokens_per_sec").value or 0
        for name in (first, second)
        for configuration in final(paths.runs_dir() / name).configurations
    ]
    assert rates.values[1] == pytest.approx(math.prod(measured) ** 0.5), "the mean of its runs"
    text = as_text(found)
    assert "side by side: 4 at a time, 64 in, 16 out; geometric means of 1, 2 and 1 runs" in text
    assert "A trtllm" in text
    assert "B trtllm-bench" in text
    assert "output, tokens/s is of A tokens per second, B output tokens per second" in text
    assert "not the same quantity" in text
    assert "\n| output, tokens/s " in as_markdown(found)
    drawn = "\n".join(row_text(line.row) for line in table_lines(make_compare_view(found), 160))
    assert "side by side: 4 at a time" in drawn
    assert "concurrency 4 64→16" in drawn
    assert msgspec.json.decode(msgspec.json.encode(found), type=Comparison) == found
    other_load = compare(load_sides([first, bench(tmp_path, [4], count=30)]))
    assert not other_load.pairs[0].configurations, "other numbers of requests are another load"


@pytest.mark.slow
def test_runs_of_trtllm_bench_are_compared_with_each_other(tmp_path: Path) -> None:
    names = [bench(tmp_path, [2, 4]), bench(tmp_path, [2, 4])]
    found = compare(load_sides(names))
    (pair,) = found.pairs
    assert [one.shape.concurrency for one in pair.configurations] == [2, 4]
    assert not found.across
    headline = pair.configurations[0].headline
    assert headline is not None
    assert headline.metric == "output_tokens_per_sec"
    assert "concurrency 2 64→16" in as_text(found)
