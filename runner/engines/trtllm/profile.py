"""The profile of the engine `trtllm`: TensorRT-LLM 0.12 to 0.19, from a model folder to benchmark.py."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from runner.engines.tensorrt_llm.build_options import Build, Convert, Quantize
from runner.engines.tensorrt_llm.more_options import with_fields
from runner.engines.tensorrt_llm.sections import TrtllmParallel
from runner.engines.trtllm.families import script_of
from runner.plan.skip import SkipKind, SkipReason
from runner.schema.axes import SweepSection, TuneSection
from runner.schema.base import NAME_PATTERN, Benchmark, Container, Launch, PositiveInt, Profile, Section

StageName = Literal["convert", "quantize", "build", "smoke", "benchmark"]
Dtype = Literal["float16", "bfloat16", "float32"]
STAGES: tuple[StageName, ...] = ("convert", "build", "smoke", "benchmark")


class TrtllmModel(Section, frozen=True):
    """The model, and how it is converted."""

    family: Annotated[
        str,
        Meta(
            pattern=NAME_PATTERN,
            description="folder of its convert_checkpoint.py below examples/: qwen, llama ..., or t5, bart",
        ),
    ]
    dir: Annotated[
        str | None, Meta(description="folder of the Hugging Face model, the one with config.json")
    ] = None
    dtype: Annotated[
        Literal["auto", "float16", "bfloat16", "float32"],
        Meta(description="type of weights and activations; auto: the model's own"),
    ] = "float16"
    script: Annotated[
        str | None,
        Meta(
            description="path of the convert_checkpoint.py to use; null: the family's in paths.tensorrt_llm"
        ),
    ] = None


@with_fields("run")
class Smoke(Section, frozen=True):
    """One prompt for examples/run.py, to check that the engine gives a sensible answer."""

    prompt: Annotated[str, Meta(description="the prompt")] = "How do I count to nine in French?"
    max_output_len: Annotated[PositiveInt, Meta(description="longest answer", extra={"unit": "tokens"})] = 100
    extra_args: Annotated[list[str], Meta(description="further arguments for run.py, after the others")] = (
        msgspec.field(default_factory=list)
    )


class TrtllmBenchmark(Benchmark, frozen=True):
    """Options of benchmarks/python/benchmark.py, under their names there."""

    mode: Annotated[
        Literal["dec", "enc", "enc-dec"],
        Meta(description="kind of model (benchmark.py --model): decoder, encoder, or both"),
    ] = "dec"
    input_len: Annotated[
        list[PositiveInt], Meta(min_length=1, description="input lengths in tokens (enc)")
    ] = msgspec.field(default_factory=lambda: [128])
    gpu_weights_percent: Annotated[
        list[Annotated[float, Meta(ge=0, le=1)]],
        Meta(
            min_length=1, description="shares of the weights kept on the GPU; below 1 needs weight_streaming"
        ),
    ] = msgspec.field(default_factory=lambda: [1.0])
    dtype: Annotated[
        Dtype | None,
        Meta(description="the engine's type, as benchmark.py needs it; null: model.dtype"),
    ] = None
    num_beams: Annotated[PositiveInt, Meta(description="beams; more than 1 works with enc-dec only")] = 1
    enable_cuda_graph: Annotated[bool, Meta(description="capture decode steps in CUDA graphs")] = False
    csv: Annotated[bool, Meta(description="print results as CSV instead of [BENCHMARK] lines")] = False
    dump_profile: Annotated[
        bool, Meta(description="a second timed loop with times of layers; doubles the time it takes")
    ] = False
    log_level: Annotated[
        Literal["verbose", "info", "warning", "error", "internal_error"],
        Meta(description="how much benchmark.py prints; info shows when warm-up ends"),
    ] = "info"
    extra_args: Annotated[
        list[str], Meta(description="further arguments for benchmark.py, after the others")
    ] = msgspec.field(default_factory=list)


class TrtllmLaunch(Launch, frozen=True):
    """The environment of the measured processes."""

    container: Annotated[
        Container | None, Meta(description="run the stages in a container; null: on this machine")
    ] = None


class Paths(Section, frozen=True):
    """Absolute paths; inside the container when there is one."""

    tensorrt_llm: Annotated[
        str, Meta(description="source tree of TensorRT-LLM, the one with examples/ and benchmarks/")
    ] = "/code/tensorrt_llm"
    work: Annotated[str, Meta(description="folder for the checkpoints and engines that runs make")] = (
        "/tmp/trtbench"
    )
    checkpoint_dir: Annotated[
        str | None, Meta(description="an existing checkpoint to start from; convert is skipped")
    ] = None
    engine_dir: Annotated[
        str | None, Meta(description="an existing engine to start from; convert and build are skipped")
    ] = None
    tokenizer_dir: Annotated[
        str | None, Meta(description="tokenizer for the smoke stage; null: model.dir")
    ] = None


class TrtllmProfile(Profile, frozen=True, kw_only=True, tag="trtllm"):
    """A benchmark of a TensorRT-LLM engine with benchmarks/python/benchmark.py."""

    name: Annotated[
        str, Meta(pattern=NAME_PATTERN, description="letters, digits, dot, dash, underscore; at most 64")
    ]
    description: Annotated[str, Meta(description="one line that says what this profile is for")] = ""
    model: TrtllmModel
    parallel: TrtllmParallel = msgspec.field(default_factory=TrtllmParallel)
    convert: Convert = msgspec.field(default_factory=Convert)
    quantize: Annotated[
        Quantize | None,
        Meta(description="makes the checkpoint in place of convert; null: convert makes it"),
    ] = None
    build: Build = msgspec.field(default_factory=Build)
    smoke: Smoke = msgspec.field(default_factory=Smoke)
    benchmark: TrtllmBenchmark = msgspec.field(default_factory=TrtllmBenchmark)
    stages: Annotated[
        list[StageName],
        Meta(
            min_length=1,
            description="which stages run; they always run in this order. With the section quantize,"
            " convert means quantize",
        ),
    ] = msgspec.field(default_factory=lambda: list(STAGES))
    launch: TrtllmLaunch = msgspec.field(default_factory=TrtllmLaunch)
    paths: Paths = msgspec.field(default_factory=Paths)
    sweep: SweepSection | None = None
    tune: TuneSection | None = None

    @property
    def has_two_parts(self) -> bool:
        """Check whether the model consists of an encoder and a decoder, each with an engine."""
        return self.benchmark.mode == "enc-dec" or script_of(self.model.family).two_parts

    def skip_reason(self, stage: StageName) -> SkipReason | None:
        """Return why the profile leaves a stage out; None when it asks for it."""
        paths = self.paths
        makes_checkpoint = stage in ("convert", "quantize")
        if makes_checkpoint and stage != self.checkpoint_stage:
            return SkipReason(SkipKind.NOT_NEEDED, f"{self.checkpoint_stage} makes the checkpoint")
        if makes_checkpoint and paths.checkpoint_dir and not paths.engine_dir:
            return SkipReason(SkipKind.GIVEN, f"paths.checkpoint_dir {paths.checkpoint_dir}")
        if (makes_checkpoint or stage == "build") and paths.engine_dir:
            return SkipReason(SkipKind.GIVEN, f"paths.engine_dir {paths.engine_dir}")
        # The usual list has convert; with the section quantize it means the stage that replaces it.
        selected = stage in self.stages or (stage == "quantize" and "convert" in self.stages)
        return None if selected else SkipReason(SkipKind.NOT_SELECTED)

    @property
    def checkpoint_stage(self) -> Literal["convert", "quantize"]:
        """The stage that makes the checkpoint."""
        return "convert" if self.quantize is None else "quantize"

    def selects(self, stage: StageName) -> bool:
        """Check whether the profile asks for a stage."""
        return self.skip_reason(stage) is None


def tune_axes(profile: TrtllmProfile) -> dict[str, Any]:
    """Return the default search space: the batch, its split over GPUs, and options of the engine."""
    if profile.benchmark.mode == "enc":
        return {
            "benchmark.batch_size": {"from": 1, "to": 64, "times": 2},
            "build.gemm_plugin": ["auto", "disable"],
        }
    return {
        "benchmark.batch_size": {"from": 1, "to": 64, "times": 2},
        "parallel.tp": [1, 2, 4, 8],
        "build.gemm_plugin": ["auto", "disable"],
        "build.kv_cache_type": ["paged", "continuous"],
        "build.use_paged_context_fmha": ["enable", "disable"],
        "build.reduce_fusion": ["enable", "disable"],
    }
