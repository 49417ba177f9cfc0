"""The stand-ins as a whole: convert, build, smoke and benchmark, with the files in between."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runner.engines.benchmark_line import results_in
from runner.engines.run_answers import answers_in
from runner.engines.tensorrt_llm import options_by_version
from runner.engines.tensorrt_llm.options import parse_help
from runner.engines.tensorrt_llm.versions import Version
from tests import standins
from tests.runner.ranks import support

ENV = standins.environment()
BUILD = str(standins.ROOT / "bin" / "trtllm-build")
EXAMPLES = standins.CHECKOUT / "examples"


def test_trtllm_build_has_the_options_of_upstream() -> None:
    done = subprocess.run([BUILD, "--help"], env=os.environ | ENV, capture_output=True, text=True, check=True)
    found = {name.removeprefix("--") for name in parse_help(done.stdout).options}
    version = Version.parse("0.16.0")
    expected = {
        name
        for name in options_by_version.option_names("build")
        if options_by_version.presence("build", name, version) is options_by_version.Presence.YES
    }
    assert found == expected | {"help"}


@support.needs_mpi
@pytest.mark.mpi
def test_from_a_model_to_a_result(tmp_path: Path) -> None:
    model = standins.make_model(tmp_path / "model")
    checkpoint, engine = tmp_path / "checkpoint", tmp_path / "engine"
    script = str(EXAMPLES / "qwen" / "convert_checkpoint.py")
    convert = (script, "--model_dir", str(model), "--output_dir", str(checkpoint), "--tp", "2")
    converted = support.python(*convert, "--dtype", "float16", cwd=tmp_path, **ENV)
    assert "\n0.16.0\n" in converted.stdout, converted.stderr
    assert converted.stdout.splitlines()[-1].startswith("Total time of converting checkpoints: 00:00:0")
    assert len(list(checkpoint.glob("rank*.safetensors"))) == 2

    limits = (
        "--max_batch_size",
        "4",
        "--max_input_len",
        "16",
        "--max_seq_len",
        "32",
        "--gemm_plugin",
        "auto",
    )
    build = (BUILD, "--checkpoint_dir", str(checkpoint), "--output_dir", str(engine), "--gemm_plugin", "auto")
    built = support.python(*build, *limits, cwd=tmp_path, **ENV)
    assert built.stdout.count("Build TensorRT engine Unnamed Network 0") == 2, built.stderr
    assert "Set gemm_plugin to float16." in built.stdout
    assert built.stdout.splitlines()[-1].endswith("Total time of building all engines: 00:00:00")
    config = json.loads((engine / "config.json").read_text())
    assert config["build_config"]["max_batch_size"] == 4
    assert config["build_config"]["plugin_config"]["multiple_profiles"] is False
    assert config["pretrained_config"]["mapping"]["world_size"] == 2

    smoke = (str(EXAMPLES / "run.py"), "--engine_dir", str(engine), "--max_output_len", "8")
    answered = support.mpirun(2, *smoke, "--input_text", "How do I count?", **ENV)
    (answer,) = answers_in(answered.stdout)
    assert answer.prompt == "How do I count?"
    assert answer.output.startswith("Un, deux")

    shapes = ("--batch_size", "4;8", "--input_output_len", "16,4;17,4", "--duration", "0")
    measured = support.mpirun(2, str(standins.BENCHMARK), "--engine_dir", str(engine), *shapes, **ENV)
    assert [values["batch_size"] for values in results_in(measured.stdout)] == ["4"]
    assert measured.stdout.count("skipping.") == 4, "two skips, said by both ranks"


def test_help_lists_what_this_version_has(tmp_path: Path) -> None:
    text = support.python(BUILD, "--help", cwd=tmp_path, **ENV).stdout
    for option in ("--max_decoder_seq_len", "--use_fused_mlp", "--low_latency_gemm_plugin", "--dry_run"):
        assert option in text
    for removed in ("--enable_xqa", "--lookup_plugin", "--tp_size", "--max_output_len"):
        assert removed not in text
    refused = support.python(BUILD, "--tp", "8", cwd=tmp_path, **ENV)
    assert refused.returncode == 2
    assert "trtllm-build: error: unrecognized arguments: --tp 8" in refused.stderr


def test_heads_that_cannot_be_spread(tmp_path: Path) -> None:
    model = standins.make_model(tmp_path, num_attention_heads=28)
    script = str(EXAMPLES / "llama" / "convert_checkpoint.py")
    done = support.python(script, "--model_dir", str(model), "--tp_size", "8", cwd=tmp_path, **ENV)
    assert done.returncode == 1
    assert not (tmp_path / "tllm_checkpoint").exists()


def test_a_slow_build_is_silent(tmp_path: Path) -> None:
    model = standins.make_model(tmp_path / "model")
    script = str(EXAMPLES / "qwen" / "convert_checkpoint.py")
    support.python(script, "--model_dir", str(model), cwd=tmp_path, **ENV)
    began = time.monotonic()
    build = (BUILD, "--checkpoint_dir", "tllm_checkpoint")
    done = support.python(*build, cwd=tmp_path, **ENV, TRTLLM_STANDIN_BUILD_S="0.5")
    assert done.returncode == 0
    assert time.monotonic() - began > 0.5
    assert (tmp_path / "engine_outputs" / "rank0.engine").stat().st_size > 0
    assert "using deduced value 4096" in done.stdout


def test_hang_at_the_start_of_mpi(tmp_path: Path) -> None:
    engine = standins.make_engine(tmp_path)
    process = subprocess.Popen(
        [sys.executable, str(standins.BENCHMARK), "--engine_dir", str(engine)],
        env=os.environ | ENV | {"TRTLLM_STANDIN_FAULTS": "benchmark=mpi-hang"},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"[TensorRT-LLM] TensorRT-LLM version: 0.16.0\n"
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1)
    process.kill()
    assert process.communicate()[0] == b""


def test_its_version_is_found_without_importing_it() -> None:
    (found,) = importlib.metadata.distributions(name="tensorrt_llm", path=[str(standins.ROOT / "site")])
    assert found.version == "0.16.0"
