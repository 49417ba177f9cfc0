"""Rules of trtllm profiles: what upstream would reject late or skip silently."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.engines.trtllm.profile import TrtllmProfile
from runner.profile.fields import edit_field, fields
from runner.profile.json_schema import json_schema
from runner.profile.set_fields import with_changes
from runner.profile.yaml_file import ProfileError, load_text, to_yaml

GOOD = """\
name: demo
engine: trtllm
model: {family: qwen, dir: /models/Qwen2.5-7B-Instruct, dtype: float16}
parallel: {tp: 4}
build:
  gemm_plugin: auto
  max_batch_size: 16
  max_num_tokens: 16384
  max_input_len: 1024
  max_seq_len: 2048
benchmark:
  batch_size: [1, 16]
  input_output_len: [[1024, 1024]]
"""


def good() -> TrtllmProfile:
    profile = load_text(GOOD, "p.yaml")
    assert isinstance(profile, TrtllmProfile)
    return profile


def complaint(*assignments: str) -> str:
    """Return the errors of the good profile with these changes, without the names of the changes."""
    with pytest.raises(ProfileError) as raised:
        with_changes(good(), assignments)
    return "\n".join(f"{problem.path}: {problem.message}" for problem in raised.value.problems)


def test_a_profile_reads_and_writes_back() -> None:
    assert load_text(to_yaml(good()), "p.yaml") == good()
    assert good().stages == ["convert", "build", "smoke", "benchmark"]


def test_the_schema_tells_engines_apart() -> None:
    assert set(json_schema()["discriminator"]["mapping"]) == {"torch", "trtllm", "trtllm-bench"}


def test_the_form_shows_options_with_help_unit_and_choices() -> None:
    shown = {field.path: field for field in fields(good())}
    limit = shown["build.max_num_tokens"]
    assert (limit.text, limit.default, limit.unit) == ("16384", "", "tokens")
    assert limit.help == (
        "most tokens in one step, padding removed; a static batch needs batch x input length"
        " (null: TensorRT-LLM's default, 8192)"
    )
    assert set(shown["build.context_fmha"].choices) == {"", "enable", "disable"}
    assert shown["convert.use_weight_only"].choices == ("true", "false")
    assert "launch.container.exec" not in shown, "a section that is null is left out"


def test_the_form_changes_the_model_folder() -> None:
    changed = edit_field(good(), "model.dir", "/models/other")
    assert isinstance(changed, TrtllmProfile)
    assert changed.model.dir == "/models/other"


def test_a_wrong_key_and_value_are_reported_with_their_line() -> None:
    with pytest.raises(ProfileError) as raised:
        load_text(GOOD.replace("gemm_plugin: auto", "gemm_plugin: on\n  max_batchsize: 4"), "p.yaml")
    first, second = str(raised.value).splitlines()
    assert first.startswith("p.yaml:6: build.gemm_plugin: true is not allowed; allowed: ")
    assert second.startswith("p.yaml:7: build.max_batchsize: unknown key; allowed here: gemm_plugin, ")
    assert second.endswith("(did you mean max_batch_size?)")


@pytest.mark.parametrize(
    ("assignments", "sentence"),
    [
        pytest.param(
            ["build.max_batch_size=8"],
            "build.max_batch_size: is 8, but benchmark needs batch size 16;"
            " raise it, or reduce the benchmark",
            id="batch",
        ),
        pytest.param(
            ["build.max_input_len=512"],
            "build.max_input_len: is 512, but benchmark needs input length 1024;"
            " raise it, or reduce the benchmark",
            id="input",
        ),
        pytest.param(
            ["build.max_seq_len=2000"],
            "build.max_seq_len: is 2000, but benchmark needs input 1024 + output 1024 = 2048;"
            " raise it, or reduce the benchmark",
            id="sequence",
        ),
        pytest.param(
            ["build.max_num_tokens=null"],
            "build.max_num_tokens: is not given, so TensorRT-LLM uses 8192, but benchmark needs"
            " batch size 16 x input length 1024 = 16384 tokens in one step;"
            " raise it, or reduce the benchmark",
            id="tokens, by upstream's default",
        ),
        pytest.param(
            ["benchmark.mode=enc", "benchmark.input_len=[2048]", "benchmark.batch_size=[1]",
             "stages=[convert, build, benchmark]"],
            "build.max_input_len: is 1024, but benchmark needs input length 2048;"
            " raise it, or reduce the benchmark",
            id="encoder, which upstream skips without a word",
        ),
        pytest.param(
            ["benchmark.mode=enc-dec", "benchmark.input_output_len=[[1500, 100]]"],
            "build.max_encoder_input_len: is not given, so TensorRT-LLM uses 1024, but benchmark needs"
            " input length 1500; raise it, or reduce the benchmark",
            id="encoder-decoder",
        ),
    ],
)  # fmt: skip
def test_shapes_that_upstream_would_skip(assignments: list[str], sentence: str) -> None:
    assert complaint(*assignments) == sentence


@pytest.mark.parametrize(
    ("assignments", "sentence"),
    [
        pytest.param(
            ["parallel.pp=2"],
            "parallel.pp: benchmark.py treats every rank as tensor parallel, so pp 2 is measured"
            " wrong; allowed: 1, or leave benchmark out of stages",
            id="pipeline parallel",
        ),
        pytest.param(
            ["build.multiple_profiles=enable"],
            "build.multiple_profiles: benchmark.py cannot run several of them; allowed: disable",
            id="several optimisation profiles",
        ),
        pytest.param(
            ["benchmark.num_beams=2"],
            "benchmark.num_beams: 2 beams fail in benchmark.py with mode dec, which sets up one; allowed: 1",
            id="beams",
        ),
        pytest.param(
            ["benchmark.dtype=bfloat16"],
            "benchmark.dtype: bfloat16 differs from the engine's, which comes from model.dtype float16;"
            " remove the line",
            id="dtype",
        ),
        pytest.param(
            ["benchmark.gpu_weights_percent=[0.5, 1.0]"],
            "benchmark.gpu_weights_percent: 0.5 needs an engine with build.weight_streaming: true",
            id="weight streaming",
        ),
        pytest.param(
            ["benchmark.num_runs=0", "benchmark.duration=0"],
            "benchmark.num_runs: num_runs and duration are both 0, so nothing would be timed;"
            " set one of them",
            id="nothing timed",
        ),
        pytest.param(
            ["benchmark.mode=enc", "benchmark.dump_profile=true"],
            "stages: smoke asks for text, which an encoder does not generate; leave smoke out\n"
            "benchmark.dump_profile: times layers with mode dec only, not enc",
            id="encoder",
        ),
    ],
)
def test_what_benchmark_py_cannot_do(assignments: list[str], sentence: str) -> None:
    assert complaint(*assignments) == sentence


@pytest.mark.parametrize(
    ("assignments", "sentence"),
    [
        pytest.param(
            ["convert.weight_only_precision=int4"],
            "convert.weight_only_precision: has no effect without use_weight_only: true",
            id="precision alone",
        ),
        pytest.param(
            ["convert.per_token=true"],
            "convert.per_token: has no effect without smoothquant, for example 0.5",
            id="per_token alone",
        ),
        pytest.param(
            ["convert.smoothquant=0.5", "convert.use_weight_only=true"],
            "convert.smoothquant: cannot be combined with use_weight_only; keep one of them",
            id="two quantisations",
        ),
        pytest.param(
            ["convert.moe_ep_size=2"],
            "convert.moe_tp_size: moe_tp_size 1 x moe_ep_size 2 must be parallel.tp 4",
            id="experts",
        ),
        pytest.param(
            ["model.dir=null", "paths.tokenizer_dir=/t"],
            "model.dir: missing; convert needs the model's folder"
            " (or give paths.checkpoint_dir or engine_dir)",
            id="no model",
        ),
    ],
)
def test_what_convert_cannot_do(assignments: list[str], sentence: str) -> None:
    assert complaint(*assignments) == sentence


@pytest.mark.parametrize(
    ("assignments", "sentence"),
    [
        pytest.param(
            ["build.extra_args=[--max_batch_size, '32']"],
            "build.extra_args: --max_batch_size: set build.max_batch_size instead",
            id="an option with a field",
        ),
        pytest.param(
            ["convert.extra_args=[--tp=8]"],
            "convert.extra_args: --tp=8: the profile already sets this option; remove it",
            id="an option from elsewhere",
        ),
        pytest.param(["stages=[build, build]"], "stages: names a stage twice; keep one of them", id="twice"),
        pytest.param(
            ["paths.work=work"],
            "paths.work: work is not absolute; stages run in another folder",
            id="relative",
        ),
        pytest.param(
            ["launch.container.tool=docker"],
            "launch.container: give exactly one of exec (a running container) and run (an image)",
            id="no container",
        ),
        pytest.param(
            ["launch.container.exec=box", "launch.container.volumes=['/a:/b']"],
            "launch.container.volumes: box already runs, so volumes cannot be added;"
            " remove the line, or use run",
            id="volumes of a running container",
        ),
        pytest.param(
            ["launch.container.run=image", "launch.container.volumes=['models:/b']"],
            "launch.container.volumes: models:/b: expected HOST:CONTAINER, both absolute",
            id="relative volume",
        ),
    ],
)
def test_what_contradicts_itself(assignments: list[str], sentence: str) -> None:
    assert complaint(*assignments) == sentence


@pytest.mark.parametrize(
    "assignments",
    [
        ["build.max_batch_size=8", "stages=[convert, build]"],
        ["build.max_batch_size=8", "paths.engine_dir=/e"],
        ["parallel.pp=2", "stages=[convert, build, smoke]"],
        ["benchmark.dtype=bfloat16", "paths.checkpoint_dir=/c"],
        ["benchmark.gpu_weights_percent=[0.5]", "build.weight_streaming=true"],
        ["build.max_num_tokens=null", "build.remove_input_padding=disable"],
        ["convert.moe_tp_size=2", "convert.moe_ep_size=2"],
        ["model.dir=null", "paths.engine_dir=/e", "paths.tokenizer_dir=/t"],
    ],
)
def test_rules_hold_only_for_what_runs(assignments: list[str]) -> None:
    with_changes(good(), assignments)


def test_why_a_stage_is_not_wanted(tmp_path: Path) -> None:
    changed = with_changes(good(), [f"paths.engine_dir={tmp_path}", "stages=[benchmark]"])
    assert isinstance(changed, TrtllmProfile)
    assert str(changed.skip_reason("convert")) == f"given: paths.engine_dir {tmp_path}"
    assert str(changed.skip_reason("smoke")) == "not asked for"
    assert changed.selects("benchmark")


@pytest.mark.parametrize(("family", "mode"), [("t5", "enc-dec"), ("bert", "enc")])
def test_the_family_decides_about_the_mode(family: str, mode: str) -> None:
    said = complaint(f"model.family={family}", "stages=[convert, build, benchmark]")
    assert said == f"benchmark.mode: dec does not fit the family {family}; set {mode}"
