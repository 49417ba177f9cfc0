"""Stages that are skipped, reused or started in the middle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.engines import build_cache
from runner.plan.plan import Plan
from runner.plan.repro_script import repro_script
from runner.util.errors import UserError
from tests.runner.engines.trtllm.support import (
    local,
    plan,
    stage,
    value_of,
)


def skips(made: Plan) -> dict[str, str]:
    return {stage.name: stage.skip.split(":")[0] for stage in made.stages}


def finish(made: Plan, name: str) -> None:
    done = stage(made, name)
    Path(done.output).mkdir(parents=True)
    build_cache.commit(done.output, done.identity)


def test_nothing_there_everything_runs(tmp_path: Path) -> None:
    assert skips(plan(local(tmp_path))) == {"convert": "", "build": "", "smoke": "", "benchmark": ""}


def test_finished_outputs_are_reused(tmp_path: Path) -> None:
    profile = local(tmp_path)
    first = plan(profile)
    finish(first, "convert")
    assert skips(plan(profile)) == {"convert": "cached", "build": "", "smoke": "", "benchmark": ""}
    finish(first, "build")
    made = plan(profile)
    assert skips(made) == {"convert": "not needed", "build": "cached", "smoke": "", "benchmark": ""}
    assert stage(made, "build").skip == f"cached: {stage(first, 'build').output}"
    assert stage(made, "build").output == "", "nothing is made"


def test_a_changed_option_is_named(tmp_path: Path) -> None:
    finish(plan(local(tmp_path, "build.max_batch_size=32")), "build")
    made = plan(local(tmp_path))
    assert stage(made, "build").skip == ""
    assert stage(made, "build").again == "max_batch_size 32 -> 16"


def test_a_half_written_engine_is_not_an_engine(tmp_path: Path) -> None:
    profile = local(tmp_path)
    Path(stage(plan(profile), "build").output).mkdir(parents=True)
    made = plan(profile)
    assert stage(made, "build").skip == ""
    assert stage(made, "build").again == "an earlier run did not finish it"


def test_one_stage_alone(tmp_path: Path) -> None:
    made = plan(local(tmp_path, "stages=[convert]"))
    assert skips(made) == {
        "convert": "",
        "build": "not asked for",
        "smoke": "not asked for",
        "benchmark": "not asked for",
    }
    assert made.configurations == []


def test_benchmark_alone_needs_an_engine(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        plan(local(tmp_path, "stages=[benchmark]"))
    assert str(error.value) == (
        "stages: benchmark needs an engine, and no earlier run of this profile made one\n"
        "add build to stages, or give paths.engine_dir"
    )


def test_build_alone_needs_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="build needs a checkpoint, and no earlier run"):
        plan(local(tmp_path, "stages=[build]"))


def test_starting_from_a_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"dtype": "bfloat16", "mapping": {"tp_size": 8}}))
    made = plan(local(tmp_path, f"paths.checkpoint_dir={tmp_path}"))
    assert stage(made, "convert").skip == f"given: paths.checkpoint_dir {tmp_path}"
    assert value_of(stage(made, "build").argv, "--checkpoint_dir") == str(tmp_path)
    assert value_of(stage(made, "benchmark").argv, "--dtype") == "bfloat16"


def engine_in(folder: Path, **limits: int) -> None:
    config = {
        "version": "0.16.0",
        "pretrained_config": {"dtype": "bfloat16", "mapping": {"world_size": 8, "tp_size": 8, "pp_size": 1}},
        "build_config": {"max_batch_size": 16, "max_input_len": 1024, "max_seq_len": 2048} | limits,
    }
    (folder / "config.json").write_text(json.dumps(config))


def test_starting_from_an_engine(tmp_path: Path) -> None:
    engine_in(tmp_path)
    made = plan(local(tmp_path, f"paths.engine_dir={tmp_path}"))
    assert skips(made) == {"convert": "given", "build": "given", "smoke": "", "benchmark": ""}
    assert value_of(stage(made, "benchmark").argv, "--engine_dir") == str(tmp_path)
    assert value_of(stage(made, "benchmark").argv, "--dtype") == "bfloat16", "the engine's, not the profile's"


def test_an_engine_that_upstream_would_skip_is_rejected(tmp_path: Path) -> None:
    engine_in(tmp_path, max_batch_size=8)
    with pytest.raises(UserError) as error:
        plan(local(tmp_path, f"paths.engine_dir={tmp_path}"))
    assert str(error.value) == ("paths.engine_dir: batch size 16 is more than the engine's max_batch_size 8")


def test_repro_script_leaves_out_what_is_not_run(tmp_path: Path) -> None:
    made = plan(local(tmp_path, "stages=[convert]"))
    script = repro_script(made)
    assert "# 1: build, not run: not asked for\n# PYTHONUNBUFFERED=1 trtllm-build" in script
