"""Checkpoints and engines of earlier runs: reused, or made again with the reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.engines.build_cache import MARKER
from runner.engines.registry import make_plan
from runner.engines.trtllm.profile import TrtllmProfile
from runner.plan.plan import Stage
from runner.run import liveness
from tests import standins
from tests.integration.trtllm import support
from tests.integration.trtllm.support import profile, stages, succeed
from tests.runner.ranks.support import needs_mpi
from tests.support.runs import wait_for, wait_until_ended
from tests.support.slow import first_of

MADE = ["convert", "build"]


def making(folder: Path, **changes: Any) -> TrtllmProfile:
    """A profile that makes an engine and measures nothing."""
    return profile(folder, **support.merged({"stages": MADE}, changes))


def planned(wanted: TrtllmProfile) -> dict[str, Stage]:
    return {stage.name: stage for stage in make_plan(wanted).stages}


def outputs(folder: Path, what: str) -> list[Path]:
    return sorted((folder / "work").glob(f"small-{what}-*"))


@needs_mpi
@pytest.mark.mpi
def test_the_second_run_measures_at_once(tmp_path: Path) -> None:
    succeed(profile(tmp_path))
    (checkpoint,), (engine,) = outputs(tmp_path, "checkpoint"), outputs(tmp_path, "engine")
    built = (engine / "rank0.engine").stat().st_mtime_ns

    _, state = succeed(profile(tmp_path))

    assert stages(state) == {"convert": "skipped", "build": "skipped", "smoke": "ok", "benchmark": "ok"}
    assert state.stages[0].note == f"not needed: the engine is cached: {engine}"
    assert state.stages[1].note == f"cached: {engine}"
    assert (engine / "rank0.engine").stat().st_mtime_ns == built
    assert checkpoint.is_dir()


def test_what_changed_is_made_again_with_the_reason(tmp_path: Path) -> None:
    succeed(making(tmp_path))
    (checkpoint,) = outputs(tmp_path, "checkpoint")
    without_effect = making(tmp_path, build={"workers": 2})
    assert planned(without_effect)["build"].skip.startswith("cached: ")

    wider = making(tmp_path, build={"max_batch_size": 16})
    plan = planned(wider)
    assert plan["convert"].skip == f"cached: {checkpoint}"
    assert (plan["build"].skip, plan["build"].again) == ("", "max_batch_size 8 -> 16")
    _, state = succeed(wider)

    assert (stages(state)["convert"], stages(state)["build"]) == ("skipped", "ok")
    limits = [
        json.loads((engine / "config.json").read_text())["build_config"]
        for engine in outputs(tmp_path, "engine")
    ]
    assert sorted(limit["max_batch_size"] for limit in limits) == [8, 16], "the first engine is kept"
    assert planned(making(tmp_path))["build"].skip.startswith("cached: "), "and still used by its profile"

    standins.make_model(tmp_path / "model", num_hidden_layers=6)
    plan = planned(making(tmp_path))
    assert plan["convert"].skip == ""
    assert plan["convert"].again.startswith(f"model {tmp_path}/model, ")
    assert plan["build"].again.startswith("checkpoint model ")


@pytest.mark.parametrize("fault", first_of(["build=killed", "build=build-failed"]))
def test_a_build_that_failed_is_not_taken_for_finished(tmp_path: Path, fault: str) -> None:
    _, state = support.run(support.with_faults(tmp_path, fault, stages=MADE))
    assert (stages(state)["convert"], stages(state)["build"]) == ("ok", "failed")
    assert planned(making(tmp_path))["build"].again == "an earlier run did not finish it"

    _, state = succeed(making(tmp_path))
    assert (stages(state)["convert"], stages(state)["build"]) == ("skipped", "ok")


def test_a_stopped_build_is_not_reused(tmp_path: Path) -> None:
    slow = {"launch": {"env": {"TRTLLM_STANDIN_BUILD_S": "60"}}}
    run_dir = support.start(making(tmp_path, **slow))
    wait_for(lambda: bool(outputs(tmp_path, "engine")), "the engine's directory")
    liveness.request_stop(run_dir, "the test")
    assert wait_until_ended(run_dir).status == "stopped"

    (engine,) = outputs(tmp_path, "engine")
    # Even if the build had come far enough to look complete.
    standins.make_engine(engine)
    assert planned(making(tmp_path))["build"].again == "an earlier run did not finish it"
    succeed(making(tmp_path))
    assert (engine / MARKER).is_file()
    limits = json.loads((engine / "config.json").read_text())["build_config"]
    assert limits["max_input_len"] == 32, "it was built again, not completed"


def test_a_silent_build_shows_signs_of_life(tmp_path: Path) -> None:
    run_dir, _ = succeed(making(tmp_path, launch={"env": {"TRTLLM_STANDIN_BUILD_S": "8"}}))
    kinds = [type(event).__name__ for event in support.events(run_dir)]
    assert "Heartbeat" in kinds


def test_a_given_checkpoint_is_built_and_not_converted(tmp_path: Path) -> None:
    succeed(making(tmp_path, stages=["convert"]))
    (checkpoint,) = outputs(tmp_path, "checkpoint")
    wanted = making(tmp_path, paths={"checkpoint_dir": str(checkpoint)})
    _, state = succeed(wanted)
    assert stages(state)["convert"] == "skipped"
    assert state.stages[0].note == f"given: paths.checkpoint_dir {checkpoint}"
    assert stages(state)["build"] == "ok"


def test_quantize_makes_a_checkpoint_that_is_reused(tmp_path: Path) -> None:
    wanted = making(tmp_path, stages=["quantize", "build"], quantize={"qformat": "int4_awq"})
    _, state = succeed(wanted)
    assert stages(state) == {"quantize": "ok", "build": "ok", "smoke": "skipped", "benchmark": "skipped"}
    (checkpoint,), (engine,) = outputs(tmp_path, "checkpoint"), outputs(tmp_path, "engine")
    for folder in (checkpoint, engine):
        config = json.loads((folder / "config.json").read_text())
        assert config.get("pretrained_config", config)["quantization"]["quant_algo"] == "W4A16_AWQ"
    assert planned(wanted)["quantize"].skip == f"not needed: the engine is cached: {engine}"
    wider = making(
        tmp_path, stages=["quantize", "build"], quantize={"qformat": "int4_awq", "awq_block_size": 64}
    )
    assert planned(wider)["quantize"].again == "awq_block_size not given -> 64"
