"""Fields that are made from the table of options: their types, and the versions that have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from runner.engines.registry import make_plan
from runner.engines.tensorrt_llm import options_by_version
from runner.engines.tensorrt_llm.more_options import FIELDS
from runner.engines.tensorrt_llm.options_by_version import Presence
from runner.engines.tensorrt_llm.versions import Version
from runner.engines.trtllm.arguments import Programs, option_problems
from runner.engines.trtllm.profile import TrtllmProfile
from runner.profile.fields import fields
from runner.profile.yaml_file import ProfileError, decode
from tests.runner.engines.tensorrt_llm.test_options_by_version import RELEASES

SECTIONS = {"build": "build", "convert": "convert", "run": "smoke"}


def profile(**sections: Any) -> TrtllmProfile:
    data = {
        "name": "a",
        "engine": "trtllm",
        "model": {"family": "llama", "dir": "/model"},
        "build": {"max_batch_size": 8},
        "launch": {"env": {"PATH": "/nowhere"}},
    } | sections
    decoded = decode(data, "a.yaml")
    assert isinstance(decoded, TrtllmProfile)
    return decoded


def value_of(of: str, name: str, family: str, version: Version) -> Any:
    """A value that the option takes in this version, or in the newest that has it."""
    program = f"convert {family}" if of == "convert" else of
    forms = options_by_version.every_form(program, name) or options_by_version.every_form(
        "convert llama", name
    )
    form = options_by_version.properties_of(program, name, version) or forms[-1]
    if form.flag:
        return True
    choice = form.choices[0] if form.choices else "1"
    return int(choice) if choice.isdigit() else choice


@pytest.mark.parametrize("release", RELEASES)
def test_every_made_field_is_refused_where_it_is_missing(release: str) -> None:
    version = Version.parse(release)
    for family in ("llama", "qwen", "falcon", "gptj"):
        base = profile(model={"family": family, "dir": "/model"})
        programs = Programs(version, family)
        before = set(option_problems(base, programs, None))
        for of, section in SECTIONS.items():
            program = f"convert {family}" if of == "convert" else of
            for name in FIELDS[of]:
                given = msgspec.structs.replace(
                    getattr(base, section), **{name: value_of(of, name, family, version)}
                )
                changed = msgspec.structs.replace(base, **{section: given})
                found = set(option_problems(changed, programs, None)) - before
                missing = options_by_version.presence(program, name, version) is Presence.NO
                assert bool(found) == missing, (program, name, found)
                assert all(problem.startswith(f"{section}.{name}: ") for problem in found)


def test_made_fields_have_types_help_and_defaults() -> None:
    found = {field.path: field for field in fields(profile())}
    assert found["build.user_buffer"].choices == ("", "disable", "enable"), "the first: not set"
    assert found["build.builder_opt"].choices == ("", "0", "1", "2", "3", "4", "5")
    assert found["smoke.streaming"].choices == ("true", "false")
    for path in ("build.max_lora_rank", "smoke.temperature", "smoke.top_k", "build.max_draft_len"):
        assert found[path].kind == "number"
    assert "TensorRT-LLM's default, 64" in found["build.max_lora_rank"].help
    paths = list(found)
    assert paths.index("build.extra_args") > paths.index("build.user_buffer")


def test_several_values_of_an_option_are_several_words() -> None:
    made = profile(
        build={"lora_target_modules": "attn_q attn_v"}, smoke={"temperature": 0.5, "streaming": True}
    )
    stages = {stage.name: " ".join(stage.argv) for stage in make_plan(made, Path("/run")).stages}
    assert stages["build"].endswith("--lora_target_modules attn_q attn_v")
    assert stages["smoke"].endswith("--temperature 0.5 --streaming")
    problems = option_problems(
        profile(build={"max_batch_size": 8, "lora_target_modules": "attn_q nothing"}),
        Programs(Version.parse("0.16.0"), "llama"),
        None,
    )
    assert [p.partition(" in TensorRT")[0] for p in problems] == [
        "build.lora_target_modules: nothing is not allowed"
    ]


def test_extra_args_of_older_profiles_stay_valid() -> None:
    words = ["--temperature", "0.5"]
    assert profile(smoke={"extra_args": words}).smoke.extra_args == words
    with pytest.raises(ProfileError, match=r"smoke\.extra_args: --temperature: set smoke\.temperature"):
        profile(smoke={"extra_args": words, "temperature": 0.5})
