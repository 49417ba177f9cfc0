"""The memory map: what was predicted, what the engine says, and the peak of NVML."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest

from runner import events as ev
from runner.engines.tensorrt_llm.memory_lines import MemoryParser
from runner.engines.torch.memory import predicted_memory
from runner.engines.torch.profile import TorchProfile
from runner.events import MemoryParts
from runner.metrics.memory_map import GIB, MemoryMap, find_memory_map, memory_flags, with_cache
from runner.plan.plan import Plan, PredictedMemory
from runner.profile.yaml_file import load_text
from runner.state.run import RunState
from tests.support.paths import ROOT

MIB = 1 << 20
CPP = """\
[TensorRT-LLM][INFO] Loaded engine size: 6695 MiB
[TensorRT-LLM][INFO] [MemUsageChange] Allocated 1134.01 MiB for execution context memory.
[TensorRT-LLM][INFO] [MemUsageChange] TensorRT-managed allocation in IExecutionContext creation: CPU +0, GPU +0
[TensorRT-LLM][INFO] [MemUsageChange] Allocated 43.29 MB GPU memory for runtime buffers.
[TensorRT-LLM][INFO] [MemUsageChange] Allocated 180.30 MB GPU memory for decoder.
[TensorRT-LLM][INFO] Memory usage when calculating max tokens in paged kv cache: total: 79.10 GiB, available: 70.48 GiB
[TensorRT-LLM][INFO] Number of blocks in KV cache primary pool: 4060
[TensorRT-LLM][INFO] Number of tokens per block: 64.
[TensorRT-LLM][INFO] [MemUsageChange] Allocated 63.44 GiB for max tokens in paged KV cache (259840).
"""  # noqa: E501
"""The log that TensorRT-LLM's documentation explains (docs/source/reference/memory.md)."""
PYTORCH = """\
[12/20/2025-04:20:21] [TRT-LLM] [I] Use 63.32 GB for model weights.
[TensorRT-LLM][INFO] [MemUsageChange] Allocated 0.56 GiB for max tokens in paged KV cache (8224).
[TRT-LLM] [I] Memory used after loading model weights (inside torch) in memory usage profiling: 63.52 GiB
[TRT-LLM] [I] Memory used after loading model weights (outside torch) in memory usage profiling: 49.78 GiB
[TRT-LLM] [I] Memory dynamically allocated during inference (inside torch) in memory usage profiling: 0.85 GiB
[TRT-LLM] [I] Memory used outside torch (e.g., NCCL and CUDA graphs) in memory usage profiling: 49.28 GiB
[TensorRT-LLM][INFO] [MemUsageChange] Allocated 5.95 GiB for max tokens in paged KV cache (86720).
"""


def events_in(text: str) -> list[ev.GpuMemory]:
    parse = MemoryParser()
    found = [parse(line, 0, 1) for line in text.splitlines() for _ in range(2)]
    return [event for event in found if isinstance(event, ev.GpuMemory)]


def test_lines_of_the_cpp_runtime() -> None:
    events = events_in(CPP)
    last = events[-1]
    assert len(events) == 6, "each rank prints the same lines"
    assert (last.tokens, last.blocks) == (259_840, 4060)
    assert last.parts.weights == 6695 * MIB
    assert last.parts.buffers == pytest.approx(223.59 * MIB, rel=1e-6)
    assert last.parts.context == pytest.approx((79.10 - 70.48) * GIB - (6695 + 1134.01 + 223.59) * MIB, abs=9)
    assert last.parts.total == pytest.approx((79.10 - 70.48 + 63.44) * GIB, abs=9)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (PYTORCH, {"weights": 63.52, "execution": 0.85, "context": 49.28, "cache": 5.95}),
        ("Rank 0 uses 8.46 GB for model weights.", {"weights": 8.46}),
        ("Allocated 117.74 MiB for execution context memory.", {"execution": 117.74 / 1024}),
        ("Allocated 99999999999 GiB for max tokens in paged KV cache (1)", {}),
    ],
    ids=["pytorch", "0.20", "benchmark.py", "absurd"],
)
def test_lines_of_other_runtimes(text: str, parts: dict[str, float]) -> None:
    found = events_in(text)[-1].parts.sizes if parts else {}
    assert {name: size / GIB for name, size in found.items() if size} == pytest.approx(parts, rel=1e-6)


