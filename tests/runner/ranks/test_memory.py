"""Memory of a rank, counted before it is allocated."""

from __future__ import annotations

import pytest

from runner.ranks.memory import MemoryNeed, configuration_need, describe_lack, weights_need
from runner.ranks.memory_parts import GIB
from runner.ranks.shape import DecoderShape
from tests.runner.ranks.support import torch_or_skip

with torch_or_skip():
    import torch

    from runner.ranks import admission
    from runner.ranks.admission import Admission
    from runner.ranks.collectives import SingleRank
    from runner.ranks.decoder import Decoder
    from runner.ranks.errors import MemoryLackError, StartError
    from runner.ranks.summary import BenchmarkConfiguration
    from runner.ranks.weight_shards import WeightShard
    from runner.ranks.weights import RandomSource, build_weights

LLAMA = DecoderShape(4096, 14336, 32, 32, 8, 128256)
SMALL = DecoderShape(64, 96, 2, 8, 2, 100, head_dim=16, attention_bias=True, qk_norm=True)
CPU = torch.device("cpu")


class Rank(SingleRank):
    """One of several ranks without the others."""

    def __init__(self, rank: int, world: int) -> None:
        self.rank, self.world = rank, world


@pytest.mark.parametrize("kind", [None, "int8", "fp8"])
@pytest.mark.parametrize("world", [1, 4])
def test_counted_bytes_are_those_of_the_tensors(world: int, kind: str | None) -> None:
    need = configuration_need(SMALL, world, 4, 3, 8, 5, quantized=kind is not None)
    weights = build_weights(SMALL, WeightShard(0, world), RandomSource(0, torch.float32, CPU), kind)
    cache = Decoder(SMALL, weights, Rank(0, world), 12).new_cache(3, 8 + 5 - 1)
    assert need.weights == weights.nbytes
    layer = sum(matrix.numel() for matrix in weights.layers[0].matrices)
    loaded = weights_need(SMALL, world, 4, loaded=True, quantized=kind is not None)
    assert (loaded.weights, loaded.execution) == (weights.nbytes, 4 * layer if kind else 0)
    assert need.cache == 4 * (cache.keys.numel() + cache.values.numel())


def test_sum_is_stated_in_one_sentence() -> None:
    need = configuration_need(LLAMA, 1, 2, 16, 1024, 128)
    assert need.weights == 2 * 8_030_261_248
    assert need.cache == 2 * 2 * 32 * 16 * 8 * (1024 + 127) * 128
    need = MemoryNeed(15 * GIB, 2 * GIB, GIB, allocator=GIB, context=GIB // 2)
    assert need.total == need.required + GIB, "the allocator gives its part back"
    text = describe_lack(need, 10 * GIB, 24 * GIB)
    assert text == (
        "it needs weights 15.0 + KV cache 2.0 + execution 1.0 + CUDA context 0.5 = 18.5 GiB,"
        " and 10.0 of 24.0 GiB are available"
    )


def test_model_that_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "free_memory", lambda device: (10 * GIB, 24 * GIB))
    with pytest.raises(StartError, match=r"^rank 0: the model does not fit on cpu: it needs weights 15\.0"):
        Admission(LLAMA, "bfloat16", CPU, SingleRank()).admit_weights()
    assert weights_need(LLAMA, 8, 2).total < 10 * GIB


def test_more_than_this_machine_has_is_refused_on_a_cpu() -> None:
    guard = Admission(LLAMA, "bfloat16", CPU, SingleRank())
    guard.admit(BenchmarkConfiguration(1, 1, 1))
    with pytest.raises(MemoryLackError, match=r"^it needs weights .* GiB are available"):
        guard.admit(BenchmarkConfiguration(10**9, 1024, 128))


def test_larger_configurations_are_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "free_memory", lambda device: (4 * GIB, 24 * GIB))
    guard = Admission(LLAMA, "bfloat16", CPU, SingleRank())
    guard.admit(BenchmarkConfiguration(1, 1024, 128))
    large = BenchmarkConfiguration(64, 1024, 128)
    with pytest.raises(MemoryLackError, match=r"^it needs weights 15\.0 \+ KV cache 9\.0"):
        guard.admit(large)
    guard.reject(large)
    monkeypatch.setattr(admission, "free_memory", lambda device: None)
    with pytest.raises(MemoryLackError, match=r"^not tried: \(64, 1024, 128, 1\.0\) needs no more"):
        guard.admit(BenchmarkConfiguration(64, 2048, 128))
    guard.admit(BenchmarkConfiguration(32, 1024, 128))


def test_a_rank_with_memory_stops_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    class Alone(SingleRank):
        world = 2

        def all_agree(self, flag: bool) -> bool:
            return False

    with pytest.raises(MemoryLackError, match="rank 0 has enough and another one has not"):
        Admission(SMALL, "float32", CPU, Alone()).admit(BenchmarkConfiguration(1, 8, 4))
