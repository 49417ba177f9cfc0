"""The stage quantize: its commands, rules, cache, memory and failures."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from runner.engines.facts import Gpu, MachineFacts, ProbeAnswer
from runner.engines.tensorrt_llm.build_options import Quantize
from runner.engines.tensorrt_llm.failures import KNOWN_FAILURES
from runner.engines.tensorrt_llm.model_config import read_config
from runner.engines.trtllm.decode_bytes import GivenConfigs, decode_reads_of
from runner.engines.trtllm.profile import TrtllmProfile
from runner.engines.trtllm.quantization import bytes_per_weight, checkpoint_bytes, checks
from runner.plan.plan import DecodeReads
from runner.profile.set_fields import with_changes
from runner.profile.store import find
from runner.profile.yaml_file import ProfileError, load_text
from runner.util.errors import UserError
from tests.runner.engines.trtllm.support import plan, site, stage

GIB = 1 << 30
LLAMA_70B = {
    "model_type": "llama", "hidden_size": 8192, "intermediate_size": 28672, "num_attention_heads": 64,
    "num_key_value_heads": 8, "num_hidden_layers": 80, "vocab_size": 128256, "torch_dtype": "bfloat16",
}  # fmt: skip
MODEL = read_config(json.dumps(LLAMA_70B).encode())
SIZE = 2 * 70_553_706_496
"""bytes of Llama-3.1-70B in 16 bit"""


def fp8(*assignments: str) -> TrtllmProfile:
    profile = with_changes(find("llama-3.1-8b-fp8-tp1").load(), assignments)
    assert isinstance(profile, TrtllmProfile)
    return profile


def test_quantize_replaces_convert_in_the_plan() -> None:
    made = plan(fp8(), site("0.16.0"))
    assert [one.name for one in made.stages] == ["quantize", "build", "smoke", "benchmark"]
    argv = stage(made, "quantize").argv
    assert argv[1].endswith("/examples/quantization/quantize.py")
    said = " ".join(argv)
    assert (
        "--model_dir /models/Llama-3.1-8B --output_dir /tmp/trtbench/llama-3.1-8b-fp8-tp1-checkpoint-" in said
    )
    assert said.endswith(
        "--tp_size 1 --pp_size 1 --dtype bfloat16 --qformat fp8 --kv_cache_dtype fp8 --calib_size 512"
    )
    checkpoint = argv[argv.index("--output_dir") + 1]
    assert stage(made, "build").argv[1:3] == ["--checkpoint_dir", checkpoint]


def test_the_usual_list_of_stages_means_quantize() -> None:
    usual = plan(fp8("stages=[convert, build, smoke, benchmark]"))
    assert [one.argv for one in usual.stages] == [one.argv for one in plan(fp8()).stages]


def test_every_option_of_quantize_identifies_the_checkpoint() -> None:
    before = stage(plan(fp8()), "quantize")
    for change in ("quantize.calib_size=64", "quantize.qformat=int8_sq", "model.dtype=float16"):
        after = stage(plan(fp8(change)), "quantize")
        assert after.output != before.output
        name = change.partition("=")[0].rpartition(".")[2]
        assert after.identity[name] != before.identity[name]


@pytest.mark.parametrize(
    ("version", "change", "said"),
    [
        ("0.16.0", "quantize.qformat=nvfp4", "quantize.qformat: nvfp4 is not allowed"),
        ("0.16.0", "quantize.quantize_lm_head=true", "quantize.quantize_lm_head: quantize.py of"),
        ("0.14.0", "model.dtype=auto", "model.dtype: quantize.py of TensorRT-LLM 0.14.0 does not take auto"),
    ],
)
def test_what_a_version_lacks_is_refused(version: str, change: str, said: str) -> None:
    profile = fp8("stages=[quantize, build]", change)
    # The table has no choices of --dtype before 0.15, where the script has no `auto`.
    with pytest.raises(UserError, match=said.replace(".", r"\.")):
        plan(profile, site(version))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stages: [quantize, build]", "quantize: missing"),
        ("quantize: {qformat: fp8, awq_block_size: 64}", "has no effect with qformat fp8"),
        ("quantize: {qformat: int4_awq, quantize_lm_head: true}", "needs qformat fp8"),
        ("quantize: {qformat: fp8, autoq_format: fp8}", "give both or none"),
        ("quantize: {qformat: fp8}\nconvert: {use_fp8: true}", "convert: has no effect"),
        ("quantize: {qformat: fp8, extra_args: [--dtype, x]}", "the profile already sets this option"),
        ("quantize: {qformat: fp4}", "quantize.qformat: the text"),
    ],
)
def test_contradictions_are_named(text: str, said: str) -> None:
    with pytest.raises(ProfileError, match=said):
        load_text(f"name: a\nengine: trtllm\nmodel: {{family: llama, dir: /m}}\n{text}\n", "a.yaml")


def section(qformat: str, **more: Any) -> Quantize:
    profile = fp8("quantize.kv_cache_dtype=null", f"quantize.qformat={qformat}")
    assert profile.quantize is not None
    return msgspec.structs.replace(profile.quantize, **more)


@pytest.mark.parametrize(
    ("qformat", "more", "expected"),
    [
        ("fp8", {}, 1.0),
        ("int4_awq", {}, 0.5 + 2 / 128),
        ("w4a8_awq", {"awq_block_size": 64}, 0.5 + 2 / 64),
        ("nvfp4", {}, 0.5 + 1 / 16),
        ("full_prec", {}, 2.0),
        ("fp8", {"autoq_format": "fp8,int4_awq"}, None),
    ],
)
def test_bytes_of_a_weight(qformat: str, more: dict[str, Any], expected: float | None) -> None:
    assert bytes_per_weight(section(qformat, **more), 2.0) == expected


def test_embedding_and_head_keep_their_width() -> None:
    assert MODEL is not None
    table = 128256 * 8192
    numbers = SIZE // 2
    found = checkpoint_bytes(section("fp8"), SIZE, "bfloat16", "bfloat16", MODEL)
    assert found == (numbers - 2 * table) + 2 * 2 * table


def test_a_decode_step_reads_quantised_weights() -> None:
    given = GivenConfigs(model=json.dumps(LLAMA_70B).encode())
    whole = decode_reads_of(fp8("quantize.qformat=full_prec", "quantize.kv_cache_dtype=null"), given)
    small = decode_reads_of(fp8(), given)
    assert isinstance(whole, DecodeReads)
    assert isinstance(small, DecodeReads)
    assert small.kv_bytes_per_token * 2 == whole.kv_bytes_per_token
    assert 0.5 < small.weight_bytes / whole.weight_bytes < 0.55
    awq = decode_reads_of(fp8("quantize.qformat=int4_awq"), given)
    assert awq == "not modelled for W4A16_AWQ: the scales of its groups have no known size"


def facts(*gpus: int, **environment: str) -> tuple[MachineFacts, ProbeAnswer]:
    probe = ProbeAnswer(packages={"nvidia-modelopt": "0.21"}, weights={"/models/Llama-3.1-8B": SIZE})
    found = tuple(Gpu(name="H100", total=total * GIB, used=GIB) for total in gpus)
    return (
        MachineFacts(python="python", probe=probe, gpus=found, plan=plan(fp8()), environment=environment),
        probe,
    )


@pytest.mark.parametrize(
    ("gpus", "environment", "verdict", "said"),
    [
        ((80,), {}, "fail", "131.4 GiB, and activations (not known); 79.0 GiB of 80.0 GiB free on 1"),
        ((80, 80), {}, "pass", "158.0 GiB of 160.0 GiB free on 2 visible GPUs"),
        ((80, 80), {"CUDA_VISIBLE_DEVICES": "1"}, "fail", "on 1 visible GPU"),
        ((66, 66), {}, "warn", "130.0 GiB of 132.0 GiB free"),
    ],
    ids=["one", "two", "one-of-two", "nearly"],
)
def test_calibration_needs_the_16_bit_weights(
    gpus: tuple[int, ...], environment: dict[str, str], verdict: str, said: str
) -> None:
    machine, probe = facts(*gpus, **environment)
    found = {check.name: check for check in checks(fp8(), machine, probe, MODEL)}
    assert found["memory of quantize"].verdict == verdict
    assert said in found["memory of quantize"].text
    assert found["calibration data"].verdict == "warn"
    assert "quantisation" not in found


def test_a_missing_package_of_quantize_fails() -> None:
    machine, probe = facts(80)
    without = ProbeAnswer(weights=probe.weights)
    found = {check.name: check for check in checks(fp8(), replace(machine, probe=without), without, MODEL)}
    assert found["quantisation"].verdict == "fail"


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        ("[TRT-LLM] [E] Failed to import modelopt, pls check the Modelopt installation.", "nvidia-modelopt"),
        ("NotImplementedError: Cannot copy out of meta tensor; no data!", "did not fit the GPUs"),
        ("ValueError: Unsupported quantization format: nvfp4", "does not know the format"),
        ("ConnectionError: Couldn't reach 'ccdv/cnn_dailymail' on the Hub", "could not be downloaded"),
        ("NotImplementedError: Unsupported dataset name or local repo directory: /x.", "calibration data"),
        ("AssertionError: Pad token for qwen cannot be set!", "no token for padding"),
    ],
)
def test_failures_of_quantize_have_causes(line: str, cause: str) -> None:
    found = next(failure for failure in KNOWN_FAILURES if failure.pattern.search(line))
    assert cause in found.cause
    assert found.remedy
