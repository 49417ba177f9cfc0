"""Weights of checkpoints: every family computes what a plain reference does, in every type."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runner.ranks.support import torch_or_skip

with torch_or_skip():
    import torch

    from runner.ranks.checkpoint import open_checkpoint
    from runner.ranks.collectives import SingleRank
    from runner.ranks.decoder import Decoder
    from runner.ranks.errors import CheckpointError
    from runner.ranks.generation import random_prompt
    from runner.ranks.loading import CheckpointSource
    from runner.ranks.weight_shards import WHOLE, WeightShard
    from runner.ranks.weights import LayerWeights, Weights, build_weights
    from tests.runner.ranks import reference
    from tests.runner.ranks.checkpoints import FAMILIES, shape_in, write_file, write_model

CPU = torch.device("cpu")


def load(folder: Path, dtype: torch.dtype = torch.float32, share: WeightShard = WHOLE) -> Weights:
    shape = shape_in(folder)
    with torch.inference_mode():
        return build_weights(shape, share, CheckpointSource(open_checkpoint(folder, shape), dtype, CPU))


@pytest.mark.parametrize("family", FAMILIES)
def test_logits_equal_a_plain_reference(family: str, tmp_path: Path) -> None:
    tensors = write_model(tmp_path, family, files=3 if family == "qwen3" else 1)
    shape = shape_in(tmp_path)
    tokens = random_prompt(shape.vocab_size, 2, 7, seed=5)
    with torch.inference_mode():
        decoder = Decoder(shape, load(tmp_path), SingleRank(), 8)
        expected = reference.logits(shape, lambda name, *size: tensors[name].view(size), tokens)
        cache = decoder.new_cache(2, 8)
        torch.testing.assert_close(decoder.prefill(tokens[:, :6], cache), expected[:, 5])
        torch.testing.assert_close(decoder.decode(tokens[:, 6], cache), expected[:, 6])
    assert expected.std() > 0.1, "logits this flat would agree whatever the decoder does"


def gate_and_up(layer: LayerWeights) -> torch.Tensor:
    assert isinstance(layer.gate_up, torch.Tensor)
    return layer.gate_up


@pytest.mark.parametrize("world", [2, 4])
def test_shares_of_ranks_together_are_the_model(world: int, tmp_path: Path) -> None:
    write_model(tmp_path, "qwen2", torch.bfloat16, tie_word_embeddings=False)
    whole = load(tmp_path, torch.bfloat16)
    parts = [load(tmp_path, torch.bfloat16, WeightShard(rank, world)) for rank in range(world)]
    assert torch.equal(torch.cat([part.head for part in parts]), whole.head)
    layers = [part.layers[1] for part in parts]
    assert torch.equal(torch.cat([layer.out for layer in layers], 1), whole.layers[1].out)
    assert torch.equal(torch.cat([layer.down for layer in layers], 1), whole.layers[1].down)
    gates = [gate_up.chunk(2)[0] for gate_up in map(gate_and_up, layers)]
    assert torch.equal(torch.cat(gates), gate_and_up(whole.layers[1]).chunk(2)[0])
    queries = 48 // world
    biases = [layer.qkv_bias[:queries] for layer in layers if layer.qkv_bias is not None]
    assert whole.layers[1].qkv_bias is not None
    assert torch.equal(torch.cat(biases), whole.layers[1].qkv_bias[:48])
    held = [tensor for tensor in vars(layers[0]).values() if tensor is not None]
    assert all(one.untyped_storage().nbytes() == one.numel() * 2 for one in held)


@pytest.mark.parametrize("stored", [torch.float32, torch.float16, torch.bfloat16], ids=["F32", "F16", "BF16"])
@pytest.mark.parametrize("pad", [0, 1])
def test_numbers_are_converted(stored: torch.dtype, pad: int, tmp_path: Path) -> None:
    tensors = write_model(tmp_path, "mistral", stored)
    write_file(tmp_path / "model.safetensors", tensors, pad)
    for dtype in (torch.float32, torch.bfloat16):
        found = load(tmp_path, dtype)
        assert torch.equal(found.embedding, tensors["model.embed_tokens.weight"].to(dtype))
        assert torch.equal(found.norm, tensors["model.norm.weight"].to(dtype))


def test_numbers_too_large_for_float16_are_named(tmp_path: Path) -> None:
    tensors = write_model(tmp_path, "mistral", torch.bfloat16)
    tensors["model.layers.1.mlp.down_proj.weight"][3, 5] = 1e6
    write_file(tmp_path / "model.safetensors", tensors)
    with pytest.raises(CheckpointError, match=r"tensor model\.layers\.1\.mlp\.down_proj\.weight has numbers"):
        load(tmp_path, torch.float16)
