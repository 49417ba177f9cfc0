"""The decoder on one rank: against a plain reference, and with its cache against without."""

from __future__ import annotations

from typing import Any

import pytest

from tests.runner.ranks.support import TINY, torch_or_skip

with torch_or_skip():
    import torch

    from runner.ranks.collectives import SingleRank
    from runner.ranks.decoder import Decoder
    from runner.ranks.generation import CpuMarks, EagerGeneration, generate, random_prompt, timed_generation
    from runner.ranks.shape import DecoderShape, RopeScaling
    from runner.ranks.weight_shards import WeightShard
    from runner.ranks.weights import RandomSource, Weights, build_weights
    from tests.runner.ranks import reference

CPU = torch.device("cpu")
SHAPES = {
    "grouped": {},
    "one key head": {"num_key_value_heads": 1},
    "no groups": {"num_key_value_heads": 4},
    "bias": {"attention_bias": True},
    "tied": {"tie_word_embeddings": True},
    "query and key norm": {"qk_norm": True},
    "scaled rotation": {"rope_scaling": RopeScaling(8.0, 1.0, 4.0, 32)},
    "width from hidden": {"head_dim": None, "rope_theta": 500000.0, "rms_norm_eps": 1e-5},
}


def build(dtype: torch.dtype = torch.float32, **changes: Any) -> tuple[Decoder, RandomSource]:
    """Float32 weights are the reference's; positions enough for every test here."""
    shape = DecoderShape(**TINY | changes)
    source = RandomSource(7, dtype, CPU)
    return Decoder(shape, build_weights(shape, WeightShard(0, 1), source), SingleRank(), 32), source


@pytest.mark.parametrize("changes", SHAPES.values(), ids=SHAPES.keys())
def test_cached_decoding_equals_a_plain_full_pass(changes: dict[str, Any]) -> None:
    decoder, source = build(**changes)
    tokens = random_prompt(decoder.shape.vocab_size, 3, 12, seed=5)
    with torch.inference_mode():
        expected = reference.logits(decoder.shape, reference.random_parameters(source), tokens)
        cache = decoder.new_cache(3, 12)
        torch.testing.assert_close(decoder.prefill(tokens[:, :8], cache), expected[:, 7])
        for position in range(8, 12):
            torch.testing.assert_close(decoder.decode(tokens[:, position], cache), expected[:, position])
        whole = decoder.prefill(tokens, decoder.new_cache(3, 12))
    torch.testing.assert_close(whole, expected[:, -1])
    assert expected.std() > 0.01, "logits this flat would agree whatever the decoder does"


def test_prompt_of_one_token() -> None:
    decoder, source = build()
    tokens = random_prompt(decoder.shape.vocab_size, 2, 1, seed=5)
    with torch.inference_mode():
        expected = reference.logits(decoder.shape, reference.random_parameters(source), tokens)
        torch.testing.assert_close(decoder.prefill(tokens, decoder.new_cache(2, 1)), expected[:, -1])


def test_generation_is_greedy() -> None:
    decoder, source = build()
    prompt = random_prompt(decoder.shape.vocab_size, 2, 4, seed=5)
    with torch.inference_mode():
        generated = generate(EagerGeneration(decoder, prompt, 5), CpuMarks())
        tokens = prompt
        for _ in range(5):
            found = reference.logits(decoder.shape, reference.random_parameters(source), tokens)
            following = found[:, -1].argmax(-1)
            tokens = torch.cat((tokens, following[:, None]), dim=1)
    assert generated.tolist() == tokens[:, 4:].tolist()


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_half_precision_stays_near_float32(name: str) -> None:
    low, _ = build(getattr(torch, name), attention_bias=True)
    prompt = random_prompt(low.shape.vocab_size, 2, 8, seed=5)
    layers = [
        type(layer)(**{key: None if value is None else value.float() for key, value in vars(layer).items()})
        for layer in low.weights.layers
    ]
    weights = type(low.weights)(
        low.weights.embedding.float(), low.weights.head.float(), low.weights.norm.float(), layers, 0
    )
    high = Decoder(low.shape, weights, SingleRank(), 32)
    with torch.inference_mode():
        logits = low.prefill(prompt, low.new_cache(2, 8))
        expected = high.prefill(prompt, high.new_cache(2, 8))
    assert logits.dtype == getattr(torch, name)
    torch.testing.assert_close(logits.float(), expected, atol=0.01, rtol=0.05)


def qkv_of(weights: Weights) -> torch.Tensor:
    matrix = weights.layers[0].qkv
    assert isinstance(matrix, torch.Tensor)
    return matrix


def test_weights_are_the_same_whatever_the_number_of_ranks() -> None:
    shape = DecoderShape(**TINY)
    source = RandomSource(7, torch.float32, CPU)
    whole = build_weights(shape, WeightShard(0, 1), source)
    parts = [build_weights(shape, WeightShard(rank, 4), source) for rank in range(4)]
    assert torch.equal(torch.cat([part.embedding for part in parts]), whole.embedding)
    assert [len(part.head) for part in parts] == [25, 25, 25, 26]
    assert [part.vocab_start for part in parts] == [0, 25, 50, 75]
    down = torch.cat([part.layers[1].down for part in parts], dim=1)
    assert torch.equal(down, whole.layers[1].down)
    keys = slice(4 * 16, 6 * 16)
    held = [qkv_of(part)[16:32] for part in parts]
    assert torch.equal(torch.cat([held[0], held[2]]), qkv_of(whole)[keys])
    assert torch.equal(held[0], held[1])
    other = build_weights(shape, WeightShard(0, 1), RandomSource(8, torch.float32, CPU))
    assert not torch.equal(other.embedding, whole.embedding)


def test_a_share_keeps_no_whole_parameter_in_memory() -> None:
    part = build_weights(DecoderShape(**TINY), WeightShard(1, 2), RandomSource(7, torch.float32, CPU))
    tensors = [part.embedding, part.head, *(t for t in vars(part.layers[0]).values() if t is not None)]
    assert all(t.untyped_storage().nbytes() == t.numel() * 4 and t.is_contiguous() for t in tensors)


@pytest.mark.parametrize("tied", [False, True])
def test_parameters_are_those_the_profile_counts(tied: bool) -> None:
    profile = pytest.importorskip("runner.engines.model_shape")
    changes = {"tie_word_embeddings": tied, "attention_bias": True}
    decoder, _ = build(**changes)
    assert decoder.weights.parameters == profile.TransformerShape(**TINY | changes).parameters


def test_shape_that_does_not_split() -> None:
    source = RandomSource(0, torch.float32, CPU)
    with pytest.raises(ValueError, match="do not split over 3 ranks"):
        build_weights(DecoderShape(**TINY), WeightShard(0, 3), source)
    with pytest.raises(ValueError, match="vocabulary of 1 tokens"):
        build_weights(DecoderShape(**TINY | {"vocab_size": 1}), WeightShard(0, 2), source)


def test_timing_of_an_iteration() -> None:
    decoder, _ = build()
    prompt = random_prompt(decoder.shape.vocab_size, 2, 8, seed=5)
    with torch.inference_mode():
        timing = timed_generation(EagerGeneration(decoder, prompt, 6))
        only_prefill = timed_generation(EagerGeneration(decoder, prompt, 1))
    assert timing.steps == 5
    assert 0 < timing.generation_ms < timing.latency_ms
    assert (only_prefill.steps, only_prefill.generation_ms) == (0, 0.0)
    assert only_prefill.latency_ms > 0
