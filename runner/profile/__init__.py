"""What a profile may say: typed structs, and the rules between their fields.

The structs are the single description of a profile. The file reader (`profile_file`), the JSON Schema, the
form on the home screen and `--set` all derive from them: names, types, limits, choices and help texts.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from runner.engines.trtllm import rules as trtllm_rules
from runner.engines.trtllm.profile import TrtllmProfile
from runner.engines.trtllm_bench import rules as trtllm_bench_rules
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.profile.sweep import Sweep
from runner.schema.base import (
    NAME_PATTERN,
    Benchmark,
    Launch,
    PositiveInt,
    Problem,
    Section,
    env_problems,
    loop_problems,
)

MAX_TP_SHOWN = 1024


class Shape(Section, frozen=True):
    """Shape of a decoder-only transformer, in the words of a Hugging Face `config.json`."""

    hidden_size: Annotated[PositiveInt, Meta(description="width of the residual stream")]
    intermediate_size: Annotated[PositiveInt, Meta(description="width of the SwiGLU feed-forward layer")]
    num_hidden_layers: Annotated[PositiveInt, Meta(description="number of decoder layers")]
    num_attention_heads: Annotated[PositiveInt, Meta(description="number of query heads")]
    num_key_value_heads: Annotated[
        PositiveInt, Meta(description="number of key/value heads (grouped-query attention)")
    ]
    vocab_size: Annotated[PositiveInt, Meta(description="number of tokens in the vocabulary")]
    head_dim: Annotated[
        PositiveInt | None, Meta(description="width of one head; null: hidden_size / num_attention_heads")
    ] = None
    attention_bias: Annotated[
        bool, Meta(description="bias on the query, key and value projections (Qwen2)")
    ] = False
    tie_word_embeddings: Annotated[bool, Meta(description="the output head reuses the embedding")] = False
    rope_theta: Annotated[float, Meta(gt=0, description="base of the rotary embedding")] = 10000.0
    rms_norm_eps: Annotated[float, Meta(gt=0, description="epsilon of RMSNorm")] = 1e-6

    @property
    def width_of_head(self) -> int:
        return self.head_dim or self.hidden_size // self.num_attention_heads

    @property
    def parameters(self) -> int:
        """Number of weights of the whole model (all ranks together)."""
        q = self.num_attention_heads * self.width_of_head
        kv = self.num_key_value_heads * self.width_of_head
        attention = self.hidden_size * (2 * q + 2 * kv) + (q + 2 * kv if self.attention_bias else 0)
        layer = attention + 3 * self.hidden_size * self.intermediate_size + 2 * self.hidden_size
        embeddings = self.vocab_size * self.hidden_size * (1 if self.tie_word_embeddings else 2)
        return self.num_hidden_layers * layer + embeddings + self.hidden_size


class TorchModel(Section, frozen=True):
    """The model that the `torch` engine measures: random weights of a given shape."""

    dir: Annotated[
        str | None,
        Meta(
            description="folder with a Hugging Face config.json to take the shape from (weights stay random)"
        ),
    ] = None
    shape: Annotated[Shape | None, Meta(description="the shape, written out; give this or dir")] = None
    dtype: Annotated[
        Literal["float32", "bfloat16", "float16"], Meta(description="type of weights and activations")
    ] = "float32"
    device: Annotated[
        Literal["cpu", "cuda"], Meta(description="where the ranks run: cpu, or one GPU a rank")
    ] = "cpu"
    seed: Annotated[int, Meta(ge=0, description="seed of the random weights and input tokens")] = 0


class Parallel(Section, frozen=True):
    """How the model is spread over ranks."""

    tp: Annotated[PositiveInt, Meta(description="tensor-parallel size = number of ranks")] = 1


class TorchProfile(Section, frozen=True, kw_only=True, tag_field="engine", tag="torch"):
    """A benchmark of the embedded `torch` engine."""

    name: Annotated[
        str, Meta(pattern=NAME_PATTERN, description="letters, digits, dot, dash, underscore; at most 64")
    ]
    description: Annotated[str, Meta(description="one line that says what this profile is for")] = ""
    model: TorchModel
    parallel: Parallel = msgspec.field(default_factory=Parallel)
    benchmark: Benchmark = msgspec.field(default_factory=Benchmark)
    launch: Launch = msgspec.field(default_factory=Launch)
    sweep: Sweep | None = None

    @property
    def engine(self) -> str:
        return "torch"


# Engines are told apart by the key `engine`; a further engine adds its struct to these lines.
Profile = TorchProfile | TrtllmProfile | BenchProfile
ENGINES: dict[str, type[TorchProfile] | type[TrtllmProfile] | type[BenchProfile]] = {
    "torch": TorchProfile,
    "trtllm": TrtllmProfile,
    "trtllm-bench": BenchProfile,
}


def rules(profile: Profile) -> list[Problem]:
    """Rules that span fields; each broken one with the values that collide and what would be allowed."""
    problems = env_problems(profile.launch.env)
    if isinstance(profile, BenchProfile):
        return problems + trtllm_bench_rules.bench_rules(profile)
    problems += loop_problems(profile.benchmark.num_runs, profile.benchmark.duration)
    if isinstance(profile, TrtllmProfile):
        return problems + trtllm_rules.rules(profile)
    model = profile.model
    if (model.dir is None) == (model.shape is None):
        problems.append(Problem("model", "give exactly one of dir (a Hugging Face folder) and shape"))
    elif model.shape is not None:
        problems += shape_rules(model.shape, profile.parallel.tp)
    return problems


def shape_rules(shape: Shape, tp: int) -> list[Problem]:
    """Rules between a model's shape and the tensor-parallel size."""
    problems = []
    heads, kv_heads = shape.num_attention_heads, shape.num_key_value_heads
    if heads % kv_heads:
        problems.append(
            Problem(
                "model.shape.num_key_value_heads", f"{kv_heads} does not divide num_attention_heads {heads}"
            )
        )
    if shape.head_dim is None and shape.hidden_size % heads:
        problems.append(
            Problem(
                "model.shape.num_attention_heads",
                f"{heads} does not divide hidden_size {shape.hidden_size}; set head_dim",
            )
        )
    elif shape.width_of_head % 2:
        problems.append(
            Problem(
                "model.shape",
                f"the width of a head is {shape.width_of_head}; rotary embedding needs an even one",
            )
        )
    if not problems and not tp_fits(shape, tp):
        allowed = [n for n in range(1, min(heads, MAX_TP_SHOWN) + 1) if tp_fits(shape, n)]
        problems.append(
            Problem(
                "parallel.tp",
                f"tp {tp} does not fit {heads} query heads, {kv_heads} key/value heads and intermediate_size"
                f" {shape.intermediate_size}; allowed: {', '.join(map(str, allowed))}",
            )
        )
    return problems


def tp_fits(shape: Shape, tp: int) -> bool:
    """Query heads and feed-forward split evenly; key/value heads split evenly or are repeated evenly."""
    kv = shape.num_key_value_heads
    return (
        shape.num_attention_heads % tp == 0
        and (kv % tp == 0 or tp % kv == 0)
        and shape.intermediate_size % tp == 0
    )
