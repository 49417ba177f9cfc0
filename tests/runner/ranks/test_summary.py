"""The printed line: upstream's keys, formulas and rounding."""

from __future__ import annotations

from tests.runner.ranks.support import TINY, torch_or_skip

with torch_or_skip():
    from runner.engines import benchmark_line as reader
    from runner.ranks.generation import Timing
    from runner.ranks.shape import DecoderShape
    from runner.ranks.summary import BenchmarkConfiguration, Setting, benchmark_line, upstream_percentile

SETTING = Setting("engine dir", DecoderShape(**TINY), 2, "float16", "sm90")


def test_numbers_of_upstreams_sample() -> None:
    timings = [Timing(24.3538, 19.17116, 19), Timing(24.3542, 19.17116, 19)]
    line = benchmark_line(SETTING, BenchmarkConfiguration(8, 60, 20), timings, 5.0004)
    assert line == (
        "[BENCHMARK] engine_dir engine dir world_size 2 num_heads 4 num_kv_heads 2 num_layers 2"
        " hidden_size 48 vocab_size 101 precision float16 batch_size 8 gpu_weights_percent 1.0"
        " input_length 60 output_length 20 gpu_peak_mem(gb) 5.0 build_time(s) None tokens_per_sec 6569.76"
        " percentile95(ms) 24.354 percentile99(ms) 24.354 latency(ms) 24.354 compute_cap sm90"
        " quantization 0 generation_time(ms) 19.171 total_generated_tokens 152.0"
        " generation_tokens_per_second 7928.576"
    )
    values = reader.parse(line)
    assert values is not None
    assert tuple(values) == tuple(key for key in reader.KEYS if key != "model_name")
    assert values["engine_dir"] == "engine dir"


def test_one_token_has_no_generation() -> None:
    values = reader.parse(
        benchmark_line(SETTING, BenchmarkConfiguration(4, 32, 1), [Timing(8.0, 0.0, 0)], 0.0)
    )
    assert values is not None
    assert values["tokens_per_sec"] == "500.0"
    assert values["generation_time(ms)"] == values["generation_tokens_per_second"] == "0.0"
    assert values["total_generated_tokens"] == "0.0"


def test_percentile_does_not_interpolate() -> None:
    assert upstream_percentile([1.0, 2.0], 0.95) == 2.0
    assert upstream_percentile([float(n) for n in range(100)], 0.95) == 95.0
    assert upstream_percentile([float(n) for n in range(200)], 0.99) == 198.0
