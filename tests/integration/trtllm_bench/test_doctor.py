"""doctor on a trtllm-bench profile, with options checked against the --help of the stand-ins."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.engines.check import Check
from runner.engines.facts import Gpu, MachineFacts, ProbeAnswer
from runner.engines.registry import make_plan
from runner.engines.trtllm_bench.profile import BenchProfile
from runner.preflight import evaluate
from runner.preflight.gather import gather_facts
from runner.util.errors import UserError
from tests import standins
from tests.integration.trtllm_bench.support import profile

PYTORCH: dict[str, Any] = {"benchmark": {"backend": "pytorch"}}


def checks(wanted: BenchProfile, facts: MachineFacts | None = None, **probe: Any) -> dict[str, Check]:
    """The checks by name; `probe` replaces what the interpreter reported."""
    facts = facts or gather_facts(wanted)
    if probe:
        assert facts.probe is not None
        known = {name: getattr(facts.probe, name) for name in ProbeAnswer.__struct_fields__}
        facts = replace(facts, probe=ProbeAnswer(**(known | probe)))
    return {check.name: check for check in evaluate(wanted, facts)}


def with_tokenizer(folder: Path) -> None:
    standins.make_model(folder / "model")
    (folder / "model" / "tokenizer.json").write_text("{}")
    (folder / "model" / "model.safetensors").write_bytes(bytes(1 << 20))


def test_a_profile_that_fits_passes(tmp_path: Path) -> None:
    with_tokenizer(tmp_path)
    found = checks(profile(tmp_path, "1.2.1", **PYTORCH))
    for name in ("TensorRT-LLM", "trtllm-bench", "options", "requests", "model"):
        assert found[name].verdict == "pass", found[name]
    assert found["requests"].text == "40 generated with seed 0: 16 in, 8 out"
    assert "mpirun" not in found


def test_help_is_cached_by_version_and_checks_options(tmp_path: Path) -> None:
    with_tokenizer(tmp_path)
    wanted = profile(tmp_path, "1.2.1", **PYTORCH)
    facts = gather_facts(wanted)
    assert set(facts.helps) == {"group", "throughput"}
    kept = list((tmp_path / "home" / "state" / "help").iterdir())
    assert len(kept) == 2
    changed = {path: path.stat().st_mtime_ns for path in kept}
    gather_facts(wanted)
    assert {path: path.stat().st_mtime_ns for path in kept} == changed
    # Options that this version of the tool does not have are rejected by its --help.
    for path in kept:
        path.write_text(path.read_text().replace("--streaming", "--no_longer"))
    with pytest.raises(UserError, match="has no --streaming; remove the line"):
        make_plan(profile(tmp_path, "1.2.1", benchmark={"backend": "pytorch", "streaming": True}))


def test_a_plan_alone_asks_the_installed_tool(tmp_path: Path) -> None:
    # The table does not say whether 0.18.1 has the option; the tool does.
    with_tokenizer(tmp_path)
    wanted = profile(tmp_path, "0.18.1", benchmark={"backend": "pytorch", "eos_id": -1})
    found = make_plan(wanted)
    assert "--eos_id -1" in " ".join(found.stages[-1].argv)
    assert found.notes == []
    kept = tmp_path / "home" / "state" / "help"
    assert sorted(path.name.rsplit("-", 1)[0] for path in kept.iterdir()) == [
        "trtllm-bench-group-0.18.1", "trtllm-bench-throughput-0.18.1",
    ]  # fmt: skip


def test_what_the_table_refuses_the_installed_tool_allows(tmp_path: Path) -> None:
    with_tokenizer(tmp_path)
    make_plan(profile(tmp_path, "0.16.0"))
    for path in (tmp_path / "home" / "state" / "help").iterdir():
        path.write_text(path.read_text().replace("--request_rate TEXT", "--concurrency TEXT "))
    found = make_plan(profile(tmp_path, "0.16.0", benchmark={"concurrency": [4]}))
    assert "--concurrency 4" in " ".join(found.stages[-1].argv)


def test_words_of_the_user_are_checked_by_the_help(tmp_path: Path) -> None:
    with_tokenizer(tmp_path)
    benchmark = {"backend": "pytorch", "extra_args": ["--strange", "1"]}
    found = checks(profile(tmp_path, "1.2.1", benchmark=benchmark))["options"]
    assert found.verdict == "fail"
    assert "trtllm-bench throughput: --strange is not one of its options" in found.text


def test_what_a_version_cannot_do_is_a_failed_check(tmp_path: Path) -> None:
    with_tokenizer(tmp_path)
    wanted = profile(tmp_path, "0.16.0", model={"name": "Qwen/Qwen2.5-7B"})
    gpu = Gpu(name="large", total=1 << 36, used=0)
    found = checks(wanted, replace(gather_facts(wanted), gpu_count=1, gpus=(gpu,)))["plan"]
    assert found.verdict == "fail"
    assert "use engine: trtllm" in found.text
    with pytest.raises(UserError, match="use engine: trtllm"):
        make_plan(wanted)


MISSING: list[tuple[dict[str, Any], str, str, str]] = [
    ({"packages": {}}, "TensorRT-LLM", "fail", "required: 0.14 or later"),
    ({"env": {"SLURM_JOB_ID": "7"}}, "spawning", "warn", "Slurm"),
    ({"packages": {"tensorrt_llm": "1.2.1", "mpi4py": "3.1.6"}}, "spawning", "warn", "4.0 or later"),
    ({"exists": {}}, "model", "fail", "does not exist"),
]
"""what a probe found, and the check, its verdict and a part of its text"""


def test_what_is_missing(tmp_path: Path) -> None:
    with_tokenizer(tmp_path)
    wanted = profile(tmp_path, "1.2.1", **PYTORCH)
    facts = gather_facts(wanted)
    for probe, name, verdict, said in MISSING:
        found = checks(wanted, facts, **probe)[name]
        assert found.verdict == verdict, found
        assert said in found.text


def test_model_checks_of_tokenizer_and_download(tmp_path: Path) -> None:
    assert "has no tokenizer" in checks(profile(tmp_path, "1.2.1", **PYTORCH))["model"].text
    found = checks(profile(tmp_path, "1.2.1", model={"dir": None}, **PYTORCH))["model"]
    assert found.verdict == "warn"
    assert "tokenizer and weights of meta-llama/Llama-3.1-8B come from the network" in found.text


def test_weights_that_no_gpu_holds(tmp_path: Path) -> None:
    with_tokenizer(tmp_path)
    wanted = profile(tmp_path, "1.2.1", **PYTORCH)
    facts = gather_facts(wanted)
    small = replace(facts, gpu_count=1, gpus=(Gpu(name="small", total=1 << 19, used=0),))
    assert checks(wanted, small)["GPU memory"].verdict == "fail"
    large = replace(facts, gpu_count=1, gpus=(Gpu(name="large", total=1 << 36, used=0),))
    found = checks(wanted, large)["GPU memory"]
    assert found.verdict == "pass"
    assert "90% of what these and the activations leave free is the KV cache" in found.text


def test_an_engine_of_another_version(tmp_path: Path) -> None:
    with_tokenizer(tmp_path)
    given = {"engine_dir": str(standins.make_engine(tmp_path / "engine"))}  # of 0.16.0
    found = checks(profile(tmp_path, "0.19.0", paths=given))["engine"]
    assert found.verdict == "fail"
    assert "engines do not load across them" in found.text
