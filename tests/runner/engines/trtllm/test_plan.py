"""Plans of trtllm: the commands that users otherwise type by hand."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest

from runner.engines import container
from runner.engines.registry import make_plan
from runner.engines.trtllm.stage_launch import OBSERVER
from runner.plan.plan import RUN_DIR
from runner.plan.repro_script import as_shell
from runner.profile.set_fields import with_changes
from runner.profile.yaml_file import load_text
from runner.util.errors import UserError
from tests.runner.engines.trtllm.support import (
    CHECKPOINT,
    ENGINE,
    changed,
    flagship,
    local,
    plan,
    site,
    stage,
    value_of,
    words,
)

# Each command as it is typed by hand, below the folder it is typed in.
CONVERT = """
python convert_checkpoint.py --model_dir  /test_data/Qwen2.5-32B-Instruct/  \
                              --output_dir /tmp/tllm_checkpoint_8gpu_fp16 \
                              --tp 8 \
                              --dtype float16
"""
BUILD = """
trtllm-build --checkpoint_dir tllm_checkpoint_8gpu_fp16 \
    --output_dir /tmp/tllm_engine_bs16_tp8_fp16 \
    --gemm_plugin auto \
    --max_batch_size 16 \
    --max_num_tokens 16384 \
    --max_input_len 1024
"""
SMOKE = """
mpirun -n 8 python3 run.py --engine_dir ./qwen/tllm_engine_bs16_tp8_fp16 --max_output_len 100 \
    --tokenizer_dir /test_data/Qwen2.5-32B-Instruct --input_text "How do I count to nine in French?"
