"""Real runs that were recorded: their logs must say today what they said then."""

from __future__ import annotations

from pathlib import Path

from runner import report, rundir

H200 = Path(__file__).parents[1] / "data" / "h200-torch-1gpu"


def test_a_run_on_an_h200_reads_as_it_was_printed() -> None:
    """The engine's own printed numbers and ours, recomputed from the iterations, agree in every row."""
    final = report.build(rundir.load_plan(H200), report.read_state(H200))

    assert final.status == "finished"
    assert [configuration.batch_size for configuration in final.configurations] == [1, 8, 16]
    printed = {
        "latency_ms": ["1178.903", "1180.654", "1380.839"],
        "percentile95_ms": ["1371.363", "1418.933", "2121.412"],
        "tokens_per_sec": ["108.58", "867.32", "1483.16"],
        "generation_tokens_per_second": ["108.702", "880.326", "1527.735"],
        "total_generated_tokens": ["127.0", "1016.0", "2032.0"],
        "gpu_peak_mem_gb": ["16.143", "16.488", "16.883"],
    }
    for name, expected in printed.items():
        rows = [
            row for configuration in final.configurations for row in configuration.rows if row.metric == name
        ]
        assert [row.printed for row in rows] == expected
        assert [f"{row.value:.{len(row.printed.partition('.')[2])}f}" for row in rows] == expected
    assert not any("the engine printed" in flag for c in final.configurations for flag in c.flags)
