"""Profiles of the engine `trtllm-bench`: NVIDIA's own benchmark tool, TensorRT-LLM 0.14 and later."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from runner.engines.tensorrt_llm.sections import TrtllmParallel
from runner.schema.axes import Sweep
from runner.schema.base import NAME_PATTERN, Container, PositiveInt, Profile, Section

BenchStage = Literal["build", "benchmark"]
Command = Literal["throughput", "latency"]
Backend = Literal["pytorch", "_autodeploy", "tensorrt"]
Count = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(gt=0, le=1)]
Token = Annotated[int, Meta(ge=-1)]
BENCH_STAGES: tuple[BenchStage, ...] = ("build", "benchmark")


class BenchModel(Section, frozen=True):
    """The model, by its name at Hugging Face, and where it lies on disk."""

    name: Annotated[
        str,
        Meta(description="name at Hugging Face, as trtllm-bench --model takes it: meta-llama/Llama-3.1-8B"),
    ]
    dir: Annotated[
        str | None,
        Meta(description="folder of the model on disk; null: trtllm-bench downloads what it needs by name"),
    ] = None


class BenchParallel(TrtllmParallel, frozen=True):
    """How the model is spread over GPUs; trtllm-bench starts the tp x pp ranks itself."""

    ep: Annotated[
        PositiveInt | None,
        Meta(description="expert-parallel size (0.19 and later); null: as TensorRT-LLM chooses"),
    ] = None


class Dataset(Section, frozen=True):
    """The requests: made here, the same ones for the same settings, or a file of yours."""

    lengths: Annotated[
        Literal["fixed", "normal", "uniform"],
        Meta(description="how lengths vary from request to request; fixed: all are the same"),
    ] = "fixed"
    input_len: Annotated[
        PositiveInt,
        Meta(description="input length; of normal and uniform the mean", extra={"unit": "tokens"}),
    ] = 128
    output_len: Annotated[
        PositiveInt,
        Meta(description="output length; of normal and uniform the mean", extra={"unit": "tokens"}),
    ] = 128
    input_spread: Annotated[
        int,
        Meta(
            ge=0,
            description="of the input length - normal: standard deviation; uniform: most above or below it",
            extra={"unit": "tokens"},
        ),
    ] = 0
    output_spread: Annotated[
        int, Meta(ge=0, description="the same for the output length", extra={"unit": "tokens"})
    ] = 0
    num_requests: Annotated[PositiveInt, Meta(description="how many requests are made")] = 1000
    seed: Annotated[int, Meta(ge=0, description="seed of lengths and tokens")] = 0
    vocab_size: Annotated[
        PositiveInt | None,
        Meta(description="tokens are drawn below this; null: what the model's config.json says, else 32000"),
    ] = None
    file: Annotated[
        str | None,
        Meta(description="requests of your own, a JSON object a line; null: they are made as said above"),
    ] = None


class BenchBuild(Section, frozen=True):
    """Options of `trtllm-bench build`, which makes the engine for versions and backends that need one."""

    by: Annotated[
        Literal["dataset", "limits", "lengths"],
        Meta(
            description="what the engine is built for: the dataset, the limits below, or"
            " the mean lengths of the dataset (0.17 and later)"
        ),
    ] = "dataset"
    quantization: Annotated[
        str | None, Meta(description="quantization of the weights, e.g. FP8 or NVFP4; null: none")
    ] = None
    max_batch_size: Annotated[
        PositiveInt | None, Meta(description="largest batch (by: limits)", extra={"unit": "sequences"})
    ] = None
    max_num_tokens: Annotated[
        PositiveInt | None, Meta(description="most tokens in one step (by: limits)", extra={"unit": "tokens"})
    ] = None
    max_seq_len: Annotated[
        PositiveInt | None,
        Meta(
            description="longest input and output together; null: the dataset's longest",
            extra={"unit": "tokens"},
        ),
    ] = None
    extra_args: Annotated[
        list[str], Meta(description="further words for trtllm-bench build, after all others")
    ] = msgspec.field(default_factory=list)


class BenchBenchmark(Section, frozen=True):
    """Options of `trtllm-bench throughput` and `trtllm-bench latency`; null leaves one to the tool."""

    command: Annotated[
        Command, Meta(description="throughput: many requests in flight; latency: one after the other")
    ] = "throughput"
    backend: Annotated[
        Backend | None,
        Meta(
            description="what runs the model (0.18 and later); null: an engine, which the stage build makes"
        ),
    ] = None
    concurrency: Annotated[
        list[PositiveInt],
        Meta(
            description="requests in flight at most; each value is measured by a run of the tool;"
            " empty: the tool's own (throughput: all at once, latency: 1)"
        ),
    ] = msgspec.field(default_factory=list)
    streaming: Annotated[
        bool, Meta(description="tokens come one by one: gives time to first token (throughput)")
    ] = False
    warm_up: Annotated[
        Count | None, Meta(description="requests before timing starts; null: the tool's own number")
    ] = None
    num_requests: Annotated[
        PositiveInt | None, Meta(description="measure only the first so many; null: the whole dataset")
    ] = None
    max_batch_size: Annotated[
        PositiveInt | None, Meta(description="largest batch at run time", extra={"unit": "sequences"})
    ] = None
    max_num_tokens: Annotated[
        PositiveInt | None, Meta(description="most tokens in one step at run time", extra={"unit": "tokens"})
    ] = None
    max_seq_len: Annotated[
        PositiveInt | None,
        Meta(description="longest sequence at run time (not with an engine)", extra={"unit": "tokens"}),
    ] = None
    kv_cache_free_gpu_mem_fraction: Annotated[
        Share | None, Meta(description="share of free GPU memory for the KV cache")
    ] = None
    beam_width: Annotated[PositiveInt | None, Meta(description="beams")] = None
    eos_id: Annotated[
        Token | None, Meta(description="token that ends a sequence; -1: none, all have full length")
    ] = None
    chunked_context: Annotated[
        bool | None, Meta(description="cut long inputs into chunks that are batched with generation")
    ] = None
    scheduler_policy: Annotated[
        Literal["guaranteed_no_evict", "max_utilization"] | None,
        Meta(description="how requests are admitted to the KV cache"),
    ] = None
    options_file: Annotated[
        str | None, Meta(description="YAML file with further options of the LLM API (extra_llm_api_options)")
    ] = None
    answers: Annotated[
        bool, Meta(description="keep what the model answered (output_json) and show the first answers")
    ] = False
    iteration_log: Annotated[
        bool | None,
        Meta(
            description="the engine logs every iteration; null: where this version can (0.16, from 0.19 on)"
        ),
    ] = None
    shutdown_timeout: Annotated[
        PositiveInt,
        Meta(description="the tool is ended when it hangs for so long after measuring", extra={"unit": "s"}),
    ] = 180
    extra_args: Annotated[list[str], Meta(description="further words for the command, after all others")] = (
        msgspec.field(default_factory=list)
    )


class BenchLaunch(Section, frozen=True):
    """The surroundings of the measured processes; there is no mpirun, the tool spawns its ranks."""

    python: Annotated[
        str | None,
        Meta(description="interpreter that TensorRT-LLM is installed for; null: the one of trtbench-tui"),
    ] = None
    env: Annotated[dict[str, str], Meta(description="environment variables of the measured processes")] = (
        msgspec.field(default_factory=dict)
    )
    container: Annotated[
        Container | None, Meta(description="run the stages in a container; null: on this machine")
    ] = None


class BenchPaths(Section, frozen=True):
    """Where things are; absolute, and inside the container when there is one."""

    work: Annotated[str, Meta(description="folder for the datasets and engines that runs make")] = (
        "/tmp/trtbench"
    )
    engine_dir: Annotated[str | None, Meta(description="an existing engine to measure; build is skipped")] = (
        None
    )


class BenchProfile(Profile, frozen=True, kw_only=True, tag="trtllm-bench"):
    """A benchmark with NVIDIA's trtllm-bench."""

    name: Annotated[
        str, Meta(pattern=NAME_PATTERN, description="letters, digits, dot, dash, underscore; at most 64")
    ]
    description: Annotated[str, Meta(description="one line that says what this profile is for")] = ""
    model: BenchModel
    parallel: BenchParallel = msgspec.field(default_factory=BenchParallel)
    dataset: Dataset = msgspec.field(default_factory=Dataset)
    build: BenchBuild = msgspec.field(default_factory=BenchBuild)
    benchmark: BenchBenchmark = msgspec.field(default_factory=BenchBenchmark)
    stages: Annotated[
        list[BenchStage],
        Meta(min_length=1, description="which stages run; the dataset is made for whichever needs it"),
    ] = msgspec.field(default_factory=lambda: list(BENCH_STAGES))
    launch: BenchLaunch = msgspec.field(default_factory=BenchLaunch)
    paths: BenchPaths = msgspec.field(default_factory=BenchPaths)
    sweep: Sweep | None = None

    @property
    def needs_engine(self) -> bool:
        """Whether a TensorRT engine is measured; PyTorch and AutoDeploy take the model itself."""
        return self.benchmark.backend in (None, "tensorrt")

    def skipped(self, stage: BenchStage) -> str:
        """Why the profile does not want a stage; empty when it does."""
        if stage == "build" and not self.needs_engine:
            return f"not needed: the backend {self.benchmark.backend} takes the model itself"
        if stage == "build" and self.paths.engine_dir:
            return f"given: paths.engine_dir {self.paths.engine_dir}"
        return "" if stage in self.stages else "not asked for"

    def wants(self, stage: BenchStage) -> bool:
        return not self.skipped(stage)
