"""Bytes that a decode step reads: exact for the torch engine, from configs for TensorRT-LLM."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runner.engines import build_cache as cache
from runner.engines.decode_bytes import ByteWidths, decode_reads
from runner.engines.model_shape import TransformerShape
from runner.engines.mpi import MpirunProgram
from runner.engines.registry import make_plan
from runner.engines.tensorrt_llm.versions import Version
from runner.engines.trtllm.decode_bytes import GivenConfigs, decode_reads_of
from runner.engines.trtllm.installation import TrtllmInstallation
from runner.engines.trtllm.plan import TrtllmPlanner
from runner.engines.trtllm.profile import TrtllmProfile
from runner.engines.trtllm_bench.model_work import decode_reads_of as bench_decode_reads
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.plan.plan import DecodeReads, Experts, Plan, TokenWork
from runner.profile.yaml_file import load_text

QWEN: dict[str, Any] = {
    "model_type": "qwen2",
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "vocab_size": 152064,
    "torch_dtype": "bfloat16",
    "sliding_window": 131072,
    "use_sliding_window": False,
}
# What the config of an engine of that model says, key by key.
ENGINE: dict[str, Any] = {
    "architecture": "Qwen2ForCausalLM",
    "qwen_type": "qwen2",
    "dtype": "float16",
    "head_size": 128,
    "quantization": {"quant_algo": None, "kv_cache_quant_algo": None},
    "moe": {"num_experts": 0},
    **{key: QWEN[key] for key in QWEN if isinstance(QWEN[key], int) and "sliding" not in key},
}
LAYERS = 28 * (3584 * (2 * 3584 + 2 * 512) + 3 * 3584 * 18944)
OTHERS = 28 * (2 * 3584 + 3584 + 2 * 512) + 3584 + 152064 * 3584


def profile(**sections: Any) -> TrtllmProfile:
    whole = {
        "name": "p",
        "engine": "trtllm",
        "model": {"family": "qwen", "dir": "/m", "dtype": "float16"},
        "parallel": {"tp": 1},
        "benchmark": {"batch_size": [8], "input_output_len": [[128, 128]]},
    }
    loaded = load_text(json.dumps(whole | sections), "p.yaml")
    assert isinstance(loaded, TrtllmProfile)
    return loaded


def of_model(asked: TrtllmProfile, **changes: Any) -> DecodeReads | str:
    return decode_reads_of(asked, GivenConfigs(model=json.dumps(QWEN | changes).encode()))


def of_engine(**changes: Any) -> DecodeReads | str:
    content = json.dumps({"pretrained_config": ENGINE | changes, "build_config": {}}).encode()
    return decode_reads_of(profile(), GivenConfigs(model=b"never looked at", engine=content))


@pytest.mark.parametrize("tied", [True, False])
def test_what_the_embedded_engine_holds_is_what_it_reads(tied: bool) -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    from runner.ranks.shape import DecoderShape
    from runner.ranks.weight_shards import WeightShard
    from runner.ranks.weights import RandomSource, build_weights

    sizes: dict[str, Any] = {
        "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 8,
        "num_key_value_heads": 2, "vocab_size": 100, "head_dim": 16, "attention_bias": True,
        "tie_word_embeddings": tied,
    }  # fmt: skip
    for tp in (1, 2, 4):
        weights = build_weights(
            DecoderShape(**sizes), WeightShard(0, tp), RandomSource(0, torch.float32, torch.device("cpu"))
        )
        looked_up = 0 if tied else weights.embedding.numel()
        reads = decode_reads(TransformerShape(**sizes), tp, ByteWidths(4, 4, 4))
        assert reads.weight_bytes == 4 * (weights.parameters - looked_up)
        assert reads.kv_bytes_per_token == 2 * 2 * max(1, 2 // tp) * 16 * 4


@pytest.mark.usefixtures("mpirun_that_only_plans")
def test_the_plan_of_the_embedded_engine_says_it() -> None:
    from runner.profile.store import find

    reads = make_plan(find("torch-1gpu").load()).decode_reads
    assert isinstance(reads, DecodeReads)
    # Llama 3.1 8B: 8.03 G parameters without the 0.53 G of the embedding, two bytes each.
    assert reads.weight_bytes == 2 * (8_030_261_248 - 128256 * 4096)
    assert reads.kv_bytes_per_token == 2 * 32 * 8 * 128 * 2


WORK = TokenWork(layer_weights=LAYERS, head_weights=152064 * 3584, attention_width=28 * 3584, dtype="float16")


def test_a_model_as_it_will_be_converted() -> None:
    expected = DecodeReads(
        weight_bytes=2 * (LAYERS + OTHERS), kv_bytes_per_token=2 * 28 * 4 * 128 * 2, work=WORK
    )
    assert of_model(profile()) == expected


def test_a_mixture_states_its_experts() -> None:
    """Mixtral 8x7B: 46.7 G parameters, of which a token uses 12.9 G."""
    sizes = {
        "model_type": "mixtral", "num_local_experts": 8, "num_experts_per_tok": 2, "hidden_size": 4096,
        "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 8, "vocab_size": 32000, "sliding_window": None,
    }  # fmt: skip
    reads = of_model(profile(), **sizes)
    assert isinstance(reads, DecodeReads)
    assert reads.experts == Experts(total=8, active=2, bytes=2 * 32 * 3 * 4096 * 14336)
    assert reads.work is not None
    embedding = 32000 * 4096
    assert reads.weight_bytes + 8 * reads.experts.bytes == 2 * (46_702_792_704 - embedding)
    used = reads.work.layer_weights + reads.work.head_weights + embedding
    assert used == pytest.approx(12.88e9, rel=1e-3)
    engine = of_engine(
        architecture="MixtralForCausalLM", qwen_type="", moe={"num_experts": 8, "top_k": 2}, dtype="float16",
        head_size=128, **{key: value for key, value in sizes.items() if key in ENGINE},
    )  # fmt: skip
    assert engine == reads


def test_decode_reads_of_engine_and_model_are_equal() -> None:
    assert of_engine() == of_model(profile())


def test_four_ranks_share_it() -> None:
    whole, part = of_model(profile()), of_model(profile(parallel={"tp": 4}))
    assert isinstance(whole, DecodeReads)
    assert isinstance(part, DecodeReads)
    assert part.weight_bytes == pytest.approx(whole.weight_bytes / 4, rel=1e-4)
    assert part.kv_bytes_per_token == whole.kv_bytes_per_token / 4


@pytest.mark.parametrize(
    ("convert", "quantization", "weight", "cache"),
    [
        ({"use_weight_only": True}, {"quant_algo": "W8A16"}, 1.0, 2),
        ({"use_weight_only": True, "weight_only_precision": "int4"}, {"quant_algo": "W4A16"}, 0.5, 2),
        (
            {"smoothquant": 0.5, "per_channel": True, "int8_kv_cache": True},
            {"quant_algo": "W8A8_SQ_PER_CHANNEL_PER_TENSOR_PLUGIN", "kv_cache_quant_algo": "INT8"},
            1.0,
            1,
        ),
    ],
)
def test_quantised_weights_and_cache(
    convert: dict[str, Any], quantization: dict[str, Any], weight: float, cache: int
) -> None:
    reads = of_model(profile(convert=convert))
    factors = "int8" if "smoothquant" in convert else "float16"
    assert reads == DecodeReads(
        weight_bytes=round(LAYERS * weight) + 2 * OTHERS,
        kv_bytes_per_token=2 * 28 * 4 * 128 * cache,
        work=msgspec.structs.replace(WORK, dtype=factors),
    )
    assert of_engine(quantization=quantization) == reads


@pytest.mark.parametrize(
    ("why", "sections", "model"),
    [
        ("not modelled for this mixture of experts", {}, {"num_experts": 60, "model_type": "qwen2_moe"}),
        ("not modelled for this kind of model (gptj)", {}, {"model_type": "gptj"}),
        ("the model is quantised", {}, {"quantization_config": {"quant_method": "gptq"}}),
        (
            "not modelled for W4A16_AWQ",
            {"convert": {"use_weight_only": True, "weight_only_precision": "int4_awq"}},
            {},
        ),
        ("convert.extra_args may change", {"convert": {"extra_args": ["--use_int4"]}}, {}),
        (
            "modelled for decoders only",
            {"benchmark": {"mode": "enc", "input_len": [128]}, "stages": ["benchmark"]},
            {},
        ),
        (
            "the type of the weights is not known",
            {"model": {"family": "qwen", "dir": "/m", "dtype": "auto"}},
            {"torch_dtype": "float8_e4m3fn"},
        ),
        ("config.json: vocab_size missing", {}, {"vocab_size": None}),
    ],
)
def test_what_is_not_known_has_a_reason(why: str, sections: dict[str, Any], model: dict[str, Any]) -> None:
    reads = of_model(profile(**sections), **model)
    assert isinstance(reads, str)
    assert reads.startswith(why)


def test_an_engine_that_says_too_little_has_a_reason() -> None:
    for content in (b"", b"[]", b"{", b'{"pretrained_config": {"quantization": 1, "moe": []}}'):
        assert isinstance(decode_reads_of(profile(), GivenConfigs(engine=content)), str)
    assert of_engine(moe={"num_experts": 8}) == of_model(profile(), num_experts=8)


def test_an_attention_window_is_part_of_it() -> None:
    reads = of_model(profile(), model_type="mistral", use_sliding_window=True, sliding_window=4096)
    assert isinstance(reads, DecodeReads)
    assert reads.window == 4096


def test_the_plan_states_decode_reads_from_the_model_folder(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(QWEN))
    asked = profile(model={"family": "qwen", "dir": str(tmp_path), "dtype": "float16"})
    site = TrtllmInstallation(
        container=None, file_system=cache.HOST, python="python3",
        mpirun=MpirunProgram("mpirun", "openmpi", ""), trtllm_build="trtllm-build",
        version=Version.parse("0.16.0"), gpu="",
    )  # fmt: skip
    plan = TrtllmPlanner(asked, tmp_path / "run", site).plan()
    assert plan.decode_reads == of_model(profile())
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan).decode_reads == plan.decode_reads


def bench_reads(root: Path, **sections: Any) -> DecodeReads | str:
    whole = {"name": "p", "engine": "trtllm-bench", "model": {"name": "Qwen/Qwen2.5-7B", "dir": str(root)}}
    loaded = load_text(json.dumps(whole | sections), "p.yaml")
    assert isinstance(loaded, BenchProfile)
    return bench_decode_reads(loaded, cache.HOST)


@pytest.mark.parametrize(
    ("sections", "weight", "small", "dtype"),
    [
        ({"benchmark": {"backend": "pytorch"}}, 2, 2, "bfloat16"),
        ({"build": {"quantization": "FP8"}}, 1, 1, "fp8"),
    ],
)
def test_trtllm_bench_takes_them_from_the_model_folder(
    tmp_path: Path, sections: dict[str, Any], weight: int, small: int, dtype: str
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(QWEN))
    reads = bench_reads(tmp_path, **sections)
    assert isinstance(reads, DecodeReads)
    assert reads.weight_bytes == weight * LAYERS + 2 * OTHERS
    assert reads.kv_bytes_per_token == 2 * 28 * 4 * 128 * small
    assert reads.work == msgspec.structs.replace(WORK, dtype=dtype)


def test_trtllm_bench_says_why_it_does_not_know(tmp_path: Path) -> None:
    assert bench_reads(tmp_path) == "no config.json of the model or the engine could be read"
    extra = bench_reads(tmp_path, benchmark={"extra_args": ["--speculative"]})
    assert isinstance(extra, str)
    assert extra.startswith("benchmark.extra_args may change")
