"""Plans of trtllm-bench: its options in every version, and what is rejected before the start."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from runner.engines.registry import make_plan
from runner.events import Slo
from runner.plan.plan import RUN_DIR, Plan, Stage
from runner.ranks import launched_command
from runner.util.errors import UserError
from tests import standins
from tests.integration.trtllm.support import merged
from tests.integration.trtllm_bench.support import MODEL, profile


def plan(folder: Path, version: str, **changes: Any) -> Plan:
    """The plan where trtllm-bench cannot be asked, so that the table of options decides."""
    alone = merged({"launch": {"env": {"PATH": "/nowhere"}}}, changes)
    return make_plan(profile(folder, version, **alone), Path("/runs/one"))


def words(stage: Stage) -> str:
    return " ".join(stage.argv)


def engine(folder: Path, **limits: Any) -> str:
    return str(standins.make_engine(folder / "engine", **limits))


# --- words ------------------------------------------------------------------------------------------------


def test_before_model_path_the_folder_replaces_the_name(tmp_path: Path) -> None:
    build, benchmark = plan(tmp_path, "0.15.0").stages[1:]
    assert f"--model {MODEL} --workspace" in words(build)
    assert "--model_path" not in words(build)
    assert f"--model {tmp_path}/model throughput --engine_dir" in words(benchmark)
    assert "--iteration_log /runs/one/results/0/iterations.log" in words(benchmark)
    assert "--report_json" not in words(benchmark)
    assert "/runs/one/results/0" in benchmark.folders


def test_options_of_the_group_stand_before_the_command(tmp_path: Path) -> None:
    for version in ("0.16.0", "1.0.0"):
        build = plan(tmp_path, version).stages[1]
        assert f"--model {MODEL} --model_path {tmp_path}/model --workspace" in words(build)
    (_, benchmark) = plan(tmp_path, "1.2.1", benchmark={"backend": "pytorch"}).stages
    before, _, behind = words(benchmark).partition(" throughput ")
    assert before.endswith(f"--model {MODEL} --model_path {tmp_path}/model")
    assert behind.startswith("--backend pytorch --tp 1 --pp 1 --dataset ")
    assert "--request_json" in behind


def test_an_engine_is_asked_for_by_name_from_1_0_on(tmp_path: Path) -> None:
    given = {"engine_dir": engine(tmp_path)}
    assert "--backend" not in words(plan(tmp_path, "0.19.0", paths=given).stages[-1])
    assert "--backend tensorrt" in words(plan(tmp_path, "1.0.0", paths=given).stages[-1])


def test_no_mpirun_stands_before_it(tmp_path: Path) -> None:
    stages = plan(tmp_path, "0.19.0", parallel={"tp": 2}).stages
    assert [Path(stage.argv[0]).name for stage in stages[1:]] == ["trtllm-bench", "trtllm-bench"]
    assert stages[-1].ranks == 2


@pytest.mark.usefixtures("mpirun_that_only_plans")
def test_on_several_hosts_a_launcher_gives_it_ranks(tmp_path: Path) -> None:
    here = os.uname().nodename
    launch = {"mpirun": {"hosts": [here, "b"]}, "env": {"HF_HOME": "/hf", "PATH": "/bin"}}
    benchmark = {"backend": "pytorch", "extra_args": ["--note", "two words"]}
    found = plan(tmp_path, "1.2.1", parallel={"tp": 4}, benchmark=benchmark, launch=launch)
    before, _, behind = words(found.stages[-1]).partition(" trtllm-llmapi-launch ")
    assert " -x HF_HOME" in before
    assert f"mpirun -n 4 --host {here}:2,b:2 -x TRTBENCH_RUN" in before
    program = behind.partition(f" {launched_command.__file__} ")[2]
    assert program.startswith("trtllm-bench --model ")
    assert program.endswith(" --note two%20words")
    changed = profile(tmp_path, "1.2.1", parallel={"tp": 4}, benchmark=benchmark, launch=launch)
    shown = make_plan(changed, RUN_DIR)
    assert " --report_json $RUN/results/" in words(shown.stages[-1]), "a shell can run what is shown"
    # The launcher takes the interpreter of its ranks from PATH.
    assert found.stages[-1].env["PATH"] == f"{Path(sys.executable).parent}:/bin"
    assert found.devices == ["gpu-0", "gpu-1"]
    assert found.nodes is not None
    assert found.nodes.devices[1] == ["cuda:0", "cuda:1"]
    assert "need the same files at the same paths" in found.notes[-1]


def test_every_concurrency_is_a_stage_and_a_configuration(tmp_path: Path) -> None:
    found = plan(tmp_path, "1.2.1", benchmark={"backend": "pytorch", "concurrency": [1, 16]})
    assert [stage.measures for stage in found.stages] == [None, 0, 1]
    assert [configuration.concurrency for configuration in found.configurations] == [1, 16]
    assert "--concurrency 16" in words(found.stages[2])
    assert "/results/1/" in words(found.stages[2])


def test_options_of_the_profile_become_words(tmp_path: Path) -> None:
    benchmark = {
        "backend": "pytorch", "streaming": True, "warm_up": 0, "num_requests": 30, "max_batch_size": 64,
        "max_num_tokens": 4096, "kv_cache_free_gpu_mem_fraction": 0.8, "eos_id": -1,
        "chunked_context": False, "scheduler_policy": "max_utilization", "extra_args": ["--log", "x"],
    }  # fmt: skip
    found = plan(tmp_path, "1.2.1", benchmark=benchmark)
    said = words(found.stages[1])
    for option in (
        "--streaming", "--warmup 0", "--num_requests 30", "--max_batch_size 64", "--max_num_tokens 4096",
        "--kv_cache_free_gpu_mem_fraction 0.8", "--eos_id -1", "--disable_chunked_context",
        "--scheduler_policy max_utilization",
    ):  # fmt: skip
        assert option in said
    assert said.endswith("--log x")
    assert found.configurations[0].requests == 30


@pytest.mark.parametrize(
    ("version", "build", "expected"),
    [
        ("0.16.0", {}, "--tp_size 1 --pp_size 1 --dataset "),
        ("0.16.0", {"by": "limits", "max_batch_size": 8, "max_num_tokens": 512}, "--max_seq_len 24"),
        ("0.14.0", {"by": "limits", "max_batch_size": 8, "max_num_tokens": 512}, "--max_seq_length 24"),
        ("0.19.0", {"by": "limits", "max_batch_size": 8, "max_num_tokens": 512}, "--max_seq_len 24"),
        ("0.15.0", {"by": "lengths"}, "--target_input_len 16 --target_output_len 8 --max_seq_len 24"),
        ("0.19.0", {"by": "lengths"}, "--target_input_len 16 --target_output_len 8 --max_seq_len 24"),
        ("0.19.0", {"quantization": "FP8"}, "--quantization FP8"),
    ],
)
def test_building(tmp_path: Path, version: str, build: dict[str, Any], expected: str) -> None:
    assert expected in words(plan(tmp_path, version, build=build).stages[1])


def test_a_plan_without_version_states_the_assumed_one(tmp_path: Path) -> None:
    found = plan(tmp_path, "nonsense")
    assert any("the commands are those of 0.16" in note for note in found.notes)


# --- what is refused --------------------------------------------------------------------------------------

QWEN = {"name": "Qwen/Qwen2.5-7B"}
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("0.13.0", {}, "0.13.0 is not supported: the form of its report is not known"),
    ("0.16.0", {"model": QWEN}, "does not know Qwen/Qwen2.5-7B"),
    ("0.16.0", {"model": {"name": "mistralai/Mixtral-8x7B-v0.1-Instruct"}},
     "as mistralai/Mixtral-8x7B-Instruct-v0.1; set that"),
    ("0.14.0", {"model": {"name": "meta-llama/Meta-Llama-3.1-70B"}}, "as meta-llama/Llama-3.1-70B; set that"),
    ("1.2.1", {"model": {"name": "mistralai/Mixtral-8x7B-v0.1-Instruct", "dir": None},
               "benchmark": {"backend": "pytorch"}}, "only mistralai/Mixtral-8x7B-Instruct-v0.1"),
    ("0.16.0", {"launch": {"log_level": "verbose"}}, "launch.log_level: trtllm-bench of"),
    ("1.0.0", {"model": {"revision": "main"}}, "model.revision: trtllm-bench of TensorRT-LLM 1.0.0 has no"),
    ("0.14.0", {"benchmark": {"iteration_log": True}}, "no --iteration_log; 0.15.0 is the first version"),
    ("0.16.0", {"benchmark": {"backend": "pytorch"}}, "0.17.0 is the first version known to have it"),
    ("0.17.0.dev2024121700", {"benchmark": {"concurrency": [2]}}, "no --concurrency; 0.17.0 is the first"),
    ("0.16.0", {"benchmark": {"eos_id": -1}}, "has no --eos_id; 1.0.0 is the first"),
    ("0.16.0", {"benchmark": {"max_num_tokens": 9}}, "has a defect"),
    ("0.17.0", {"benchmark": {"iteration_log": True}}, "has no --iteration_log; 0.19.0 is the first"),
    ("0.18.1", {"benchmark": {"iteration_log": True}}, "has no --iteration_log"),
    ("0.18.1", {"benchmark": {"backend": "pytorch"}, "parallel": {"ep": 2}}, "has no --ep"),
    ("0.14.0", {"build": {"by": "lengths"}}, "has no --target_input_len; 0.15.0 is the first"),
    ("0.16.0", {"build": {"quantization": "NVFP4"}}, "build.quantization: NVFP4 is not allowed"),
    ("1.2.1", {"build": {"quantization": "nvfp4"}}, "allowed: W8A16, W4A16, W4A16_AWQ"),
    ("0.16.0", {"build": {"by": "limits", "max_batch_size": 1, "max_num_tokens": 99}}, "for a batch of 1"),
    ("0.19.0", {"build": {"by": "limits", "max_batch_size": 8, "max_num_tokens": 99, "max_seq_len": 9}},
     "is 9, but a request has 24 tokens"),
    ("1.3.0rc26", {}, "no longer has engines; set backend: pytorch"),
    ("1.2.1", {"benchmark": {"command": "latency", "backend": "pytorch", "max_batch_size": 4}},
     "trtllm-bench latency of TensorRT-LLM 1.2.1 has no --max_batch_size"),
]  # fmt: skip


@pytest.mark.parametrize(("version", "changes", "said"), REFUSED)
def test_an_unsupported_feature_of_a_version_is_rejected(
    tmp_path: Path, version: str, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError) as caught:
        plan(tmp_path, version, **changes)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_plan_has_the_slo_of_the_profile(tmp_path: Path) -> None:
    stated = {"backend": "pytorch", "slo": {"e2e_ms": 500.0}}
    assert plan(tmp_path, "1.0.0", benchmark=stated).slo == Slo(e2e_ms=500.0)
    assert plan(tmp_path, "1.0.0", benchmark={"backend": "pytorch"}).slo is None


def test_0_14_has_latency_streaming_and_beams(tmp_path: Path) -> None:
    latency = plan(tmp_path, "0.14.0", benchmark={"command": "latency"}).stages[-1]
    assert " latency --engine_dir " in words(latency)
    benchmark = {"streaming": True, "beam_width": 2}
    assert "--beam_width 2 --streaming" in words(plan(tmp_path, "0.14.0", benchmark=benchmark).stages[-1])


def test_options_of_the_group_come_from_fields(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"launch": {"log_level": "verbose"}, "model": {"revision": "v1"}}
    build, benchmark = plan(tmp_path, "1.3.0rc3", **changes).stages[1:]
    for stage in (build, benchmark):
        before = words(stage).partition(" build " if stage is build else " throughput ")[0]
        assert "--log_level verbose --revision v1" in before
    (note,) = plan(tmp_path, "0.19.0", launch={"log_level": "debug"}).notes
    assert "has --log_level is not known" in note


def test_1_3_0rc3_still_builds_engines(tmp_path: Path) -> None:
    assert plan(tmp_path, "1.3.0rc3").stages[1].name == "build"


def test_an_option_of_unknown_presence_is_given_and_noted(tmp_path: Path) -> None:
    found = plan(tmp_path, "0.18.1", benchmark={"eos_id": -1, "chunked_context": True})
    assert "--eos_id -1 --enable_chunked_context" in words(found.stages[-1])
    assert "0.18.1 has --eos_id, --enable_chunked_context is not known" in found.notes[0]


def test_files_are_asked_for_only_where_the_option_is_known(tmp_path: Path) -> None:
    for version in ("0.17.0.post1", "0.18.1"):
        said = words(plan(tmp_path, version).stages[-1])
        assert "--report_json" not in said
        assert "--iteration_log" not in said
    assert "--iteration_log" in words(plan(tmp_path, "0.15.0").stages[-1])
    assert "--report_json" in words(plan(tmp_path, "1.0.0").stages[-1])


def test_latency_has_no_switch_against_chunked_context(tmp_path: Path) -> None:
    benchmark = {"backend": "pytorch", "chunked_context": False}
    for command, expected in (("throughput", True), ("latency", False)):
        said = words(plan(tmp_path, "1.2.1", benchmark=benchmark | {"command": command}).stages[-1])
        assert ("--disable_chunked_context" in said) == expected


def test_beam_width_excludes_concurrency(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="takes it or concurrency, not both"):
        plan(tmp_path, "1.2.1", benchmark={"beam_width": 2, "concurrency": [4]})


def test_qwen_is_rejected_until_a_version_builds_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="use engine: trtllm"):
        plan(tmp_path, "0.16.0", model=QWEN)
    assert plan(tmp_path, "0.17.0", model=QWEN).stages[1].name == "build"
    given = {"engine_dir": engine(tmp_path)}
    assert plan(tmp_path, "0.16.0", model=QWEN, paths=given).stages[1].skip.startswith("given")


def test_every_name_in_the_list_of_0_16_is_built(tmp_path: Path) -> None:
    for name in ("mistralai/Mixtral-8x7B-Instruct-v0.1", "mistralai/Mixtral-8x22B-Instruct-v0.1"):
        build = plan(tmp_path, "0.16.0", model={"name": name}).stages[1]
        assert f"--model {name} " in words(build)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"max_batch_size": 1}, "rejects an engine for a batch of 1"),
        ({"max_seq_len": 20}, "a request has 24 tokens in and out, the engine takes 20"),
    ],
)
def test_an_engine_that_does_not_fit(tmp_path: Path, limits: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        plan(tmp_path, "0.16.0", paths={"engine_dir": engine(tmp_path, **limits)})


def test_an_engine_for_other_gpus(tmp_path: Path) -> None:
    given = {"engine_dir": str(standins.make_engine(tmp_path / "engine", ranks=2))}
    with pytest.raises(UserError, match="built for tp 2, pp 1; set"):
        plan(tmp_path, "0.19.0", paths=given)