"""
BENCHMARK = """
mpirun -n 8 python benchmark.py \
--model dec \
--engine_dir /tmp/tllm_engine_bs16_tp8_fp16 \
--batch_size 16 \
--input_output_len "1024,1024" \
--num_runs 10
"""


def by_hand(command: str, *differences: tuple[str, str]) -> list[str]:
    """The words of a command typed by hand, with the deliberate differences made."""
    typed = shlex.split(command)
    for theirs, ours in differences:
        start = next(i for i in range(len(typed)) if typed[i : i + len(theirs.split())] == theirs.split())
        typed[start : start + len(theirs.split())] = ours.split()
    return typed


def test_convert() -> None:
    assert words(plan(flagship()), "convert") == by_hand(
        CONVERT,
        # Absolute paths: it does not matter where a stage is started.
        (
            "python convert_checkpoint.py",
            "/usr/bin/python3 /code/tensorrt_llm/examples/qwen/convert_checkpoint.py",
        ),
        ("/test_data/Qwen2.5-32B-Instruct/", "/test_data/Qwen2.5-32B-Instruct"),
        ("/tmp/tllm_checkpoint_8gpu_fp16", CHECKPOINT),
        # The option is called --tp_size; --tp works only as an abbreviation of it.
        ("--tp", "--tp_size"),
    )


def test_build() -> None:
    assert words(plan(flagship()), "build") == by_hand(
        BUILD, ("tllm_checkpoint_8gpu_fp16", CHECKPOINT), ("/tmp/tllm_engine_bs16_tp8_fp16", ENGINE)
    )


def test_smoke() -> None:
    assert words(plan(flagship()), "smoke") == by_hand(
        SMOKE,
        ("python3 run.py", "/usr/bin/python3 /code/tensorrt_llm/examples/run.py"),
        ("./qwen/tllm_engine_bs16_tp8_fp16", ENGINE),
    )


def test_benchmark() -> None:
    program = f"/usr/bin/python3 {OBSERVER} /code/tensorrt_llm/benchmarks/python/benchmark.py"
    defaults_written_out = ["--duration", "60", "--warm_up", "2", "--dtype", "float16"]
    phases_made_visible = ["--log_level", "info"]
    assert words(plan(flagship()), "benchmark") == [
        # The observer runs benchmark.py unmodified and reports every iteration.
        *by_hand(BENCHMARK, ("python benchmark.py", program), ("/tmp/tllm_engine_bs16_tp8_fp16", ENGINE)),
        *defaults_written_out,
        *phases_made_visible,
    ]


def test_root_variables() -> None:
    """By hand: `OMPI_ALLOW_RUN_AS_ROOT=1=1`, which Open MPI refuses; both must be exactly 1."""
    for name in ("smoke", "benchmark"):
        assert stage(plan(flagship()), name).env == {
            "OMPI_ALLOW_RUN_AS_ROOT": "1",
            "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        }


def test_lists_are_quoted_for_a_shell() -> None:
    profile = changed(
        flagship(), "benchmark.batch_size=[1, 16]", "benchmark.input_output_len=[[8, 4], [9, 5]]"
    )
    shell = as_shell(stage(plan(profile), "benchmark"))
    assert "--batch_size '1;16' --input_output_len '8,4;9,5'" in shell


def test_outputs_are_named_by_profile_and_contents() -> None:
    made = plan(flagship())
    assert stage(made, "convert").output.startswith("/tmp/trtbench/qwen2.5-32b-fp16-tp8-checkpoint-")
    assert stage(made, "build").output.startswith("/tmp/trtbench/qwen2.5-32b-fp16-tp8-engine-")
    assert value_of(stage(made, "build").argv, "--checkpoint_dir") == stage(made, "convert").output
    assert stage(made, "build").identity["max_batch_size"] == "16"
    assert stage(made, "build").identity["GPU"] == "NVIDIA H200, 9.0"
    assert stage(made, "build").identity["checkpoint tp_size"] == "8"


def test_a_stage_works_in_the_run_directory() -> None:
    """Timing caches and CSV files that the tools drop there belong to the run."""
    assert {stage.cwd for stage in plan(flagship()).stages} == {str(RUN_DIR)}


def test_ranks_and_summary() -> None:
    made = plan(flagship())
    assert [(stage.name, stage.ranks, stage.reports) for stage in made.stages] == [
        ("convert", 1, False),
        ("build", 1, False),
        ("smoke", 8, False),
        ("benchmark", 8, True),
    ]
    assert made.summary == "Qwen2.5-32B-Instruct, float16, tp 8"
    assert made.devices == [f"gpu-{index}" for index in range(8)]


def test_quantisation_reaches_convert() -> None:
    profile = changed(
        flagship(), "convert.use_weight_only=true", "convert.weight_only_precision=int4", "convert.workers=8"
    )
    argv = words(plan(profile), "convert")
    options = "--tp_size 8 --dtype float16 --use_weight_only --weight_only_precision int4 --workers 8"
    assert " ".join(argv).endswith(options)
    assert "workers" not in stage(plan(profile), "convert").identity, "it does not change what is made"


def test_extra_arguments_come_last() -> None:
    profile = changed(
        flagship(), "build.extra_args=[--cluster_key, H200-SXM]", "benchmark.extra_args=[--dump_layer_info]"
    )
    assert words(plan(profile), "build")[-2:] == ["--cluster_key", "H200-SXM"]
    assert words(plan(profile), "benchmark")[-1] == "--dump_layer_info"


def test_encoders_have_input_lengths_only() -> None:
    profile = changed(
        flagship(),
        "benchmark.mode=enc",
        "benchmark.input_len=[128, 512]",
        "stages=[convert, build, benchmark]",
    )
    argv = words(plan(profile), "benchmark")
    assert value_of(argv, "--model") == "enc"
    assert value_of(argv, "--input_len") == "128;512"
    assert "--input_output_len" not in argv
    assert [(c.input_len, c.output_len) for c in plan(profile).configurations] == [(128, 0), (512, 0)]


def test_configurations_are_in_upstreams_order() -> None:
    profile = changed(
        flagship(),
        "benchmark.batch_size=[1, 2]",
        "benchmark.gpu_weights_percent=[0.5, 1.0]",
        "build.weight_streaming=true",
    )
    found = [(c.batch_size, c.gpu_weights_percent) for c in plan(profile).configurations]
    assert found == [(1, 0.5), (1, 1.0), (2, 0.5), (2, 1.0)]
    assert value_of(words(plan(profile), "benchmark"), "--gpu_weights_percent") == "0.5;1.0"


def test_020_has_no_benchmark() -> None:
    with pytest.raises(UserError) as error:
        plan(flagship(), site("0.20.0"))
    assert str(error.value) == (
        "TensorRT-LLM 0.20.0 has no benchmarks/python/benchmark.py, 0.19 was the last release with it;"
        " measure this version with engine: trtllm-bench (`trtbench-tui profiles list` shows profiles of it,"
        " `profiles copy NAME mine` makes one yours), or leave benchmark out of stages"
    )


def test_020_still_builds_from_where_the_scripts_moved_to() -> None:
    made = plan(changed(flagship(), "stages=[convert, build]"), site("0.20.0"))
    script = "/code/tensorrt_llm/examples/models/core/qwen/convert_checkpoint.py"
    assert stage(made, "convert").argv[1] == script
    assert stage(made, "benchmark").skip == "not asked for"


def test_an_option_that_the_version_lacks_is_refused() -> None:
    said = r"build\.enable_xqa: trtllm-build of TensorRT-LLM 0\.16\.0 does not have it"
    with pytest.raises(UserError, match=said):
        plan(changed(flagship(), "build.enable_xqa=enable"))


def test_an_unknown_version_is_said_and_does_not_stop() -> None:
    assert plan(flagship(), site(None)).notes[0] == (
        "the version of TensorRT-LLM is not known (no package in /usr/bin/python3, none in"
        " /code/tensorrt_llm); the commands are those of 0.12 to 0.19"
    )


def test_the_source_tree_states_a_version(tmp_path: Path) -> None:
    (tmp_path / "tensorrt_llm").mkdir()
    (tmp_path / "tensorrt_llm" / "version.py").write_text('# comment\n__version__ = "0.21.0"\n')
    with pytest.raises(UserError, match=r"TensorRT-LLM 0\.21\.0 has no benchmarks/python/benchmark\.py"):
        make_plan(changed(flagship(), f"paths.tensorrt_llm={tmp_path}"))


def model_in(folder: Path, **config: object) -> None:
    shape = {
        "hidden_size": 3584,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "num_hidden_layers": 28,
    }
    (folder / "config.json").write_text(json.dumps(shape | config))


def test_heads_decide_about_tp(tmp_path: Path) -> None:
    model_in(tmp_path)
    with pytest.raises(UserError) as error:
        plan(local(tmp_path, f"model.dir={tmp_path}"))
    assert str(error.value) == (
        "parallel.tp: tp 8 does not fit the model's 28 heads and 4 key/value heads; allowed: 1, 2, 4, 28"
    )


def test_shapes_beyond_the_models_length_are_refused(tmp_path: Path) -> None:
    model_in(tmp_path, max_position_embeddings=1500)
    with pytest.raises(UserError) as error:
        plan(local(tmp_path, f"model.dir={tmp_path}", "parallel.tp=4"))
    assert str(error.value) == (
        "build.max_seq_len: is not given, so it is the model's 1500,"
        " but benchmark needs input 1024 + output 1024 = 2048"
    )


@pytest.mark.parametrize(("own", "expected"), [("bfloat16", "bfloat16"), ("float32", "float16")])
def test_dtype_auto_is_what_convert_makes_of_it(tmp_path: Path, own: str, expected: str) -> None:
    model_in(tmp_path, torch_dtype=own)
    profile = local(tmp_path, f"model.dir={tmp_path}", "model.dtype=auto", "parallel.tp=4")
    assert value_of(stage(plan(profile), "benchmark").argv, "--dtype") == expected


def test_an_unknown_dtype_is_left_to_upstream_and_said() -> None:
    made = plan(changed(flagship(), "model.dtype=auto"))
    assert "--dtype" not in stage(made, "benchmark").argv
    assert made.notes[-1] == (
        "the engine's dtype is not known, so benchmark.py takes float16; set benchmark.dtype"
    )


INSIDE = """
name: inside
engine: trtllm
model: {family: qwen, dir: /test_data/Qwen2.5-7B-Instruct}
launch:
  container: {run: tensorrt_v016, volumes: ["/data1:/test_data"], workdir: /code/tensorrt_llm}
