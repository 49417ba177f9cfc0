"""The file of further options of the LLM API: how it is written, shown and checked."""

from __future__ import annotations

import datetime
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner.engines.trtllm_bench.llm_options import unknown_keys, value_problems
from runner.plan.plan import Plan
from runner.plan.repro_script import file_as_shell, repro_script
from runner.profile.set_fields import with_changes
from runner.profile.yaml_file import load_text, to_yaml
from runner.ranks.llm_api_keys import keys_in
from tests.integration.trtllm_bench.support import environment
from tests.runner.engines.trtllm_bench.test_plan import plan, words

SOURCE = """
class KvCacheConfig(StrictBaseModel, PybindMirror):
    dtype: str = Field(default="auto")
    free_gpu_memory_fraction: Optional[float] = 0.9
class StrictBaseModel(BaseModel): ...
class PybindMirror(ABC): ...
class DecodingBaseConfig(BaseModel):
    max_draft_len: int = 1
class MedusaConfig(DecodingBaseConfig): ...
class BaseLlmArgs(BaseModel):
    model: str
    kv_cache_config: "KvCacheConfig" = Field(default_factory=KvCacheConfig)
    speculative_config: Optional[DecodingBaseConfig] = None
    model_kwargs: Dict[str, KvCacheConfig] = {}
    moe_ep: int = Field(default=1, alias="moe_expert_parallel_size")
    _private: int = 0
class TrtLlmArgs(BaseLlmArgs):
    fast_build: bool = False
class TorchLlmArgs(BaseLlmArgs):
    print_iter_log: bool = False
    cuda_graph_config: Optional[KvCacheConfig] = None
    @property
    def quant_config(self): ...
    @quant_config.setter
    def quant_config(self, value): ...
def update_llm_args_with_extra_dict(llm_args, llm_args_dict):
    field_mapping = {"lora_config": LoraConfig}
class LlmArgs(unknown.Elsewhere):
    fast_build: bool = False
"""


def test_keys_come_from_the_source_of_the_installed_version() -> None:
    found = keys_in(SOURCE)
    assert sorted(found) == ["TorchLlmArgs", "TrtLlmArgs"]  # LlmArgs has fields that are elsewhere
    torch = found["TorchLlmArgs"]
    assert torch["kv_cache_config"] == ["dtype", "free_gpu_memory_fraction"]
    for free in ("speculative_config", "model_kwargs", "quant_config", "lora_config", "print_iter_log"):
        assert torch[free] is None
    assert "moe_expert_parallel_size" in torch
    assert "_private" not in torch
    assert "fast_build" not in torch


def test_unknown_keys_are_named_with_similar_ones() -> None:
    known = keys_in(SOURCE)["TorchLlmArgs"]
    options = {
        "print_iter_logs": True,
        "kv_cache_config": {"dtyp": "fp8", "dtype": "fp8"},
        "speculative_config": {"decoding_type": "Eagle"},
        "fast_build": True,
    }
    assert list(unknown_keys(options, known)) == [
        "print_iter_logs (did you mean print_iter_log?)",
        "kv_cache_config.dtyp (did you mean dtype?)",
        "fast_build",
    ]


OPTIONS: dict[str, Any] = {"kv_cache_config": {"dtype": "fp8"}, "cuda_graph_config": {}, "tiny": 1e-05}


def inline(tmp_path: Path, **launch: Any) -> Plan:
    benchmark = {"backend": "pytorch", "extra_llm_api_options": OPTIONS}
    return plan(tmp_path, "1.0.0", benchmark=benchmark, launch=launch)


def test_a_mapping_becomes_a_file_named_by_its_content(tmp_path: Path) -> None:
    found = inline(tmp_path)
    ((name, content),) = found.files.items()
    assert yaml.safe_load(content) == OPTIONS
    assert f"--extra_llm_api_options /runs/one/{name}" in words(found.stages[-1])
    script = repro_script(found)
    assert f"cat > /runs/one/{name} <<'END'\n{content}END\n" in script
    again = inline(tmp_path)
    assert again.files == found.files


def test_a_running_container_gets_a_copy_of_the_file(tmp_path: Path) -> None:
    found = inline(tmp_path, container={"exec": "box", "tool": "docker"})
    (name,) = found.files
    said = words(found.stages[-1])
    assert f"--extra_llm_api_options /tmp/trtbench-{name}" in said
    assert f"< /runs/one/{name}" in said


@pytest.mark.parametrize("by", ["extra_llm_api_options", "options_file"])
def test_a_plan_names_keys_that_the_version_lacks(tmp_path: Path, by: str) -> None:
    site = Path(environment(tmp_path, "1.0.0")["PYTHONPATH"])
    source = site / "tensorrt_llm" / "llmapi" / "llm_args.py"
    source.parent.mkdir(parents=True)
    source.write_text(SOURCE)
    file = tmp_path / "options.yaml"
    file.write_text(yaml.safe_dump(OPTIONS))
    given = OPTIONS if by == "extra_llm_api_options" else str(file)
    found = plan(tmp_path, "1.0.0", benchmark={"backend": "pytorch", by: given})
    (note,) = (note for note in found.notes if by in note)
    assert note == f"benchmark.{by}: TensorRT-LLM 1.0.0 does not have tiny, and may ignore it silently"


def test_without_a_source_the_plan_says_keys_are_not_checked(tmp_path: Path) -> None:
    assert any("its keys are not checked" in note for note in inline(tmp_path).notes)


def test_values_that_no_file_can_have_are_problems() -> None:
    value = {"a": [{"b": datetime.date(2026, 1, 1)}], "c": {1: 2}, "d": None}
    assert [problem.path for problem in value_problems(value, "x")] == ["x.a[0].b", "x.c.1"]


def test_a_mapping_is_set_by_path_and_keeps_empty_sections(tmp_path: Path) -> None:
    text = "name: a\nengine: trtllm-bench\nmodel: {name: a/b}\nbenchmark:\n  backend: pytorch\n"
    profile = load_text(text, "a.yaml")
    path = "benchmark.extra_llm_api_options"
    changed = with_changes(profile, [f"{path}.kv_cache_config.dtype=fp8", f"{path}.graph={{}}"])
    again = load_text(to_yaml(changed), "a.yaml")
    assert again == changed
    benchmark: Any = again
    assert benchmark.benchmark.extra_llm_api_options == {"kv_cache_config": {"dtype": "fp8"}, "graph": {}}


def test_the_shell_writes_the_file_unchanged(tmp_path: Path) -> None:
    content = "a: $HOME `x` \\\nEND\nb: 'c'\n"
    file = tmp_path / "with space.yaml"
    subprocess.run(["sh", "-c", file_as_shell(str(file), content)], check=True)
    assert file.read_text() == content
