"""What a profile means in commands: the plan of the torch engine."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
import pytest

from runner.engines import mpi
from runner.engines.mpi import MpirunProgram
from runner.engines.registry import make_plan
from runner.engines.torch import plan as torch
from runner.engines.torch.profile import TorchProfile
from runner.plan.plan import Configuration
from runner.plan.repro_script import as_shell
from runner.profile import store as profile_store
from runner.profile.set_fields import with_changes
from runner.util.errors import UserError

CONFIG = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
          "num_key_value_heads": 2, "vocab_size": 100}  # fmt: skip


@pytest.fixture(autouse=True)
def one_mpirun(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans are the same wherever the tests run."""
    monkeypatch.setattr(torch, "find_mpirun", lambda *_: MpirunProgram("/usr/bin/mpirun", "openmpi", "5"))
    monkeypatch.setattr(torch, "default_python", lambda: "/usr/bin/python3")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


def quickstart() -> TorchProfile:
    profile = profile_store.find("quickstart").load()
    assert isinstance(profile, TorchProfile)
    return with_changes(profile, ["benchmark.batch_size=[1, 4]",
                                  "benchmark.input_output_len=[[32, 16], [64, 24]]",
                                  "benchmark.num_runs=20"])  # type: ignore[return-value]  # fmt: skip


def test_the_command_of_quickstart() -> None:
    [stage] = make_plan(quickstart()).stages
    assert stage.cwd == "$RUN"
    assert stage.ranks == 2
    assert as_shell(stage, for_display=True) == (
        f"/usr/bin/mpirun -n 2 --oversubscribe --bind-to none /usr/bin/python3 {torch.PROGRAM}"
        " --engine_dir $RUN/model/quickstart --batch_size '1;4' --input_output_len '32,16;64,24'"
        " --dtype float32 --device cpu --seed 0 --num_runs 20 --duration 0 --warm_up 2"
    )


@pytest.mark.parametrize(
    "stored",
    [
        stored
        for stored in profile_store.list_profiles()
        if stored.origin == "built in" and stored.load().engine == "torch"
    ],
    ids=lambda stored: stored.name,
)
def test_every_built_in_profile_of_the_torch_engine_has_a_plan(stored: profile_store.StoredProfile) -> None:
    profile = stored.load()
    assert isinstance(profile, TorchProfile)
    plan = make_plan(profile)
    assert plan.stages
    assert plan.configurations
    assert plan.summary.endswith(f"tp {profile.parallel.tp}, random weights")


def test_a_plan_survives_its_file() -> None:
    plan = make_plan(quickstart())
    assert msgspec.json.decode(msgspec.json.encode(plan), type=type(plan)) == plan


def test_configurations_in_the_order_of_measuring() -> None:
    assert make_plan(quickstart()).configurations == [
        Configuration(1, 32, 16),
        Configuration(4, 32, 16),
        Configuration(1, 64, 24),
        Configuration(4, 64, 24),
    ]


def test_the_shape_comes_from_the_folder_of_a_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    profile = with_changes(quickstart(), [f"model.dir={tmp_path}", "model.shape=null"])
    written = make_plan(profile).files["model/quickstart/config.json"]
    assert json.loads(written)["hidden_size"] == 64


def test_tp_that_does_not_fit_the_model_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    profile = with_changes(quickstart(), [f"model.dir={tmp_path}", "model.shape=null", "parallel.tp=3"])
    with pytest.raises(UserError) as raised:
        make_plan(profile)
    assert str(raised.value) == (
        "parallel.tp: tp 3 does not fit 4 query heads, 2 key/value heads and intermediate_size 96;"
        " allowed: 1, 2, 4"
    )


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    cuda = with_changes(quickstart(), ["model.device=cuda"])
    assert make_plan(quickstart()).devices == ["cpu"]
    assert make_plan(cuda).devices == ["gpu-0", "gpu-1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    assert make_plan(cuda).devices == ["gpu-4", "gpu-5"]
    own = with_changes(cuda, ["launch.env.CUDA_VISIBLE_DEVICES=7,3"])
    assert make_plan(own).devices == ["gpu-7", "gpu-3"]


def test_more_ranks_than_cores_is_noted_before_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert make_plan(quickstart()).notes == []
    [note] = make_plan(with_changes(quickstart(), ["parallel.tp=8"])).notes
    assert note.startswith("8 ranks share 4 cores: the run works")


def test_no_mpirun(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch, "find_mpirun", mpi.find_mpirun)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError) as raised:
        make_plan(with_changes(quickstart(), [f"launch.python={tmp_path}/python3"]))
    assert raised.value.args[0] == (
        "there is no mpirun: none on PATH and none next to the interpreter, which does not exist either"
    )
    assert raised.value.hint.startswith("install one with pip install")


def test_an_mpirun_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "find_mpirun", mpi.find_mpirun)
    with pytest.raises(UserError, match=r"launch\.mpirun\.path: /no/mpirun is not a program"):
        make_plan(with_changes(quickstart(), ["launch.mpirun.path=/no/mpirun"]))


def test_a_small_decoder_is_not_one_of_0_parameters() -> None:
    shape = ["model.shape.hidden_size=64", "model.shape.intermediate_size=128", "model.shape.vocab_size=1000"]
    summary = make_plan(with_changes(quickstart(), shape)).summary
    assert summary.startswith("0.36 M parameters, ")
