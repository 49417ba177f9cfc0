"""CUDA graphs and fused kernels against PyTorch's operations; runs where PyTorch sees a GPU."""

from __future__ import annotations

import pytest

from tests.runner.ranks.support import torch_or_skip

with torch_or_skip():
    import torch

    from runner.ranks.collectives import SingleRank
    from runner.ranks.decoder import Decoder
    from runner.ranks.generation import CpuMarks, EagerGeneration, generate, random_prompt
    from runner.ranks.graphs import Preparation
    from runner.ranks.quantized import FORMATS
    from runner.ranks.shape import DecoderShape
    from runner.ranks.weight_shards import WeightShard
    from runner.ranks.weights import RandomSource, build_weights
    from tests.runner.ranks.cuda_decoders import LARGER, gpu_decoder, in_float32

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no GPU here")

SHAPES = {
    "grouped heads": LARGER,
    "bias, five heads a group": LARGER
    | {"hidden_size": 640, "intermediate_size": 1920, "num_attention_heads": 10, "attention_bias": True},
    "query and key norm": LARGER | {"qk_norm": True},
    "one head a group": LARGER | {"num_attention_heads": 8, "num_key_value_heads": 8},
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize(("batch", "input_len"), [(1, 200), (3, 1), (16, 129), (70, 40)])
def test_graphs_choose_the_tokens_of_single_operations(name: str, batch: int, input_len: int) -> None:
    """In float32, where a choice never hangs on rounding."""
    shape = DecoderShape(**SHAPES[name])
    with torch.inference_mode():
        weights = build_weights(
            shape, WeightShard(0, 1), RandomSource(0, torch.float32, torch.device("cuda"))
        )
        for layer in weights.layers:
            if layer.head_norm is not None:
                layer.head_norm.uniform_(0.5, 1.5)
        decoder = Decoder(shape, weights, SingleRank(), input_len + 40)
        prompt = random_prompt(shape.vocab_size, batch, input_len, seed=1).cuda()
        expected = generate(EagerGeneration(decoder, prompt, 40), CpuMarks())
        graphs = Preparation(decoder).prepare(prompt, 40)
        assert torch.equal(generate(graphs, CpuMarks()), expected)
        assert torch.equal(generate(graphs, CpuMarks()), expected), "an iteration leaves nothing behind"


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("batch", [1, 3, 16, 70])
def test_quantised_graphs_choose_the_same_tokens(kind: str, batch: int) -> None:
    shape = DecoderShape(**SHAPES["bias, five heads a group"])
    with torch.inference_mode():
        source = RandomSource(0, torch.float32, torch.device("cuda"))
        decoder = Decoder(shape, build_weights(shape, WeightShard(0, 1), source, kind), SingleRank(), 160)
        prompt = random_prompt(shape.vocab_size, batch, 120, seed=1).cuda()
        expected = generate(EagerGeneration(decoder, prompt, 40), CpuMarks())
        assert torch.equal(generate(Preparation(decoder).prepare(prompt, 40), CpuMarks()), expected)


@pytest.mark.parametrize("kind", [None, *FORMATS])
@pytest.mark.parametrize("name", ["bfloat16", "float16"])
@pytest.mark.parametrize("batch", [1, 16])
def test_graphs_are_as_exact_as_single_operations(name: str, batch: int, kind: str | None) -> None:
    """Their logits are no further from those in float32 than those of PyTorch's operations are."""
    from runner.ranks.fused import FusedStep

    dtype = getattr(torch, name)
    with torch.inference_mode():
        decoder = gpu_decoder(dtype, kind)
        exact = Decoder(decoder.shape, in_float32(decoder.weights), SingleRank(), 256)
        prompt = random_prompt(decoder.shape.vocab_size, batch, 100, seed=1).cuda()
        step = FusedStep(decoder, prompt, 2, pdl=False)
        step.prefill()
        first = step.tokens[:, 0].clone()
        step.decode()
        caches = decoder.new_cache(batch, 128), exact.new_cache(batch, 128)
        decoder.prefill(prompt, caches[0])
        exact.prefill(prompt, caches[1])
        expected = exact.decode(first, caches[1])
        errors = [
            (found.float() - expected).norm() / expected.norm()
            for found in (step.logits, decoder.decode(first, caches[0]))
        ]
    assert errors[0] < 1.2 * errors[1]
