"""The `[BENCHMARK]` line of a configuration, with formulas and rounding of TensorRT-LLM's benchmark.py."""

from __future__ import annotations

from dataclasses import dataclass

from runner.ranks.generation import Timing
from runner.ranks.shape import DecoderShape


@dataclass(frozen=True)
class BenchmarkConfiguration:
    """One configuration to measure."""

    batch_size: int
    input_len: int
    output_len: int

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Batch size, input length and output length."""
        return self.batch_size, self.input_len, self.output_len

    def __str__(self) -> str:
        """Return the name that upstream uses; the last number is the GPU share of the weights, always 1."""
        return f"({self.batch_size}, {self.input_len}, {self.output_len}, 1.0)"


@dataclass(frozen=True)
class Setting:
    """What all configurations of a run have in common."""

    name: str
    """last part of the engine directory"""
    shape: DecoderShape
    world: int
    precision: str
    compute_cap: str
    """for example `sm90`; `none` on a CPU"""
    quantization: str = "0"
    """the format of the weights; `0`: they are not quantised, as upstream prints it"""


def benchmark_line(
    setting: Setting, configuration: BenchmarkConfiguration, timings: list[Timing], peak_memory_gib: float
) -> str:
    """Return one line of `key value` pairs in upstream's order.

    `timings` are the timed iterations of one rank, at least one; `peak_memory_gib` is in GiB, as upstream.
    """
    batch, output_len = configuration.batch_size, configuration.output_len
    latencies = sorted(timing.latency_ms for timing in timings)
    latency = round(sum(latencies) / len(latencies), 3)
    generation = sum(timing.generation_ms for timing in timings) / len(timings)
    tokens = float(timings[0].steps * batch)
    values = {
        "engine_dir": setting.name,
        "world_size": setting.world,
        "num_heads": setting.shape.num_attention_heads,
        "num_kv_heads": setting.shape.num_key_value_heads,
        "num_layers": setting.shape.num_hidden_layers,
        "hidden_size": setting.shape.hidden_size,
        "vocab_size": setting.shape.vocab_size,
        "precision": setting.precision,
        "batch_size": batch,
        "gpu_weights_percent": 1.0,
        "input_length": configuration.input_len,
        "output_length": output_len,
        "gpu_peak_mem(gb)": round(peak_memory_gib, 3),
        "build_time(s)": None,
        "tokens_per_sec": round(batch * output_len / (latency / 1000), 2),
        "percentile95(ms)": upstream_percentile(latencies, 0.95),
        "percentile99(ms)": upstream_percentile(latencies, 0.99),
        "latency(ms)": latency,
        "compute_cap": setting.compute_cap,
        "quantization": setting.quantization,
        "generation_time(ms)": round(generation, 3),
        "total_generated_tokens": tokens,
        "generation_tokens_per_second": round(tokens * 1000 / generation, 3) if generation else 0.0,
    }
    return "[BENCHMARK] " + " ".join(f"{key} {value}" for key, value in values.items())


def upstream_percentile(ordered: list[float], fraction: float) -> float:
    """Return upstream's percentile of ascending values: not interpolated, so of few values the largest."""
    return round(ordered[int(len(ordered) * fraction)], 3)
