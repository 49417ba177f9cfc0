"""The same on a GPU; runs where PyTorch sees one, with or without mpi4py."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from runner.engines import benchmark_line
from tests.runner.ranks.support import (
    PROGRAM,
    TINY,
    mpirun,
    needs_mpi,
    python,
    read_records,
    torch_or_skip,
    write_shape,
)
from tests.support.paths import ROOT

with torch_or_skip():
    import torch
    import torch.distributed

    from runner.ranks.checkpoint import open_checkpoint
    from runner.ranks.collectives import Nccl, SingleRank
    from runner.ranks.decoder import Decoder
    from runner.ranks.device import reset_memory
    from runner.ranks.generation import CpuMarks, EagerGeneration, generate, random_prompt, timed_generation
    from runner.ranks.graphs import Preparation
    from runner.ranks.layout import WHOLE, WeightShard
    from runner.ranks.loading import CheckpointSource
    from runner.ranks.memory import configuration_need, weights_need
    from runner.ranks.quantized import FORMATS, Matrix, QuantizedMatrix
    from runner.ranks.shape import DecoderShape
    from runner.ranks.weights import LayerWeights, RandomSource, Weights, build_weights
    from tests.runner.ranks.checkpoints import shape_in, write_model
    from tests.runner.ranks.split import outputs

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no GPU here")

FITTING = {"head_dim": 16}
"""a width that the kernels support"""
LARGER = TINY | {"hidden_size": 512, "intermediate_size": 1024, "vocab_size": 8192, "head_dim": 64}


def on_gpu(weights: Weights) -> Weights:
    """Generators of CPU and GPU give different numbers, so weights to compare are copied."""
    layers = [
        LayerWeights(**{key: None if value is None else value.cuda() for key, value in vars(layer).items()})
        for layer in weights.layers
    ]
    return replace(
        weights,
        embedding=weights.embedding.cuda(),
        head=weights.head.cuda(),
        norm=weights.norm.cuda(),
        layers=layers,
    )


def in_float32(weights: Weights) -> Weights:
    def convert(value: Matrix | None) -> torch.Tensor | None:
        if isinstance(value, QuantizedMatrix):
            return value.dequantized(torch.float32)
        return None if value is None else value.float()

    layers = [
        LayerWeights(**{key: convert(value) for key, value in vars(layer).items()})
        for layer in weights.layers
    ]
    return replace(
        weights,
        embedding=weights.embedding.float(),
        head=weights.head.float(),
        norm=weights.norm.float(),
        layers=layers,
    )


def gpu_decoder(dtype: torch.dtype, kind: str | None = None) -> Decoder:
    shape = DecoderShape(**LARGER)
    weights = build_weights(shape, WeightShard(0, 1), RandomSource(0, dtype, torch.device("cuda")), kind)
    return Decoder(shape, weights, SingleRank(), 256)


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


def test_program_on_one_gpu(tmp_path: Path) -> None:
    arguments = ["--engine_dir", str(write_shape(tmp_path / "model", **LARGER)), "--device", "cuda"]
    arguments += [
        "--dtype",
        "bfloat16",
        "--batch_size",
        "1;4",
        "--input_output_len",
        "32,16",
        "--duration",
        "1",
    ]
    done = python(str(PROGRAM), *arguments, TRTBENCH_RECORDS=str(tmp_path))
    assert done.returncode == 0, done.stderr
    found = read_records(tmp_path, 0)
    assert found[0]["device"] == "cuda:0"
    uncounted = [record for record in found if record["kind"] == "preparation"]
    assert [record["step"] for record in uncounted] == ["tiles", "graphs", "ready"] * 2
    assert found[-1]["count"] == len(found) - 1 - len(uncounted)
    lines = [values for values in map(benchmark_line.parse, done.stdout.splitlines()) if values]
    assert len(lines) == 2
    for config, values in enumerate(lines):
        latencies = [r["latency_ms"] for r in found if r.get("phase") == "timed" and r["config"] == config]
        assert float(values["latency(ms)"]) == round(sum(sorted(latencies)) / len(latencies), 3)
        assert 500 < sum(latencies) < 3000, "a second, less what the host does between iterations"
        assert values["compute_cap"].startswith("sm")
        assert float(values["gpu_peak_mem(gb)"]) > 0


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


SHORT_OF_MEMORY = """
import sys, torch
from runner.ranks import admission, device, program
admission.free_memory = lambda place: (1 << 50, 1 << 50)  # the count never refuses
pick = device.pick_device
def picked(kind, link):
    place = pick(kind, link)
    if link.rank == link.world - 1:
        total = torch.cuda.get_device_properties(place).total_memory
        torch.cuda.set_per_process_memory_fraction((3 << 29) / total, place)
    return place
