"""The plan of a torch profile: the decoder under mpirun, with a prompt first when its weights are real."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from runner.engines.decode_bytes import DTYPE_BYTES, ByteWidths, decode_reads
from runner.engines.gpu_claims import claimed_gpus, numbered_gpus
from runner.engines.model_shape import TransformerShape, read_shape, shape_rules
from runner.engines.mpi import RankLaunch, default_python, find_mpirun, launch_env, ranks_here
from runner.engines.slurm.srun import Place, ranks_argv
from runner.engines.torch.memory import predicted_memory
from runner.engines.torch.profile import TorchProfile
from runner.engines.torch.weights import find_weights
from runner.plan.plan import Configuration, Plan, Stage
from runner.plan.workload import Workload, precision_of
from runner.util.errors import UserError
from runner.util.formatting import format_number
from runner.util.paths import tiles_dir

PROGRAM = Path(__file__).resolve().parents[2] / "ranks" / "torch_benchmark.py"


def plan(profile: TorchProfile, run_dir: Path) -> Plan:
    """Return the plan; its commands have upstream's flags where they have the same meaning."""
    shape = _shape(profile)
    weights, notes = find_weights(profile, shape)
    model_dir = f"model/{profile.name}"
    tp, model = profile.parallel.tp, profile.model
    slurm = profile.launch.slurm
    python = profile.launch.python or ("python3" if slurm and slurm.container else default_python())
    launch = _rank_launch(profile, python) if slurm is None else None
    launcher = launch.argv() if launch else _srun(profile, str(run_dir), weights.folder)
    devices = _devices(profile, launch.most_ranks if launch else [tp])
    benchmark = profile.benchmark
    program = [
        *launcher,
        python,
        str(PROGRAM),
        *("--engine_dir", str(run_dir / model_dir)),
    ]
    if weights.folder:
        program += ["--weights", weights.folder, "--fingerprint", weights.fingerprint]
    if model.device == "cuda":
        program += ["--tile_cache", str(tiles_dir())]
    argv = [
        *program,
        *("--batch_size", ";".join(map(str, benchmark.batch_size))),
        *("--input_output_len", ";".join(f"{i},{o}" for i, o in benchmark.input_output_len)),
        *("--dtype", model.dtype),
        *(("--quantization", model.quantization) if model.quantization else ()),
        *("--device", model.device),
        *("--seed", str(model.seed)),
        *("--num_runs", str(benchmark.num_runs)),
        *("--duration", str(benchmark.duration)),
        *("--warm_up", str(benchmark.warm_up)),
        *(("--per_step",) if benchmark.per_step else ()),
    ]
    cwd, env = str(run_dir), dict(launch.env if launch else profile.launch.env)
    stages = [Stage(name="benchmark", argv=argv, cwd=cwd, env=env, ranks=tp, reports=True)]
    if weights.folder and profile.smoke.prompt is not None:
        argv = [*program, *_smoke(profile, profile.smoke.prompt)]
        stages.insert(0, Stage(name="smoke", argv=argv, cwd=cwd, env=env, ranks=tp))
    return Plan(
        engine="torch",
        profile=profile.name,
        summary=f"{_millions(shape.parameters)} M parameters, {_types(profile)} on {model.device}, tp {tp},"
        f" {weights}",
        stages=stages,
        files={f"{model_dir}/config.json": msgspec.json.format(msgspec.json.encode(shape)).decode() + "\n"},
        configurations=_configurations(profile),
        devices=devices[0],
        nodes=launch.node_launch(devices) if launch else None,
        decode_reads=decode_reads(shape, tp, _widths(profile), dtype=model.dtype),
        memory=predicted_memory(profile, shape),
        notes=[*_notes(profile), *notes],
        weights=weights,
        workload=_workload(profile),
    )


def _rank_launch(profile: TorchProfile, python: str) -> RankLaunch:
    section = profile.launch.mpirun
    mpirun = find_mpirun(section.path, python, profile.launch.env)
    env = launch_env(mpirun, section) | profile.launch.env
    return RankLaunch(mpirun, section, profile.parallel.tp, env)


def _srun(profile: TorchProfile, run_dir: str, weights: str) -> list[str]:
    """Return the command that starts the ranks in a job of Slurm, up to the interpreter."""
    slurm, tp, on_gpu = profile.launch.slurm, profile.parallel.tp, profile.model.device == "cuda"
    assert slurm is not None
    mounts = [run_dir, *([weights] if weights else []), *([str(tiles_dir())] if on_gpu else [])]
    place = Place(run_dir, mounts, list(profile.launch.env))
    return ranks_argv(slurm, place, tp, gpus=tp if on_gpu else 0)


def _smoke(profile: TorchProfile, prompt: str) -> list[str]:
    """Return the arguments that print a prompt and its continuation."""
    model = profile.model
    return [
        *("--dtype", model.dtype, "--device", model.device, "--seed", str(model.seed)),
        *(("--quantization", model.quantization) if model.quantization else ()),
        *("--max_output_len", str(profile.smoke.max_output_len)),
        f"--input_text={prompt}",  # in one word: a prompt may begin with a dash
    ]


def _workload(profile: TorchProfile) -> Workload | None:
    """Return the model by the name of its folder; a shape that is written out has no name."""
    model = profile.model
    if model.dir is None:
        return None
    name = os.path.basename(model.dir.rstrip("/"))
    return Workload(model=name, precision=precision_of(model.dtype), tp=profile.parallel.tp)


def _configurations(profile: TorchProfile) -> list[Configuration]:
    """Return every length pair with every batch size, in upstream's order of measuring."""
    return [
        Configuration(batch, input_len, output_len)
        for input_len, output_len in profile.benchmark.input_output_len
        for batch in profile.benchmark.batch_size
    ]


def _shape(profile: TorchProfile) -> TransformerShape:
    if profile.model.shape is not None:
        return profile.model.shape
    shape = read_shape(Path(profile.model.dir or ""))
    problems = shape_rules(shape, profile.parallel.tp)
    if problems:
        raise UserError("; ".join(f"{problem.path}: {problem.message}" for problem in problems))
    return shape


def _types(profile: TorchProfile) -> str:
    """Return the type of weights and activations, `bfloat16 with int8 weights`."""
    model = profile.model
    return f"{model.dtype} with {model.quantization} weights" if model.quantization else model.dtype


def _widths(profile: TorchProfile) -> ByteWidths:
    whole = DTYPE_BYTES[profile.model.dtype]
    return ByteWidths(weight=1 if profile.model.quantization else whole, other=whole, cache=whole)


def _millions(parameters: int) -> str:
    """Format parameters in millions: `40`; below ten with two digits, so that few are not shown as 0."""
    millions = parameters / 1e6
    return format_number(millions) if millions >= 10 else f"{millions:.2g}"


def _devices(profile: TorchProfile, ranks: list[int]) -> list[list[str]]:
    """Return the devices to lock on each node: the whole CPU, or the first GPUs, one for each rank there."""
    if profile.model.device == "cpu":
        return [["cpu"] for _ in ranks]
    return [claimed_gpus(profile.launch.env, ranks[0]), *map(numbered_gpus, map(range, ranks[1:]))]


def _notes(profile: TorchProfile) -> list[str]:
    cores = os.cpu_count() or 1
    ranks = ranks_here(profile.launch.mpirun, profile.parallel.tp)
    if profile.model.device == "cpu" and ranks > cores:
        return [
            f"{ranks} ranks share {cores} cores: the run works,"
            " but ranks wait for each other and latency says more about the machine than about the model"
        ]
    return []
