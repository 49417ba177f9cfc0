"""The weights of a torch profile: what the plan says of a checkpoint, and which ones it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.engines.registry import make_plan
from runner.profile.set_fields import with_changes
from runner.profile.yaml_file import ProfileError, load_text
from runner.report.build import build_report
from runner.schema.base import Profile
from runner.state.run import RunState
from runner.util.errors import UserError
from tests.runner.ranks.support import torch_or_skip
from tests.support.machine_facts import facts, one

with torch_or_skip():
    import torch

    from tests.runner.ranks.checkpoints import write_file, write_model

PROFILE = "{name: t, engine: torch, model: {dir: DIR, weights: checkpoint, device: cpu}}"


def profile_of(folder: Path, *changes: str) -> Profile:
    text = PROFILE.replace("DIR", json.dumps(str(folder)))
    return with_changes(load_text(text, "t.yaml"), ["benchmark.input_output_len=[[8,4]]", *changes])


def test_plan_and_report_say_which_weights(tmp_path: Path) -> None:
    tensors = write_model(tmp_path, "qwen3", torch.bfloat16)
    plan = make_plan(profile_of(tmp_path))
    size = sum(tensor.numel() * 2 for tensor in tensors.values())
    assert plan.weights is not None
    assert (plan.weights.folder, plan.weights.bytes) == (str(tmp_path), size)
    assert f"weights of {tmp_path.name} (0.1 MB, {plan.weights.fingerprint})" in plan.summary
    assert plan.notes == ["weights are stored as bfloat16 and converted to float32"]
    smoke, benchmark = plan.stages
    assert (smoke.name, smoke.reports, benchmark.name) == ("smoke", False, "benchmark")
    assert smoke.argv[-1] == "--input_text=The three primary colours are"
    for stage in plan.stages:
        place = stage.argv.index("--weights")
        given = stage.argv[place + 1 : place + 4]
        assert given == [str(tmp_path), "--fingerprint", plan.weights.fingerprint]
    assert build_report(plan, RunState()).weights == plan.weights


def test_smoke_stage_can_be_left_out(tmp_path: Path) -> None:
    write_model(tmp_path)
    plan = make_plan(profile_of(tmp_path, "smoke.prompt=null"))
    assert [stage.name for stage in plan.stages] == ["benchmark"]


def test_smoke_stage_quantises_as_the_benchmark_does(tmp_path: Path) -> None:
    write_model(tmp_path)
    plan = make_plan(profile_of(tmp_path, "model.quantization=int8"))
    given = [stage.argv[stage.argv.index("--quantization") + 1] for stage in plan.stages]
    assert [stage.name for stage in plan.stages] == ["smoke", "benchmark"]
    assert given == ["int8", "int8"]


def test_random_weights_are_the_default(tmp_path: Path) -> None:
    write_model(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    plan = make_plan(profile_of(tmp_path, "model.weights=random"))
    assert [stage.name for stage in plan.stages] == ["benchmark"]
    assert plan.summary.endswith(", random weights")
    assert "--weights" not in plan.stages[0].argv


def test_checkpoint_needs_a_folder() -> None:
    text = "{name: t, engine: torch, model: {weights: checkpoint, shape: {}}}"
    with pytest.raises(ProfileError, match="checkpoint needs model"):
        load_text(text.replace("{}", json.dumps(SHAPE)), "t.yaml")


SHAPE = {
    "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1,
    "num_key_value_heads": 1, "vocab_size": 9,
}  # fmt: skip


@pytest.mark.parametrize(
    ("family", "changes", "message"),
    [
        ("llama", {"quantization_config": {"quant_method": "gptq"}}, "the checkpoint is quantised (gptq)"),
        (
            "llama",
            {"architectures": ["LlamaModel"]},
            "does not implement LlamaModel; allowed: LlamaFor",
        ),
        ("llama", {"hidden_act": "gelu"}, "hidden_act 'gelu' is not implemented; allowed: silu"),
        ("qwen2", {"rope_scaling": {"type": "yarn", "factor": 4.0}}, "of type 'yarn' is not implemented"),
        ("qwen3", {"partial_rotary_factor": 0.5}, "partial_rotary_factor 0.5 is not implemented; allowed: 1"),
        ("mistral", {"sliding_window": 11}, "attention of this model sees 11 tokens, and the torch engine"),
        ("qwen2", {"use_sliding_window": True}, "attention of this model sees 8 tokens"),
    ],
)
def test_models_that_would_be_computed_wrongly_are_refused(
    family: str, changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    write_model(tmp_path, family, **changes)
    with pytest.raises(UserError) as raised:
        make_plan(profile_of(tmp_path))
    sentence, _, hint = str(raised.value).partition("\n")
    assert sentence.startswith(f"{tmp_path}/config.json: ")
    assert message in sentence
    assert hint == "model.weights=random measures a model of this shape without its weights"
    assert make_plan(profile_of(tmp_path, "model.weights=random")).stages


def test_sliding_window_without_effect_is_stated(tmp_path: Path) -> None:
    write_model(tmp_path, "mistral")
    (note,) = make_plan(profile_of(tmp_path)).notes
    assert note == "no sequence is longer than the sliding window of 32 tokens, so it has no effect"


def test_damaged_weights_are_refused_before_the_start(tmp_path: Path) -> None:
    tensors = write_model(tmp_path)
    del tensors["model.norm.weight"]
    write_file(tmp_path / "model.safetensors", tensors)
    with pytest.raises(UserError) as raised:
        make_plan(profile_of(tmp_path))
    assert str(raised.value) == (
        f"model.dir: {tmp_path}: tensor model.norm.weight is missing, which config.json calls for"
    )


def test_doctor_describes_weights_and_tokenizer(tmp_path: Path) -> None:
    write_model(tmp_path)
    profile = profile_of(tmp_path)
    known = facts(packages={"torch": "2.6.0"}, plan=make_plan(profile))
    assert one("weights", known, profile).verdict == "pass"
    assert f"in {tmp_path}" in one("weights", known, profile).text
    (tmp_path / "tokenizer.json").write_text("{}")
    missing = one("tokenizer", known, profile)
    assert missing.verdict == "warn"
    assert missing.fix == (
        "/usr/bin/python3 -m pip install '.[tokenizers]' in the source folder of trtbench-tui"
    )
