"""Which values stay with their owner; what merely sounds like a secret is needed to repeat a run."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec
import pytest

from runner.plan import redaction
from runner.plan.node_launch import NodeLaunch
from runner.plan.repro_script import as_shell
from runner.run import layout
from runner.sweep import directory
from tests.support.runs import plan_of, record
from tests.support.sweeps import TINY, sweep_of


@pytest.mark.parametrize(
    "name",
    ["HF_TOKEN", "HUGGINGFACEHUB_API_TOKEN", "NGC_API_KEY", "AWS_ACCESS_KEY_ID", "aws_secret_access_key",
     "MLFLOW_TRACKING_PASSWORD", "PGPASSWORD", "GITHUB_PAT", "DOCKER_AUTH_CONFIG", "MYTOKEN", "SSH_KEY",
     "REDIS_PASS", "MYSQL_PWD"],
)  # fmt: skip
def test_secrets(name: str) -> None:
    assert redaction.is_secret(name, "x")


@pytest.mark.parametrize(
    "name",
    ["TOKENIZERS_PARALLELISM", "MAX_NUM_TOKENS", "PATH", "LD_LIBRARY_PATH", "XAUTHORITY", "KEYBOARD",
     "NCCL_DEBUG", "CUDA_VISIBLE_DEVICES", "OMPI_MCA_btl", "PWD", "OLDPWD", "PATTERN",
     "BYPASS"],
)  # fmt: skip
def test_what_is_none(name: str) -> None:
    assert not redaction.is_secret(name, "x")


def test_the_user_in_a_web_address() -> None:
    assert redaction.is_secret("http_proxy", "http://me:word@proxy:80")
    assert not redaction.is_secret("http_proxy", "http://proxy:80/a@b")


@pytest.mark.parametrize(("words", "public", "values"), [
    (["--api-key=s3cret", "x"], ["--api-key=(withheld)", "x"], ["s3cret"]),
    (["--hf_token", "s3cret", "x"], ["--hf_token", "(withheld)", "x"], ["s3cret"]),
    (["https://h/m?v=1&token=s3cret#a"], ["https://h/m?v=1&token=(withheld)#a"], ["s3cret"]),
    (["--url=http://h?X-Amz-Signature=s3cret"], ["--url=http://h?X-Amz-Signature=(withheld)"], ["s3cret"]),
    (["http://me:s3cret@h/"], ["http://(withheld)@h/"], ["s3cret"]),
    (["-H", "Authorization: Bearer s3cret"], ["-H", "Authorization: Bearer (withheld)"], ["s3cret"]),
    (["--header=X-Api-Key: s3cret"], ["--header=X-Api-Key: (withheld)"], ["s3cret"]),
    (["The key: a token: yes"], ["The key: a token: yes"], []),
    (["-e", "HF_TOKEN", "box"], ["-e", "HF_TOKEN", "box"], []),
    (["-eTOKEN", "box"], ["-eTOKEN", "box"], []),
    (["--token", "--verbose"], ["--token", "--verbose"], []),
    (["--pad_token_id", "0", "--eos-token-id=151643"], ["--pad_token_id", "0", "--eos-token-id=151643"], []),
    (["--max_num_tokens", "16384"], ["--max_num_tokens", "16384"], []),
    (["--tokenizer", "/m"], ["--tokenizer", "/m"], []),
])  # fmt: skip
def test_words_of_a_command(words: list[str], public: list[str], values: list[str]) -> None:
    plan = plan_of(words)
    assert redaction.redact_plan(plan).stages[0].argv == public
    assert redaction.secret_values(plan) == values
    assert redaction.redact_profile({"args": words})["args"] == public
    assert redaction.values_in_profile({"args": words}) == values
    assert bool(redaction.withheld_names(plan)) is bool(values)


def test_withheld_option_is_a_variable_of_the_script() -> None:
    plan = redaction.redact_plan(plan_of(["x", "--api-key=s3cret", "--hf_token", "s3cret"]))
    why = "?set it, its value is withheld here}"
    assert as_shell(plan.stages[0]) == f'x --api-key="${{API_KEY{why}" --hf_token "${{HF_TOKEN{why}"'


def test_secrets_of_node_agents_are_withheld() -> None:
    launch = NodeLaunch(launcher="mpich", argv=["x"], env={"HF_TOKEN": "s3cret"}, python="python3", nodes=2)
    nodes = redaction.redact_plan(msgspec.structs.replace(plan_of(["true"]), nodes=launch)).nodes
    assert nodes is not None
    assert nodes.env == {"HF_TOKEN": redaction.WITHHELD}


@pytest.mark.parametrize(("name", "mode"), [("HF_TOKEN", 0o600), ("OMP_NUM_THREADS", 0o644)])
def test_a_run_with_a_secret_is_for_its_owner_alone(name: str, mode: int, tmp_path: Path) -> None:
    run_dir = record(tmp_path / "run", plan_of(["true"], env={name: "4"}), [])
    script = run_dir / layout.REPRO
    paths = (run_dir / layout.PLAN, run_dir / layout.PROFILE, script)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in paths]
    assert modes == [mode, mode, mode | 0o100 | mode >> 2 & 0o011]


@pytest.mark.parametrize(("name", "mode"), [("HF_TOKEN", 0o600), ("OMP_NUM_THREADS", 0o644)])
def test_raw_logs_have_the_permissions_of_the_plan(name: str, mode: int, tmp_path: Path) -> None:
    run_dir = tmp_path / "runs" / "run"
    before = os.umask(0)
    try:
        with layout.create_run_dir(run_dir, plan_of(["true"], env={name: "4"}), "name: p\n"):
            assert layout.log_mode(run_dir) == mode
    finally:
        os.umask(before)
    assert [path for path in (tmp_path / "runs").rglob("*") if path.stat().st_mode & 0o022] == []


@pytest.mark.parametrize(("name", "mode"), [("HF_TOKEN", 0o600), ("OMP_NUM_THREADS", 0o644)])
def test_so_is_a_sweep(name: str, mode: int) -> None:
    spec = sweep_of(1)
    cell = msgspec.structs.replace(spec.cells[0], profile=f"{TINY}launch: {{env: {{{name}: '4'}}}}\n")
    sweep = directory.create_sweep(msgspec.structs.replace(spec, cells=[cell]))
    assert stat.S_IMODE((sweep / directory.SPEC).stat().st_mode) == mode


def test_a_profile_is_shared_without_such_variables() -> None:
    data = {
        "name": "p",
        "launch": {
            "env": {"HF_TOKEN": "hf_x", "OMP_NUM_THREADS": "4"},
            "mpirun": {"args": ["-x", "HF_TOKEN=hf_x", "-x", "OMP_NUM_THREADS=4"]},
            "container": {"options": ["--env=API_KEY=k", "-eTOKEN=t", "--ipc=host"]},
        },
    }
    assert redaction.redact_profile(data) == {
        "name": "p",
        "launch": {
            "env": {"OMP_NUM_THREADS": "4"},
            "mpirun": {"args": ["-x", "HF_TOKEN", "-x", "OMP_NUM_THREADS=4"]},
            "container": {"options": ["--env=API_KEY", "-eTOKEN", "--ipc=host"]},
        },
    }
