"""What is checked before a job is submitted."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.engines.slurm.programs import Answer
from runner.preflight.job import pyxis_check, shared_check, trial_check
from runner.util.file_systems import file_system_of


@pytest.mark.parametrize(
    ("answer", "verdict", "text"),
    [
        (
            Answer("", "", "sbatch: Job 8 to start at 1795974700 using 1 processors on nodes n1 in p"),
            "pass",
            "Slurm would start it in about 1:40, on n1",
        ),
        (
            Answer("", "allocation failure: Invalid partition name specified"),
            "fail",
            "Invalid partition name",
        ),
    ],
)
def test_verdict_of_slurm_is_the_check(answer: Answer, verdict: str, text: str) -> None:
    found = trial_check(answer, 1795974600.0)
    assert found.verdict == verdict
    assert text in found.text


def test_a_container_needs_pyxis_and_its_variables_a_newer_one() -> None:
    image, env = "--container-image=PATH", "--container-env=NAME"
    assert [pyxis_check(options, ["A"]).verdict for options in ("", image, f"{image} {env}")] == [
        *("fail", "warn", "pass")
    ]
    assert pyxis_check(image, []).verdict == "pass"


def test_local_disk_is_a_warning_and_a_shared_one_is_not() -> None:
    assert [check.verdict for check in shared_check("ext4")] == ["warn"]
    assert not list(shared_check("nfs4"))


def test_innermost_mount_decides(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/a / ext4 rw 0 0\nhome:/x {tmp_path}/a\\040b nfs4 rw 0 0\n")
    assert file_system_of(tmp_path / "a b" / "runs", mounts) == "nfs4"
    assert file_system_of(tmp_path / "other", mounts) == "ext4"
