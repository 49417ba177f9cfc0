"""Which values stay with their owner; what merely sounds like a secret is needed to repeat a run."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from runner.plan import redaction
from runner.run import layout
from runner.sweep import control, directory
from tests.support.runs import plan_of, record
from tests.support.sweeps import tiny


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


@pytest.mark.parametrize(("name", "mode"), [("HF_TOKEN", 0o600), ("OMP_NUM_THREADS", 0o644)])
def test_a_run_with_a_secret_is_for_its_owner_alone(name: str, mode: int, tmp_path: Path) -> None:
    run_dir = record(tmp_path / "run", plan_of(["true"], env={name: "4"}), [])
    script = run_dir / layout.REPRO
    paths = (run_dir / layout.PLAN, run_dir / layout.PROFILE, script)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in paths]
    assert modes == [mode, mode, mode | 0o100 | mode >> 2 & 0o011]


@pytest.mark.parametrize(("name", "mode"), [("HF_TOKEN", 0o600), ("OMP_NUM_THREADS", 0o644)])
def test_so_is_a_sweep(name: str, mode: int) -> None:
    profile = tiny(f"launch: {{env: {{{name}: '4'}}}}\n")
    sweep = directory.create_sweep(control.repeat_sweep(profile, 2))
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