"""


def test_ranks_on_several_hosts() -> None:
    hosts = f"launch.mpirun.hosts=[{os.uname().nodename}, b]"
    found = plan(changed(flagship(), hosts, "launch.mpirun.slots=4", "launch.mpirun.bind_to=numa"))
    benchmark = " ".join(stage(found, "benchmark").argv)
    assert benchmark.startswith(
        f"mpirun -n 8 --host {os.uname().nodename}:4,b:4 --bind-to numa -x TRTBENCH_RUN"
    )
    assert found.devices == [f"gpu-{number}" for number in range(4)]
    assert found.nodes is not None
    assert found.nodes.devices[1] == [f"cuda:{number}" for number in range(4, 8)]
    assert "rank r on GPU r % 8 of its host, so b needs GPUs 4, 5, 6, 7" in found.notes[-1]


def test_a_running_container_is_on_this_machine_only() -> None:
    with pytest.raises(UserError, match=r"launch\.container\.exec: box runs on this machine only"):
        changed(flagship(), "launch.mpirun.hosts=[a, b]", "launch.container.exec=box")


@pytest.fixture
def no_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("no_docker")
def test_stages_in_a_container_that_is_started() -> None:
    profile = load_text(INSIDE, "inside.yaml")
    benchmark = stage(make_plan(profile, Path("/runs/r1")), "benchmark")
    assert benchmark.container == "docker run trtbench-r1-benchmark"
    assert benchmark.env == {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}, (
        "docker passes them on by name"
    )
    image = benchmark.argv.index("tensorrt_v016")
    options = " ".join(benchmark.argv[:image])
    assert (
        "--volume /data1:/test_data --volume /runs/r1:/runs/r1 --volume /tmp/trtbench:/tmp/trtbench"
        in options
    )
    assert "-e OMPI_ALLOW_RUN_AS_ROOT -e OMPI_ALLOW_RUN_AS_ROOT_CONFIRM" in options
    assert benchmark.argv[image + 1 : image + 6] == ["mpirun", "-n", "1", "python3", str(OBSERVER)]


@pytest.mark.usefixtures("no_docker")
def test_mpirun_starts_a_container_for_each_rank() -> None:
    hosts = f"launch.mpirun.hosts=[{os.uname().nodename}, b]"
    env = "launch.env={PATH: /opt/bin, HF_TOKEN: hf_secret}"
    profile = with_changes(
        load_text(INSIDE, "inside.yaml"),
        [hosts, env, "parallel.tp=2", "launch.mpirun.export=[NCCL_DEBUG]"],
    )
    found = make_plan(profile, Path("/runs/r1"))
    assert stage(found, "build").container == "docker run trtbench-r1-build"
    benchmark = stage(found, "benchmark")
    assert benchmark.container == "docker ranks trtbench-r1-benchmark"
    assert benchmark.uses_host_memory
    before = benchmark.argv.index(str(container.RANK_CONTAINER))
    assert benchmark.argv[1:5] == ["-n", "2", "--host", f"{os.uname().nodename}:1,b:1"]
    exported = benchmark.argv[5 : before - 1]
    assert {"TRTBENCH_RUN", "HF_TOKEN", "NCCL_DEBUG", "PYTHONUNBUFFERED"} <= set(exported)
    assert "PATH" not in exported, "that of the image"
    image = benchmark.argv.index("tensorrt_v016")
    options = " ".join(benchmark.argv[before + 1 : image])
    assert options.startswith("trtbench-r1-benchmark docker run --rm --ipc=host")
    for word in ("-e NCCL_DEBUG", "-e HF_TOKEN", "-e PATH=/opt/bin", "--volume /runs/r1:/runs/r1"):
        assert f" {word} " in options
    assert "TRTBENCH_RUN" not in options, "the program adds it with its value"
    assert benchmark.argv[image + 1 : image + 3] == ["python3", str(OBSERVER)]
    assert "PATH" not in benchmark.env


@pytest.mark.usefixtures("no_docker")
def test_a_running_container_is_brought_the_observer() -> None:
    profile = with_changes(
        load_text(INSIDE, "inside.yaml"),
        ["launch.container.run=null", "launch.container.exec=v016", "launch.container.volumes=[]"],
    )
    benchmark = stage(make_plan(profile, Path("/runs/r1")), "benchmark")
    assert benchmark.container == "docker exec v016"
    assert benchmark.argv[:2] == ["sh", "-c"]
    inside = benchmark.argv[benchmark.argv.index("python3") + 1]
    assert inside.startswith("/tmp/trtbench-observer-")
    assert f"sh {inside} < {OBSERVER}" in benchmark.argv[2]
