"""Engine `torch`: our own tensor-parallel decoder in PyTorch, run under mpirun on CPU or CUDA."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from runner.engines import benchmark_line, gpus
from runner.engines.decode_bytes import BYTES, Widths, decode_reads
from runner.engines.model_shape import read_shape
from runner.engines.mpi import default_python, find_mpirun, launch_env, launch_words
from runner.engines.output import OutputReader
from runner.engines.trtllm.output import notice_of
from runner.errors import UserError
from runner.plan.plan import Plan, Stage, configurations
from runner.profile import Profile, Shape, TorchProfile, shape_rules

OUTPUT = OutputReader(benchmark_line.parse, notice_of)
PROGRAM = Path(__file__).resolve().parents[2] / "ranks" / "torch_benchmark.py"


def plan(profile: Profile, run_dir: Path) -> Plan:
    """One stage: the decoder under mpirun, with upstream's flags where they mean the same."""
    assert isinstance(profile, TorchProfile)
    shape = _shape(profile)
    model_dir = f"model/{profile.name}"
    tp, model = profile.parallel.tp, profile.model
    python = profile.launch.python or default_python()
    mpirun = find_mpirun(profile.launch.mpirun.path, python)
    benchmark = profile.benchmark
    argv = [
        *launch_words(mpirun, tp, profile.launch.mpirun.args),
        python,
        str(PROGRAM),
        *("--engine_dir", str(run_dir / model_dir)),
        *("--batch_size", ";".join(map(str, benchmark.batch_size))),
        *("--input_output_len", ";".join(f"{i},{o}" for i, o in benchmark.input_output_len)),
        *("--dtype", model.dtype),
        *("--device", model.device),
        *("--seed", str(model.seed)),
        *("--num_runs", str(benchmark.num_runs)),
        *("--duration", str(benchmark.duration)),
        *("--warm_up", str(benchmark.warm_up)),
    ]
    stage = Stage(
        name="benchmark",
        argv=argv,
        cwd=str(run_dir),
        env=launch_env(mpirun) | profile.launch.env,
        ranks=tp,
        reports=True,
    )
    return Plan(
        engine="torch",
        profile=profile.name,
        summary=f"{_millions(shape.parameters)} M parameters, {model.dtype} on {model.device}, tp {tp}",
        stages=[stage],
        files={f"{model_dir}/config.json": msgspec.json.format(msgspec.json.encode(shape)).decode() + "\n"},
        configurations=configurations(profile),
        devices=_devices(profile),
        decode_reads=decode_reads(shape, tp, Widths(*[BYTES[model.dtype]] * 3)),
        notes=_notes(profile),
    )


def _shape(profile: TorchProfile) -> Shape:
    if profile.model.shape is not None:
        return profile.model.shape
    shape = read_shape(Path(profile.model.dir or ""))
    problems = shape_rules(shape, profile.parallel.tp)
    if problems:
        raise UserError("; ".join(f"{problem.path}: {problem.message}" for problem in problems))
    return shape


def _millions(parameters: int) -> str:
    """`40`; a decoder of less than ten has two digits, so that a small one is not shown as none at all."""
    millions = parameters / 1e6
    return f"{millions:,.0f}" if millions >= 10 else f"{millions:.2g}"


def _devices(profile: TorchProfile) -> list[str]:
    """A run on the CPU wants the whole machine; one on CUDA the first tp visible GPUs."""
    if profile.model.device == "cpu":
        return ["cpu"]
    return gpus.claimed(profile.launch.env, profile.parallel.tp)


def _notes(profile: TorchProfile) -> list[str]:
    cores = os.cpu_count() or 1
    if profile.model.device == "cpu" and profile.parallel.tp > cores:
        return [
            f"{profile.parallel.tp} ranks share {cores} cores: the run works,"
            " but ranks wait for each other and latency says more about the machine than about the model"
        ]
    return []
