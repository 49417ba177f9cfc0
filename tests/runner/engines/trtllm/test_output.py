"""Parsing output of benchmark.py other than results."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.engines.benchmark_line import parse_result
from runner.engines.benchmark_notices import LoopEnd, loop_end_of, parse_notice, skip_of
from runner.engines.output import OutputNotice, OutputReader
from runner.engines.trtllm.output import Latencies, latencies_of
from runner.events import Notice
from runner.events.journal import LineReader
from runner.supervision.collector import Collector

LOG = "[12/24/2024-10:11:12] [TRT-LLM] [I] "


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            "[WARNING] check inlen(2000) <= max_inlen(1024) or seqlen(2100) <= max_seq_len(2048) failed,"
            " skipping.",
            "inlen(2000) <= max_inlen(1024) or seqlen(2100) <= max_seq_len(2048)",
        ),
        ("[WARNING] check batch_size(16) <= max_batch_size(8) failed, skipping.", "batch_size(16) <="),
        (
            "[1,1]<stdout>: [WARNING] check inlen(9) <= max_inlen(8) and outlen(9) <= max_seqlen(8) failed,"
            " skipping.",
            "inlen(9) <= max_inlen(8) and outlen(9) <= max_seqlen(8) does not hold",
        ),
    ],
)
def test_shapes_beyond_the_engine(line: str, says: str) -> None:
    skip = skip_of(line)
    assert skip is not None
    assert says in skip.why
    assert skip.configuration == ""
    assert parse_notice(line) == OutputNotice(skip.text, explains_missing_result=True)


def test_no_memory_for_a_configuration() -> None:
    line = (
        f"{LOG}Exception CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of"
        " 23.65 GiB. caught while allocating memory; skipping (8, 128, 20, 1.0)"
    )
    skip = skip_of(line)
    assert skip is not None
    assert skip.configuration == "8, 128, 20, 1.0"
    assert skip.text == (
        "the benchmark skipped configuration (8, 128, 20, 1.0): not enough GPU memory for it:"
        " CUDA out of memory"
    )


def test_warnings_worth_showing() -> None:
    assert "another model of GPU" in str(
        parse_notice(
            "[TensorRT-LLM][WARNING] Using an engine plan file across different models of devices is not"
            " recommended and is likely to affect performance or even cause errors."
        )
    )
    assert "not measured" in str(parse_notice(f"{LOG}peak_mem_queue was empty."))
    assert parse_notice(f"{LOG}Warm up done. Start benchmarking.") is None


def test_the_end_of_the_loop() -> None:
    assert loop_end_of(f"{LOG}Benchmarking done. Iteration: 10, duration: 0.244 sec.") == LoopEnd(10, 0.244)
    assert loop_end_of(f"{LOG}Benchmarking done.") is None


def test_all_latencies() -> None:
    assert latencies_of(f"{LOG}Latencies: [1.5, 2.25, 3e-05]") == Latencies((1.5, 2.25, 3e-05))
    assert latencies_of(f"{LOG}Latencies: []") == Latencies(())
    assert latencies_of(f"{LOG}Latencies: [1.5, x]") is None
    assert latencies_of("no latencies") is None


def test_the_first_and_the_last_ten() -> None:
    first, last = tuple(1 + n / 8 for n in range(10)), tuple(3 + n / 8 for n in range(10))
    line = f"{LOG}Latencies: [{', '.join(map(str, first))}...{', '.join(map(str, last))}]"
    found = latencies_of(line)
    assert found == Latencies(first, last)
    assert not found.complete


def test_what_every_rank_says_becomes_one_notice(tmp_path: Path) -> None:
    log = tmp_path / "0-benchmark.log"
    log.write_text("[WARNING] check batch_size(16) <= max_batch_size(8) failed, skipping.\n" * 4)
    collector = Collector(0, tmp_path / "none", LineReader(log), OutputReader(parse_result, parse_notice))
    (notice,) = collector.finish(7)
    assert isinstance(notice, Notice)
    assert (notice.t, notice.level, notice.rank) == (7, "warning", None)
    assert "batch_size(16) <= max_batch_size(8) does not hold" in notice.text