def recorded(name: str) -> Iterable[MemoryMap]:
    """Yield the maps of a recorded run on H200s, with a prediction from its profile."""
    folder = ROOT / "tests" / "data" / name
    state = RunState()
    state.apply_all(ev.decode_lines((folder / "events.jsonl").read_bytes()))
    profile = load_text((folder / "profile.yaml").read_text("utf-8"), "p.yaml")
    assert isinstance(profile, TorchProfile)
    assert profile.model.shape is not None
    plan = msgspec.json.decode((folder / "plan.json").read_bytes(), type=Plan)
    plan = msgspec.structs.replace(plan, memory=predicted_memory(profile, profile.model.shape))
    for number in range(len(state.configurations)):
        found = find_memory_map(state, plan, number)
        assert found is not None
        yield found


@pytest.mark.parametrize("name", ["h200-torch-1gpu", "h200-torch-2gpu", "h200-torch-2gpu-graphs"])
def test_prediction_is_near_the_peak_of_nvml(name: str) -> None:
    errors = [found.off_peak(found.predicted) for found in recorded(name)]
    assert errors == pytest.approx([0, 0], abs=0.03)
    assert all(error is not None and error > -0.005 for error in errors), "a refusal needs an upper estimate"


def run_with(*told: ev.GpuMemory) -> RunState:
    state = RunState()
    state.apply(ev.StageStarted(t=0, stage=1, name="benchmark", pid=1, ranks=2))
    state.apply(
        ev.ConfigurationStarted(
            t=0, stage=1, index=0, batch_size=8, input_len=8, output_len=8, num_runs=1, duration=0, warm_up=0
        )
    )
    state.apply_all(told)
    return state


def test_the_rank_that_holds_most_counts() -> None:
    told = [
        ev.GpuMemory(t=1, stage=1, rank=rank, config=0, parts=MemoryParts(weights=size))
        for rank, size in ((0, 5), (1, 9), (0, 7))
    ]
    state = run_with(*told)
    found = state.memory.of(state.configurations[0].start)
    assert found is not None
    assert (found.rank, found.parts.weights) == (1, 9)
    assert [state.ranks[rank].records for rank in (0, 1)] == [3, 1], "a record of a rank, as `bye` counts it"


def test_parts_that_are_not_logged_are_estimates() -> None:
    state = run_with(ev.GpuMemory(t=1, stage=1, parts=MemoryParts(execution=GIB)))
    parts = MemoryParts(weights=7 * GIB, cache=GIB, context=GIB)
    said = state.memory.of(state.configurations[0].start)
    assert said is not None
    found = MemoryMap(predicted=parts, logged=said.parts, peak=8 * GIB)
    assert found.best is not None
    assert (found.best.total, found.estimated) == (10 * GIB, ["weights", "KV cache", "CUDA context"])
    assert found.remark(parts) == ", without execution (not known)"
    with_reason = MemoryMap(predicted=parts, why_not="it is sized later", logged=said.parts)
    assert with_reason.remark(parts) == ", without execution (not predicted: it is sized later)"
    assert with_reason.remark(said.parts).endswith("KV cache and CUDA context (not known)")
    assert not memory_flags(found), "an estimate is not flagged"
    certain = MemoryMap(logged=found.best, peak=8 * GIB)
    assert certain.remark(found.best) == " (+25.0 % of the peak)"
    assert "the engine states 10.0 GiB on a GPU, and NVML saw 8.0 GiB" in memory_flags(certain)[0]


def test_a_share_of_what_is_free_is_the_cache() -> None:
    planned = PredictedMemory(parts=MemoryParts(weights=10 * GIB, context=GIB), cache_share=0.9)
    assert with_cache(planned, 111 * GIB).cache == 90 * GIB
    assert with_cache(planned, None).cache is None