program.pick_device = picked
sys.exit(program.main())
"""
"""The program with 1.5 GiB of GPU memory on the last rank."""


def check_skipping(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr
    lines = [values for values in map(benchmark_line.parse, done.stdout.splitlines()) if values]
    assert [values["batch_size"] for values in lines] == ["1", "2"]
    skipped = [line for line in done.stdout.splitlines() if "skipping" in line]
    assert ["not tried" in line for line in skipped] == [False, True], done.stdout


SHORT_AFTER_THE_REHEARSAL = """
import sys, torch
from runner.ranks import admission, fused, graphs, program
from runner.ranks.collectives import Muted
reset, rehearse, add_all = admission.reset_memory, graphs.rehearse, fused.FusedStep._add_all
def reset_memory(device):
    torch.cuda.set_per_process_memory_fraction(1.0)
    reset(device)
def rehearsed(decoder, run):
    made = rehearse(decoder, run)
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(decoder.weights.embedding.device).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 1024) / total)
    return made
def add(self, values, matrix, hidden):
    ranks, last = self._decoder.collectives, self._decoder.weights.layers[-1]
    if ranks.rank == 1 and len(self._prompt) == 128 and matrix is last.out and not isinstance(ranks, Muted):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
    return add_all(self, values, matrix, hidden)
admission.reset_memory, graphs.rehearse, fused.FusedStep._add_all = reset_memory, rehearsed, add
sys.exit(program.main())
"""
"""After the rehearsal no memory is left, and with a batch of 128 one rank still asks for some."""


def short_of_memory(folder: Path, code: str = SHORT_OF_MEMORY, input_len: int = 4096) -> list[str]:
    """Arguments of a run whose second configuration does not fit: a prefill of 128 x 4096 tokens."""
    script = folder / "short_of_memory.py"
    script.write_text(code)
    model = write_shape(folder / "model", **LARGER)
    options = {
        "device": "cuda",
        "dtype": "bfloat16",
        "batch_size": "1;128;160;2",
        "input_output_len": f"{input_len},4",
    }
    options |= {"num_runs": "2", "duration": "0", "warm_up": "1", "engine_dir": str(model)}
    return [str(script), *(word for key, value in options.items() for word in (f"--{key}", value))]


def test_memory_that_runs_out_on_one_gpu(tmp_path: Path) -> None:
    check_skipping(python(*short_of_memory(tmp_path), PYTHONPATH=str(ROOT)))


needs_two = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="PyTorch sees fewer than 2 GPUs here")


@needs_two
@needs_mpi
@pytest.mark.mpi
@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_split_over_two_gpus(tmp_path: Path, name: str) -> None:
    cases = [(write_shape(tmp_path / "model"), name)]
    ((whole,),), (parts,) = outputs(cases, 1, "cuda"), outputs(cases, 2, "cuda")
    absolute, relative = (1e-4, 1e-3) if name == "float32" else (5e-2, 5e-2)
    for key in ("prefill", "decode"):
        together = torch.cat([part[key] for part in parts], dim=-1)
        torch.testing.assert_close(together, whole[key], atol=absolute, rtol=relative)
    if name == "float32":
        assert torch.equal(parts[0]["tokens"], whole["tokens"])
    assert torch.equal(parts[1]["tokens"], parts[0]["tokens"])


@needs_two
@needs_mpi
@pytest.mark.mpi
def test_program_on_two_gpus(tmp_path: Path) -> None:
    arguments = ["--engine_dir", str(write_shape(tmp_path / "model", **LARGER)), "--device", "cuda"]
    arguments += [
        "--dtype",
        "bfloat16",
        "--batch_size",
        "4",
        "--input_output_len",
        "32,16",
        "--duration",
        "1",
    ]
    done = mpirun(2, str(PROGRAM), *arguments, TRTBENCH_RECORDS=str(tmp_path))
    assert done.returncode == 0, done.stderr
    ranks = [read_records(tmp_path, rank) for rank in range(2)]
    assert [found[0]["device"] for found in ranks] == ["cuda:0", "cuda:1"]
    ranks = [[record for record in found if record["kind"] != "preparation"] for found in ranks]
    assert [found[-1]["count"] for found in ranks] == [len(found) - 1 for found in ranks]
    assert len(ranks[0]) == len(ranks[1]) + 1, "rank 0 alone announces the configuration"


@needs_two
@needs_mpi
@pytest.mark.mpi
def test_memory_that_runs_out_on_one_of_two_gpus(tmp_path: Path) -> None:
    """In the middle of the prefill, where rank 0 would wait for rank 1 in a sum."""
    check_skipping(mpirun(2, *short_of_memory(tmp_path), PYTHONPATH=str(ROOT)))


@needs_two
@needs_mpi
@pytest.mark.mpi
def test_memory_that_runs_out_after_the_rehearsal(tmp_path: Path) -> None:
    """Graphs take the memory of the rehearsal; if that fails on one rank, both go on with other ones."""
    arguments = short_of_memory(tmp_path, SHORT_AFTER_THE_REHEARSAL, 256)
    check_skipping(mpirun(2, *arguments, PYTHONPATH=str(ROOT)))
