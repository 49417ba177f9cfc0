"""The program on one and on two GPUs, and when memory runs out there; two GPUs need mpi4py and mpirun."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from runner.engines import benchmark_line
from tests.runner.ranks.support import (
    PROGRAM,
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

    from tests.runner.ranks.cuda_decoders import LARGER
    from tests.runner.ranks.split import outputs

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no GPU here")


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
