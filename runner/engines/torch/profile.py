"""The profile of the engine `torch`: a decoder of a given shape or of a checkpoint, on CPU or CUDA."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from runner.engines.model_shape import TransformerShape, shape_rules
from runner.schema.axes import SweepSection, TuneSection
from runner.schema.base import (
    NAME_PATTERN,
    Benchmark,
    Launch,
    PositiveInt,
    Problem,
    Profile,
    Section,
    loop_problems,
    mpirun_problems,
)


class TorchModel(Section, frozen=True):
    """The model that the `torch` engine measures."""

    dir: Annotated[
        str | None,
        Meta(description="Hugging Face folder to take the shape from, and with `weights` also the weights"),
    ] = None
    weights: Annotated[
        Literal["random", "checkpoint"],
        Meta(description="random, or checkpoint: the safetensors in dir (Llama, Mistral, Qwen2, Qwen3)"),
    ] = "random"
    shape: Annotated[
        TransformerShape | None, Meta(description="the shape, written out; give this or dir")
    ] = None
    dtype: Annotated[
        Literal["float32", "bfloat16", "float16"], Meta(description="type of weights and activations")
    ] = "float32"
    quantization: Annotated[
        Literal["int8", "fp8"] | None,
        Meta(description="8-bit weights in the layers; on cuda for batch size 1 only; null: dtype"),
    ] = None
    device: Annotated[
        Literal["cpu", "cuda"], Meta(description="where the ranks run: cpu, or one GPU a rank")
    ] = "cpu"
    seed: Annotated[int, Meta(ge=0, description="seed of the random weights and input tokens")] = 0


class TorchBenchmark(Benchmark, frozen=True):
    """What is measured by the embedded engine."""

    per_step: Annotated[
        bool,
        Meta(description="time every decode step: CUDA events on a GPU, the monotonic clock on a CPU"),
    ] = False


class Parallel(Section, frozen=True):
    """How the model is split over ranks."""

    tp: Annotated[PositiveInt, Meta(description="tensor-parallel size = number of ranks")] = 1


class TorchSmoke(Section, frozen=True):
    """One prompt before the measurement, to check that real weights give a sensible text."""

    prompt: Annotated[
        str | None, Meta(description="the prompt, where weights are of a checkpoint; null: no smoke stage")
    ] = "The three primary colours are"
    max_output_len: Annotated[
        PositiveInt, Meta(description="longest continuation", extra={"unit": "tokens"})
    ] = 64


class TorchProfile(Profile, frozen=True, kw_only=True, tag="torch"):
    """A benchmark of the embedded `torch` engine."""

    name: Annotated[
        str, Meta(pattern=NAME_PATTERN, description="letters, digits, dot, dash, underscore; at most 64")
    ]
    description: Annotated[str, Meta(description="one line that says what this profile is for")] = ""
    model: TorchModel
    parallel: Parallel = msgspec.field(default_factory=Parallel)
    smoke: TorchSmoke = msgspec.field(default_factory=TorchSmoke)
    benchmark: TorchBenchmark = msgspec.field(default_factory=TorchBenchmark)
    launch: Launch = msgspec.field(default_factory=Launch)
    sweep: SweepSection | None = None
    tune: TuneSection | None = None


def rules(profile: TorchProfile) -> list[Problem]:
    """Return the broken rules between fields of a torch profile."""
    problems = loop_problems(profile.benchmark.num_runs, profile.benchmark.duration)
    problems += mpirun_problems(profile.launch.mpirun, profile.launch.slurm)
    model = profile.model
    if (model.dir is None) == (model.shape is None):
        problems.append(Problem("model", "give exactly one of dir (a Hugging Face folder) and shape"))
    elif model.weights == "checkpoint" and model.dir is None:
        problems.append(Problem("model.weights", "checkpoint needs model.dir, the folder with the weights"))
    elif model.shape is not None:
        problems += shape_rules(model.shape, profile.parallel.tp)
    if model.quantization is not None and model.device == "cuda" and max(profile.benchmark.batch_size) > 1:
        text = (
            f"with model.quantization {model.quantization} on cuda only batch size 1 is measured: for larger"
            " ones the 8-bit kernels are too slow for a baseline; give [1], or leave model.quantization out"
        )
        problems.append(Problem("benchmark.batch_size", text))
    return problems


def model_label(profile: TorchProfile) -> str:
    """Return the number of parameters, or the name of the folder that gives the shape."""
    shape = profile.model.shape
    if shape is None:
        return Path(profile.model.dir or "").name or "/"
    millions = shape.parameters / 1e6
    if millions >= 1000:
        return f"{millions / 1e3:.1f} B"
    return f"{millions:.0f} M" if millions >= 10 else f"{millions:.2g} M"


def tune_axes(profile: TorchProfile) -> dict[str, Any]:
    """Return the default search space: batch, split over ranks, and types that the device is fast with."""
    on_gpu = profile.model.device == "cuda"
    return {
        "benchmark.batch_size": {"from": 1, "to": 256 if on_gpu else 32, "times": 2},
        "parallel.tp": [1, 2, 4, 8] if on_gpu else [1, 2, 4],
        "model.dtype": ["float16", "bfloat16"] if on_gpu else ["float32", "bfloat16"],
    }
