"""The decoder, its memory and its checkpoint on a GPU; runs where PyTorch sees one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runner.ranks.support import torch_or_skip

with torch_or_skip():
    import torch
    import torch.distributed

    from runner.ranks.checkpoint import open_checkpoint
    from runner.ranks.collectives import Nccl, SingleRank
    from runner.ranks.decoder import Decoder
    from runner.ranks.device import reset_memory
    from runner.ranks.generation import CpuMarks, EagerGeneration, generate, random_prompt, timed_generation
    from runner.ranks.graphs import Preparation
    from runner.ranks.loading import CheckpointSource
    from runner.ranks.memory import configuration_need, weights_need
    from runner.ranks.shape import DecoderShape
    from runner.ranks.weight_shards import WHOLE, WeightShard
    from runner.ranks.weights import RandomSource, build_weights
    from tests.runner.ranks.checkpoints import shape_in, write_model
    from tests.runner.ranks.cuda_decoders import LARGER, gpu_decoder, on_gpu

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no GPU here")

FITTING = {"head_dim": 16}
"""a width that the kernels support"""


def test_gpu_agrees_with_cpu() -> None:
    shape = DecoderShape(**LARGER, attention_bias=True)
    prompt = random_prompt(shape.vocab_size, 3, 40, seed=1)
    with torch.inference_mode():
        weights = build_weights(shape, WeightShard(0, 1), RandomSource(0, torch.float32, torch.device("cpu")))
        cpu = Decoder(shape, weights, SingleRank(), 64)
        gpu = Decoder(shape, on_gpu(weights), SingleRank(), 64)
        caches = cpu.new_cache(3, 64), gpu.new_cache(3, 64)
        expected = cpu.prefill(prompt, caches[0])
        torch.testing.assert_close(
            gpu.prefill(prompt.cuda(), caches[1]).cpu(), expected, atol=1e-4, rtol=1e-3
        )
        tokens = cpu.greedy(expected)
        for _ in range(4):
            expected = cpu.decode(tokens, caches[0])
            found = gpu.decode(tokens.cuda(), caches[1])
            torch.testing.assert_close(found.cpu(), expected, atol=1e-4, rtol=1e-3)
            tokens = cpu.greedy(expected)


@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16"])
def test_times_are_sane(name: str) -> None:
    with torch.inference_mode():
        decoder = gpu_decoder(getattr(torch, name))
        prompt = random_prompt(decoder.shape.vocab_size, 4, 128, seed=1).cuda()
        short, long = [], []
        preparation = Preparation(decoder)
        assert preparation.uses_graphs
        few, many, one = (preparation.prepare(prompt, length) for length in (8, 64, 1))
        for _ in range(5):
            short.append(timed_generation(few))
            long.append(timed_generation(many))
        alone = timed_generation(one)
    for timing in short[2:] + long[2:]:
        assert 0 < timing.generation_ms < timing.latency_ms
    assert min(t.generation_ms for t in long) > 3 * min(t.generation_ms for t in short)
    assert (alone.steps, alone.generation_ms) == (0, 0.0)


def test_decoding_does_not_wait_for_the_gpu() -> None:
    with torch.inference_mode():
        decoder = gpu_decoder(torch.bfloat16)
        prompt = random_prompt(decoder.shape.vocab_size, 2, 16, seed=1).cuda()
        for generation in (EagerGeneration(decoder, prompt, 16), Preparation(decoder).prepare(prompt, 16)):
            generate(generation, CpuMarks())
            torch.cuda.set_sync_debug_mode("error")
            try:
                generate(generation, CpuMarks())
            finally:
                torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_counted_memory_covers_what_is_allocated(name: str) -> None:
    batch, input_len, output_len = 16, 1024, 32
    shape, dtype = DecoderShape(**LARGER), getattr(torch, name)
    reset_memory(torch.device("cuda"))
    of_other_tests = torch.cuda.memory_reserved()
    with torch.inference_mode():
        weights = build_weights(shape, WeightShard(0, 1), RandomSource(0, dtype, torch.device("cuda")))
        decoder = Decoder(shape, weights, SingleRank(), input_len + output_len)
        prompt = random_prompt(shape.vocab_size, batch, input_len, seed=1).cuda()
        timed_generation(Preparation(decoder).prepare(prompt, output_len))
    need = configuration_need(shape, 1, dtype.itemsize, batch, input_len, output_len)
    assert torch.cuda.max_memory_reserved() - of_other_tests <= need.total


def test_nccl_with_one_rank() -> None:
    nccl = Nccl(SingleRank(), torch.device("cuda", 0))
    try:
        with torch.inference_mode():
            tensor = torch.arange(6, device="cuda", dtype=torch.bfloat16)
            nccl.all_reduce_sum(tensor)
            assert tensor.tolist() == [0, 1, 2, 3, 4, 5]
            best = nccl.greedy(
                torch.tensor([0.5, 2.0], device="cuda"), torch.tensor([7, 150_001], device="cuda")
            )
            assert best.tolist() == [7, 150_001]
        assert nccl.broadcast_flag(True)
        assert nccl.all_agree(True)
        nccl.barrier()
    finally:
        nccl.close()


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "mistral"])
def test_checkpoint_on_gpu_agrees_with_cpu(family: str, tmp_path: Path) -> None:
    """Real weights, with norms and biases that matter, in the fused kernels as in single operations."""
    write_model(tmp_path, family, torch.bfloat16, files=2, **FITTING)
    shape = shape_in(tmp_path)
    checkpoint = open_checkpoint(tmp_path, shape)
    prompt = random_prompt(shape.vocab_size, 3, 20, seed=1)
    with torch.inference_mode():
        found = []
        for device in (torch.device("cpu"), torch.device("cuda")):
            weights = build_weights(shape, WHOLE, CheckpointSource(checkpoint, torch.float32, device))
            decoder = Decoder(shape, weights, SingleRank(), 32)
            logits = decoder.prefill(prompt.to(device), decoder.new_cache(3, 32))
            preparation = Preparation(decoder)
            assert preparation.uses_graphs == (device.type == "cuda")
            tokens = generate(preparation.prepare(prompt.to(device), 12), CpuMarks())
            found.append((logits.cpu(), tokens.cpu()))
    torch.testing.assert_close(found[1][0], found[0][0], atol=1e-3, rtol=1e-3)
    assert torch.equal(found[1][1], found[0][1])


def test_loading_needs_memory_for_the_weights_alone(tmp_path: Path) -> None:
    changes = {"hidden_size": 512, "intermediate_size": 1024, "vocab_size": 4096}
    write_model(tmp_path, "mistral", torch.float32, **FITTING | changes)
    shape = shape_in(tmp_path)
    reset_memory(torch.device("cuda"))
    before = torch.cuda.memory_allocated()
    source = CheckpointSource(open_checkpoint(tmp_path, shape), torch.bfloat16, torch.device("cuda"))
    with torch.inference_mode():
        weights = build_weights(shape, WHOLE, source)
    need = weights_need(shape, 1, 2, loaded=True).total
    assert need == 2 * weights.parameters
    assert torch.cuda.max_memory_allocated() - before <= need + (1 << 20), "each tensor is rounded up"
