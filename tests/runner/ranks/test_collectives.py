"""Ranks together: the split model computes what the whole one does; launchers that do not match are named."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.runner.ranks.support import TINY, needs_mpi, python, torch_or_skip, write_shape
from tests.support.paths import ROOT

with torch_or_skip():
    import torch

    from runner.ranks import collectives, program
    from runner.ranks.decoder import Decoder
    from runner.ranks.errors import MemoryLackError
    from runner.ranks.generation import random_prompt, rehearse
    from runner.ranks.graphs import Preparation
    from runner.ranks.shape import DecoderShape
    from runner.ranks.weight_shards import WeightShard
    from runner.ranks.weights import RandomSource, build_weights
    from tests.runner.ranks.checkpoints import write_model
    from tests.runner.ranks.split import outputs


def tiny_decoder(ranks: collectives.Collectives) -> Decoder:
    shape = DecoderShape(**TINY)
    source = RandomSource(0, torch.float32, torch.device("cpu"))
    weights = build_weights(shape, WeightShard(ranks.rank, ranks.world), source)
    return Decoder(shape, weights, ranks, 16)


START = "import runner.ranks.program as p; raise SystemExit(p.main(['--engine_dir', 'none']))"


@needs_mpi
@pytest.mark.mpi
def test_split_model_equals_the_whole_one(tmp_path: Path) -> None:
    """With biases, in bfloat16, from a checkpoint on two ranks; on four ranks, which share two key heads."""
    write_model(tmp_path / "loaded", "qwen3", torch.bfloat16)
    loaded = tmp_path / "loaded", "float32"
    biased = write_shape(tmp_path / "biased", attention_bias=True), "float32"
    short = write_shape(tmp_path / "short"), "bfloat16"
    tied = write_shape(tmp_path / "tied", tie_word_embeddings=True), "float32"
    wholes = outputs([biased, short, loaded, tied], 1, "cpu")
    split = outputs([biased, short, loaded, tied], 4, "cpu", pairs=3)
    for (whole,), parts in zip(wholes, split, strict=True):
        for part in parts[1:]:
            assert torch.equal(part["tokens"], parts[0]["tokens"]), "ranks went different ways"
        exact = parts[0]["prefill"].dtype == torch.float32
        tolerance = 1e-5 if exact else 2e-2
        for key in ("prefill", "decode") if exact else ("prefill",):
            together = torch.cat([part[key] for part in parts], dim=-1)
            torch.testing.assert_close(together, whole[key], atol=tolerance, rtol=tolerance)
        assert not exact or torch.equal(parts[0]["tokens"], whole["tokens"])


def test_equal_logits_go_to_the_lowest_token() -> None:
    values = torch.tensor([[1.0, 5.0, 2.0], [3.0, 5.0, 2.0], [3.0, 4.0, 2.0]])
    indices = torch.tensor([[4, 5, 6], [14, 15, 16], [24, 25, 150_001]])
    gathered = torch.stack([collectives._pack(v, i) for v, i in zip(values, indices, strict=True)])
    assert collectives._best(gathered).tolist() == [14, 5, 6]


def test_logits_that_are_no_numbers_still_give_a_token() -> None:
    packed = collectives._pack(torch.full((2,), float("nan")), torch.tensor([3, 4]))
    assert collectives._best(torch.stack([packed, packed])).tolist() == [3, 4]


class Second(collectives.SingleRank):
    """Rank 1 of 2, whose partner has what it has, or not; it must not wait for it."""

    rank, world = 1, 2

    def __init__(self, partner: bool) -> None:
        self.partner = partner

    def all_reduce_sum(self, tensor: torch.Tensor) -> None:
        raise AssertionError("it would wait for its partner")

    def all_agree(self, flag: bool) -> bool:
        return flag and self.partner


def test_rehearsal_waits_for_no_other_rank() -> None:
    decoder = tiny_decoder(Second(partner=True))
    prompt = random_prompt(decoder.shape.vocab_size, 2, 5, seed=1)
    with torch.inference_mode():
        Preparation(decoder).prepare(prompt, 3)
    assert isinstance(decoder.collectives, Second)


def test_what_cuda_itself_lacks_is_memory_too() -> None:
    class AcceleratorError(RuntimeError):
        error_code = 2

    assert collectives.memory_lack(AcceleratorError("CUDA error: out of memory"))
    AcceleratorError.error_code = 700
    assert not collectives.memory_lack(AcceleratorError("CUDA error: an illegal memory access"))


def test_rehearsal_ends_where_one_rank_lacks_memory() -> None:
    def lacks() -> None:
        try:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        finally:
            raise RuntimeError("the capture has ended with an error")

    decoder = tiny_decoder(Second(partner=False))
    for run, why in ((lambda: None, "memory ran out on another rank"), (lacks, r"^CUDA out of memory\.$")):
        with pytest.raises(MemoryLackError, match=why):
            rehearse(decoder, run)
        assert isinstance(decoder.collectives, Second)
    with pytest.raises(RuntimeError, match="lost"):
        rehearse(decoder, lambda: (_ for _ in ()).throw(RuntimeError("a device is lost")))


@pytest.mark.parametrize(
    ("environ", "world"),
    [
        ({}, 1),
        ({"OMPI_COMM_WORLD_SIZE": "4"}, 4),
        ({"PMI_SIZE": "2"}, 2),
        ({"PMIX_RANK": "0"}, None),
        ({"PMIX_RANK": "0", "OMPI_COMM_WORLD_SIZE": "1"}, 1),
    ],
)
def test_what_the_launcher_says(environ: dict[str, str], world: int | None) -> None:
    assert collectives.launched_world(environ) == world


@needs_mpi
@pytest.mark.mpi
@pytest.mark.slow
def test_mpirun_of_another_library_is_named() -> None:
    done = python("-c", START, cwd=ROOT, OMPI_COMM_WORLD_SIZE="2")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    names_another_library(done.stderr.strip().splitlines()[-1])


def names_another_library(sentence: str) -> None:
    assert "mpirun started 2 ranks but MPI reports a world of 1" in sentence
    assert "mpi4py uses another MPI library (" in sentence
    assert "MPI4PY_LIBMPI" in sentence


@pytest.fixture
def rank_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "die_with_parent", lambda: None)
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")


@pytest.mark.usefixtures("rank_of_two")
def test_a_world_of_another_size_is_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An MPI that was not started by this mpirun sees one rank."""
    alone = SimpleNamespace(Get_rank=lambda: 0, Get_size=lambda: 1, Free=lambda: None)
    alone.Split_type = lambda _: alone
    mpi = SimpleNamespace(
        COMM_WORLD=alone, COMM_TYPE_SHARED=0, Get_library_version=lambda: "Open MPI v4.1.8, package: x\0\n"
    )
    monkeypatch.setitem(sys.modules, "mpi4py", SimpleNamespace(MPI=mpi, rc=SimpleNamespace()))
    assert program.main(["--engine_dir", "none"]) == 1
    (sentence,) = capsys.readouterr().err.splitlines()
    names_another_library(sentence)
    assert "(Open MPI v4.1.8, package: x)" in sentence


@pytest.mark.usefixtures("rank_of_two")
def test_missing_mpi4py_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    assert program.main(["--engine_dir", "none"]) == 1
    (sentence,) = capsys.readouterr().err.splitlines()
    assert "ranks under mpirun need mpi4py" in sentence
